"""Layer caches: the refs that every bake target imports and exports (cache-from, cache-to).

Every target has its own ref, named by service, strategy, platforms and branch, so that concurrent targets overwrite
nothing. `trace`, which holds the compile of all services, has one ref per set of services. All refs export in one mode:
if several refs know a step, BuildKit (0.25) uses the one it read first, and a ref that has the step's key without its
result hides one that has both. The layers of the images are exported when the images are built.

With mode=max all targets share the blobs of the compile's layers. Targets exporting concurrently would each upload
them, twenty times the new data, so `trace` exports them during the build and the other targets find them in the store.
With mode=min no ref has them: the compile runs, and its output is looked up by content.

A ref holds all platforms of its target. If only one is built, as in a matrix with a runner per architecture, the
platform is part of the name; in a shard all of its platforms are, since another shard may have others. With several
nodes, each node exports its own platforms and has its own refs.

Attributes: moby/buildkit README.md, "Export cache".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from gobake.caching.layers import oci_folder
from gobake.caching.policy.choice import CacheSettings
from gobake.caching.policy.namespaces import UNTRUSTED
from gobake.caching.store import tags
from gobake.config.caches import ATTRIBUTES, Backend
from gobake.model import Platform, Project
from gobake.recipe.bakefile import TRACE, TargetCache, exporter_name
from gobake.recipe.cache_entry import INLINE, CacheEntry
from gobake.recipe.stages import compile_stages
from gobake.targets.matrix import Matrix

_EVERY = "all"  # the platform part of a ref that holds several
_DOCKER_LACKS = ("s3", "azblob")  # missing in the BuildKit inside Docker Engine


class Builders(Struct, frozen=True, kw_only=True):
    """Properties of the builder that decide about layer caches."""

    several_nodes: bool = False
    inside_docker: bool = False  # the `docker` driver
    exports: bool = True  # False: the engine's classic image store, which can only export inline


class LayerPlan(Struct, frozen=True, kw_only=True):
    """The cache entries of every target, with notes on what of the policy is left out."""

    targets: dict[str, TargetCache]
    mode: str = "max"
    notes: tuple[str, ...] = ()

    def read_only(self, note: str) -> LayerPlan:
        targets = {name: replace(cache, exports=()) for name, cache in self.targets.items()}
        return replace(self, targets=targets, notes=(*self.notes, note))

    def without_imports(self) -> LayerPlan:
        return replace(self, targets={name: replace(cache, imports=()) for name, cache in self.targets.items()})

    @property
    def local(self) -> tuple[str, ...]:
        """The refs that the run writes to a folder."""
        every = [entry for cache in self.targets.values() for _, entries in cache.exports for entry in entries]
        return tuple(entry.name for entry in every if entry.type == "local")

    @property
    def exporters(self) -> tuple[str, ...]:
        """Extra bake targets that only export, during the build."""
        return tuple(name for name in self._exporters(compiles=True) if name not in self.targets)

    @property
    def later(self) -> tuple[str, ...]:
        """Bake targets that export the rest, after the compile's layers are in the store."""
        return self._exporters(compiles=False)

    def _exporters(self, *, compiles: bool) -> tuple[str, ...]:
        return tuple(
            exporter_name(name, platform)
            for name, cache in self.targets.items()
            for platform, entries in cache.exports
            if (name == TRACE) == compiles and any(entry != INLINE for entry in entries)
        )


def layer_caches(
    project: Project, matrix: Matrix, choice: CacheSettings, builder: Builders, tag: str = "latest"
) -> LayerPlan:
    """``cache-from`` and ``cache-to`` of all bake targets of a matrix. Reads the refs of a store that is a folder.

    ``tag``: the tag of the images that hold inline caches.
    """
    policy = choice.policy.layers
    notes = []
    backends = []
    for backend in policy.backends:
        if backend.type == "store" and choice.store is None:
            continue  # the plan already says so
        if builder.inside_docker and backend.type in _DOCKER_LACKS:
            notes.append(f"cache backend {backend.type}: the BuildKit of Docker Engine lacks it; use another builder")
            continue
        backends.append(backend)
    exports = policy.exports and bool(choice.own)
    if exports and not builder.exports and any(b.type != "inline" for b in backends):
        notes.append("layers are not exported: this engine's image store cannot; switch on the containerd image store")
    # BuildKit keeps imported results under the names of their steps for later builds: on a shared builder, an untrusted
    # run imports nothing
    reads = policy.imports and project.namespace != UNTRUSTED
    spelling = _Spelling(
        project=project,
        # fallback branches have none of the steps of a run with a namespace
        fallbacks=tuple(filter(None, [choice.own])) if project.namespace else choice.fallbacks,
        choice=choice,
        known=oci_folder.tags(choice.store.folder) if choice.store and choice.store.folder else frozenset(),
    )
    found = {}
    for cached in _cached(project, matrix, tag, compiles=policy.mode == "max"):
        own_names = cached.names(builder.several_nodes)
        imports = [entry for backend in backends for entry in spelling.imports(backend, cached, own_names) if reads]
        by_platform: list[tuple[Platform | None, tuple[CacheEntry, ...]]] = []
        for platform, name in own_names:
            entries = tuple(
                entry
                for backend in backends
                if exports and (builder.exports or backend.type == "inline")
                for entry in spelling.exports(backend, cached, name)
            )
            if entries:
                by_platform.append((platform, entries))
        found[cached.target] = TargetCache(imports=tuple(dict.fromkeys(imports)), exports=tuple(by_platform))
    return LayerPlan(targets=found, mode=policy.mode, notes=tuple(notes))


