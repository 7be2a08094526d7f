"""Layer caches: which refs every bake target imports and exports, in BuildKit's words.

Who exports what:
- the target `trace` exports the compile stages (mode=max), once for all services, under a name of its own for every set
  of services: a compile of other services is another step, and must not take its place;
- each target that packages exports its own few layers (mode=min) under service, strategy, platform and branch. Nothing
  else writes there, so that targets side by side overwrite nothing.
A ref holds all platforms of its target, unless only one is built, as in a matrix with a runner for each architecture:
then the platform is a part of the name. With several nodes each of them exports by itself, and so each has its refs.

Attributes: moby/buildkit README.md, "Export cache".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gobake.caching import refs
from gobake.caching.choosing import CacheChoice
from gobake.config.cache_values import Backend
from gobake.config.caches import ATTRIBUTES
from gobake.matrix import Matrix
from gobake.model import Platform, Project
from gobake.recipe.bakefile import TRACE, TargetCache, exporter_name
from gobake.recipe.stages import compile_stages

_EVERY = "all"  # the platform part of a ref that holds several
_DOCKER_LACKS = ("s3", "azblob")  # not in the BuildKit that is a part of Docker Engine


@dataclass(frozen=True, kw_only=True)
class Builders:
    """What layers must know of the builder."""

    several_nodes: bool = False
    inside_docker: bool = False  # the `docker` driver
    exports: bool = True  # False: the engine's classic image store, which can only export inline


@dataclass(frozen=True, kw_only=True)
class LayerPlan:
    """Every target's strings, and what of the policy is left out."""

    targets: dict[str, TargetCache]
    notes: tuple[str, ...] = ()

    @property
    def exporters(self) -> tuple[str, ...]:
        """Bake targets beside those of the matrix that export one platform each."""
        return tuple(
            exporter_name(name, platform)
            for name, cache in self.targets.items()
            for platform, _ in cache.exports
            if platform
        )


def layer_caches(
    project: Project, matrix: Matrix, choice: CacheChoice, builder: Builders, tag: str = "latest"
) -> LayerPlan:
    """``cache-from`` and ``cache-to`` of all bake targets of a matrix. Reads the index of a store that is a folder.

    ``tag``: of the images, in which an inline cache lies.
    """
    policy = choice.policy.layers
    notes = []
    backends = []
    for backend in policy.backends:
        if backend.type == "store" and choice.store is None:
            continue  # said in the plan already
        if builder.inside_docker and backend.type in _DOCKER_LACKS:
            notes.append(f"cache backend {backend.type}: the BuildKit of Docker Engine lacks it; use another builder")
            continue
        backends.append(backend)
    exports = policy.exports and bool(choice.own)
    if exports and not builder.exports and any(b.type != "inline" for b in backends):
        notes.append("layers are not exported: this engine's image store cannot; switch on the containerd image store")
    spelling = _Spelling(project=project, choice=choice, known=_known_tags(choice))
    found = {}
    for cached in _cached(project, matrix, tag):
        own_names = cached.names(builder.several_nodes)
        imports = [
            line for backend in backends for line in spelling.imports(backend, cached, own_names) if policy.imports
        ]
        by_platform: list[tuple[Platform | None, tuple[str, ...]]] = []
        for platform, name in own_names:
            lines = tuple(
                line
                for backend in backends
                if exports and (builder.exports or backend.type == "inline")
                for line in spelling.exports(backend, cached, name)
            )
            if lines:
                by_platform.append((platform, lines))
        found[cached.target] = TargetCache(imports=tuple(dict.fromkeys(imports)), exports=tuple(by_platform))
    return LayerPlan(targets=found, notes=tuple(notes))


@dataclass(frozen=True, kw_only=True)
class _Cached:
    """A bake target that has caches."""

    target: str
    platforms: tuple[Platform, ...]
    named: str  # the first part of its tags
    image: str = ""  # where an inline cache would lie; "" for the compile
    beside: tuple[_Cached, ...] = ()  # what it may find its inputs in: the compile

    def names(self, several_nodes: bool) -> list[tuple[Platform | None, str]]:
        """(the platform that is exported apart, or None for all at once; the first two parts of the tag)."""
        if several_nodes and len(self.platforms) > 1:
            return [(p, f"{self.named}.{refs.platform_part([p])}") for p in self.platforms]
        part = _EVERY if len(self.platforms) > 1 else refs.platform_part(self.platforms)
        return [(None, f"{self.named}.{part}")]

    @property
    def whole(self) -> str:
        return f"{self.named}.{_EVERY}"