class _Cached(Struct, frozen=True, kw_only=True):
    """A bake target with layer caches."""

    target: str
    platforms: tuple[Platform, ...]
    named: str  # the first part of its tags
    image: str = ""  # the image that would hold an inline cache; "" for the compile
    sharded: bool = False

    def names(self, several_nodes: bool) -> list[tuple[Platform | None, str]]:
        """Pairs of a platform exported on its own (None: all together) and the first two parts of the tag."""
        if several_nodes and len(self.platforms) > 1:
            return [(p, f"{self.named}.{tags.platform_part([p])}") for p in self.platforms]
        part = _EVERY if len(self.platforms) > 1 and not self.sharded else tags.platform_part(self.platforms)
        return [(None, f"{self.named}.{part}")]

    @property
    def whole(self) -> str:
        return f"{self.named}.{_EVERY}"


def _cached(project: Project, matrix: Matrix, tag: str, *, compiles: bool) -> Iterator[_Cached]:
    """The bake targets of a matrix; ``compiles`` adds the one that compiles all services."""
    stages = compile_stages(matrix)
    if stages and compiles:
        built = [
            f"{s.build_root} {s.options} {[(c.package, c.service.stamps, c.service.vcs) for c in s.commands]}"
            for s in stages
        ]
        named = f"compile_{tags.digest_part(*built)}"
        sharded = any(target.sharded for target in matrix.targets)
        yield _Cached(target=TRACE, platforms=matrix.platforms, named=named, sharded=sharded)
    for target in matrix.targets:
        yield _Cached(
            target=target.name,
            platforms=target.platforms,
            named=target.name,
            image=target.image(project.prefix, tag) if project.registry else "",
            sharded=target.sharded,
        )


class _Spelling(Struct, frozen=True, kw_only=True):
    """Refs and attributes of one run."""

    project: Project
    choice: CacheSettings
    fallbacks: tuple[str, ...]  # fallback branches: their layers are read, best first
    known: frozenset[str]

    def imports(
        self, backend: Backend, cached: _Cached, own: Sequence[tuple[Platform | None, str]]
    ) -> Iterator[CacheEntry]:
        if backend.type == "inline":
            if cached.image:
                yield CacheEntry.of("registry", ref=cached.image)
            return
        for branch in self.fallbacks:
            for name in dict.fromkeys([*(name for _, name in own), cached.whole]):
                yield from self._import(backend, _tag(self.project.name, name, branch))

    def _import(self, backend: Backend, tag: str) -> Iterator[CacheEntry]:
        store = self.choice.store
        match backend.type:
            case "store" if store and store.folder:
                if tag in self.known:
                    yield CacheEntry.of("local", src=str(oci_folder.layout(store.folder, tag)))
            case "store" if store:
                yield CacheEntry.of("registry", ref=store.reference(tag))
            case "gha":
                yield CacheEntry.of("gha", scope=tag, **self._given(backend, importing=True))
            case _:
                yield CacheEntry.of(backend.type, **self._given(backend, importing=True), name=tag)

    def exports(self, backend: Backend, cached: _Cached, name: str) -> Iterator[CacheEntry]:
        policy, store = self.choice.policy.layers, self.choice.store
        tag = _tag(self.project.name, name, self.choice.own)
        mode = policy.mode
        lenient = {"ignore-error": "true"}  # a failed export must not fail the build
        fit = {"compression": policy.compression, "oci-mediatypes": "true", "image-manifest": "true"}
        match backend.type:
            case "inline":
                if cached.image:
                    yield INLINE
            case "store" if store and store.folder:
                place = oci_folder.layout(store.folder, tag)
                yield CacheEntry.of("local", dest=str(place), mode=mode, **fit, **lenient)
            case "store" if store:
                yield CacheEntry.of("registry", ref=store.reference(tag), mode=mode, **fit, **lenient)
            case "gha":
                yield CacheEntry.of("gha", scope=tag, mode=mode, **self._given(backend), **lenient)
            case _:
                yield CacheEntry.of(backend.type, **self._given(backend), name=tag, mode=mode, **lenient)

    def _given(self, backend: Backend, *, importing: bool = False) -> dict[str, str]:
        readable = ATTRIBUTES[backend.type]
        return {key: value for key, value in backend.attributes if readable[key] or not importing}


def _tag(project: str, name: str, branch: str) -> str:
    target, _, platform = name.partition(".")
    return tags.tag("layers", project, target, platform, tags.tag_part(branch))