def _cached(project: Project, matrix: Matrix, tag: str) -> Iterator[_Cached]:
    stages = compile_stages(matrix)
    compiled: tuple[_Cached, ...] = ()
    if stages:
        built = [f"{s.build_root} {s.options} {[(c.package, c.stamp) for c in s.commands]}" for s in stages]
        named = f"compile_{refs.digest_part(*built)}"
        compiled = (_Cached(target=TRACE, platforms=matrix.platforms, named=named),)
        yield from compiled
    for target in matrix.targets:
        yield _Cached(
            target=target.name,
            platforms=target.platforms,
            named=target.name,
            image=target.images(project.prefix, tag)[0] if project.registry else "",
            beside=compiled,
        )


def _known_tags(choice: CacheChoice) -> frozenset[str]:
    """The tags of a store that is a folder: buildx complains about each that is not there."""
    if not choice.store or not choice.store.folder:
        return frozenset()
    return local_tags(choice.store.folder)


def layers_folder(store: Path) -> Path:
    return store / "layers"


def local_tags(store: Path) -> frozenset[str]:
    """The refs of an OCI layout, as its index names them; none where it cannot be read."""
    try:
        index = json.loads((layers_folder(store) / "index.json").read_text(encoding="utf-8"))
        named = [m.get("annotations", {}).get("org.opencontainers.image.ref.name", "") for m in index["manifests"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return frozenset()
    return frozenset(name for name in named if isinstance(name, str) and name)


@dataclass(frozen=True, kw_only=True)
class _Spelling:
    """Refs and attributes of one run."""

    project: Project
    choice: CacheChoice
    known: frozenset[str]

    def imports(self, backend: Backend, cached: _Cached, own: Sequence[tuple[Platform | None, str]]) -> Iterator[str]:
        if backend.type == "inline":
            if cached.image:
                yield _line("registry", ref=cached.image)
            return
        wanted = [name for _, name in own]
        wanted += [name for other in cached.beside for _, name in other.names(len(own) > 1)]
        wanted += [c.whole for c in (cached, *cached.beside) if c.whole not in wanted]
        for name in wanted:
            for lineage in self.choice.lineages:
                yield from self._import(backend, _tag(self.project.name, name, lineage))

    def _import(self, backend: Backend, tag: str) -> Iterator[str]:
        store = self.choice.store
        match backend.type:
            case "store" if store and store.folder:
                if tag in self.known:
                    yield _line("local", src=str(layers_folder(store.folder)), tag=tag)
            case "store" if store:
                yield _line("registry", ref=store.reference(tag))
            case "gha":
                yield _line("gha", scope=tag, **self._given(backend, importing=True))
            case _:
                yield _line(backend.type, **self._given(backend, importing=True), name=tag)

    def exports(self, backend: Backend, cached: _Cached, name: str) -> Iterator[str]:
        policy, store = self.choice.policy.layers, self.choice.store
        tag = _tag(self.project.name, name, self.choice.own)
        mode = policy.mode if cached.target == TRACE else "min"
        fit = {"compression": policy.compression, "oci-mediatypes": "true", "image-manifest": "true"}
        match backend.type:
            case "inline":
                if cached.image:
                    yield "type=inline"
            case "store" if store and store.folder:
                yield _line(
                    "local",
                    dest=str(layers_folder(store.folder)),
                    tag=tag,
                    mode=mode,
                    **fit,
                    **{"ignore-error": "true"},
                )
            case "store" if store:
                yield _line("registry", ref=store.reference(tag), mode=mode, **fit, **{"ignore-error": "true"})
            case "gha":
                yield _line("gha", scope=tag, mode=mode, **self._given(backend), **{"ignore-error": "true"})
            case _:
                yield _line(backend.type, **self._given(backend), name=tag, mode=mode, **{"ignore-error": "true"})

    def _given(self, backend: Backend, *, importing: bool = False) -> dict[str, str]:
        readable = ATTRIBUTES[backend.type]
        return {key: value for key, value in backend.attributes if readable[key] or not importing}


def _tag(project: str, name: str, lineage: str) -> str:
    target, _, platform = name.partition(".")
    return refs.tag("layers", project, target, platform, refs.tag_part(lineage))


def _line(backend: str, **attributes: str) -> str:
    return ",".join([f"type={backend}", *(f"{key}={value}" for key, value in attributes.items())])


def cache_name(line: str) -> str:
    """The part of a cache-from or cache-to that tells its ref: a tag, a scope, a manifest's name."""
    given = dict(part.partition("=")[::2] for part in line.split(","))
    if given["type"] == "registry":
        return given["ref"]
    return given.get("tag") or given.get("scope") or given.get("name") or given["type"]
