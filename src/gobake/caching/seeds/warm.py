"""Before a build: warms cold mounts, of every node of the builder, from the best seed.

With warm mounts, no registry is contacted. Mounts of another Go version count as cold, as nothing in them is of use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gobake.caching.seeds import seed as seeds
from gobake.caching.seeds.memory import Memory, known_as, note, remembered
from gobake.caching.seeds.mounts import Mount, of_platforms
from gobake.caching.seeds.restore import LOOK_SECONDS, Restored, begin_pull, restore
from gobake.caching.seeds.seed import Seed, SeedKey
from gobake.caching.seeds.store import SeedStore
from gobake.engine import Builder, CacheMount, builder_usage, node_for
from gobake.errors import RegistryRefused
from gobake.model import Platform

_EMPTY = 1_000_000  # bytes; a smaller gobuild was created and never filled


class Place(Struct, frozen=True, kw_only=True):
    """Where mounts are warmed together: a node of several, or a builder."""

    builder: str  # for buildx: its name or address, "" for the current builder
    platforms: tuple[Platform, ...]  # of the machines whose Go can use the seeds
    arch: str
    mounts: tuple[Mount, ...]
    known_as: str  # in the memory of mounts
    node: str = ""  # its name; "" for a whole builder

    def named(self, text: str) -> str:
        return f"{text} on node {self.node}" if self.node else text

    def among(self, listed: Iterable[CacheMount]) -> tuple[CacheMount, ...]:
        """The project's mounts here, among those that the builder lists."""
        ids = {mount.id for mount in self.mounts}
        return tuple(mount for mount in listed if mount.id in ids and mount.node == self.node)


class Warming(Struct, frozen=True, kw_only=True):
    """What to warm, and from where."""

    store: SeedStore
    key: SeedKey
    branches: tuple[str, ...]  # own, base, main: valid parts of tags
    sums: str  # digest of the go.sum files
    mounts: tuple[Mount, ...]
    go_image: str
    builder: Builder
    chosen: str  # the builder's name or address, "" for the current one
    home: Path  # the project's folder in the user's cache
    platforms: tuple[Platform, ...] = ()  # that are built
    compiles: bool = False  # the compile runs in any case, as no layer cache holds it

    @property
    def places(self) -> tuple[Place, ...]:
        """The nodes that build something, if they can be addressed; else the builder."""
        name, nodes = self.builder.name, self.builder.places
        if not nodes:
            machines = [node.platforms[0] for node in self.builder.nodes if node.platforms and not node.error]
            able = tuple(of_machine(machines, self.key.arch))
            place = Place(builder=self.chosen, platforms=able, arch=self.key.arch, mounts=self.mounts, known_as=name)
            return (place,)
        sent: dict[str, list[Platform]] = {}
        for platform in self.platforms:
            sent.setdefault(node_for(platform, tuple(nodes.values())).address, []).append(platform)
        return tuple(
            Place(
                builder=address,
                platforms=(machine,),
                arch=machine.arch,
                mounts=of_platforms(self.mounts, some),
                known_as=known_as(name, nodes[address].name),
                node=nodes[address].name,
            )
            for address, some in sent.items()
            if (machine := nodes[address].machine)
        )


class Warmth(Struct, frozen=True, kw_only=True):
    """The result of warming."""

    restored: tuple[Restored, ...] = ()  # one for each cold place
    notes: tuple[str, ...] = ()  # lines for the user
    unread: tuple[str, ...] = ()  # notes on why no seed was found although one may exist


def warm(
    asked: Warming,
    listed: Sequence[CacheMount] | None,
    *,
    say: Callable[[str], None],
    expected: Callable[[Seed], bool],
) -> Warmth:
    """Fill cold mounts from seeds if that pays; ``listed``: the builder's mounts (None: it does not list them). An
    error of an engine or registry does not raise: it becomes a note.

    ``say`` gets a line before anything that takes time; ``expected``: whether a layer cache will supply the compile.
    """
    if listed is None:
        return Warmth(notes=(f"builder {asked.builder.name} does not list its cache mounts: no seed was looked for",))
    if not (bare := cold(asked, listed)):
        return Warmth()
    if asked.compiles:
        _pull(asked, [place for place, _ in bare])
    looked = {arch: look(asked, arch) for arch in dict.fromkeys(place.arch for place, _ in bare)}
    seeds_of = {arch: seeds.best(found, asked.sums) for arch, (found, _) in looked.items()}
    notes = tuple(dict.fromkeys(note for _, some in looked.values() for note in some))
    unread = tuple(note for note in notes if any(note in looked[arch][1] for arch, one in seeds_of.items() if not one))
    useful = [seed for seed in seeds_of.values() if seed and not expected(seed)]
    filled = [
        (place, why, seed)
        for place, why in bare
        if (seed := seeds_of[place.arch]) and seed in useful and place.platforms
    ]
    if not filled:
        return Warmth(notes=notes, unread=unread)
    for place, why, seed in filled:
        say(f"{place.named(why)}: filled from seed {asked.store.named(seed.tag)}")
    if not asked.compiles:
        _pull(asked, [place for place, _, _ in filled])
    with ThreadPoolExecutor(len(filled)) as pool:
        done = list(pool.map(lambda one: _restore(asked, one[0], one[2]), filled))
    failed = _remember(asked, [(place, restored) for (place, _, _), restored in zip(filled, done, strict=True)])
    return Warmth(restored=tuple(done), notes=(*notes, *failed), unread=unread)


def _pull(asked: Warming, places: Iterable[Place]) -> None:
    for place in places:
        begin_pull(asked.go_image, builder=place.builder, platforms=_machines(asked, place))


def _machines(asked: Warming, place: Place) -> list[Platform]:
    """The machines that pull the toolchain: also those that cannot use a seed."""
    if place.node:
        return list(place.platforms)
    return [node.platforms[0] for node in asked.builder.nodes if node.platforms and not node.error]


def _restore(asked: Warming, place: Place, seed: Seed) -> Restored:
    return restore(asked.store, seed, place.mounts, builder=place.builder, platforms=place.platforms)


def _remember(asked: Warming, done: Sequence[tuple[Place, Restored]]) -> list[str]:
    """Note what filled which mounts. Returns lines on what failed."""
    # even after a failure: mounts measured now are not measured, and so held, when the build begins
    usage = builder_usage(asked.builder, asked.chosen)
    failed = []
    for place, restored in done:
        seed = restored.seed
        if restored.error:
            name = place.named(f"seed {asked.store.named(seed.tag)} was not used")
            failed.append(f"{name}: {restored.error}; building without it")
        else:
            filled = place.among(usage.mounts if usage else ())
            note(asked.home, place.known_as, filled, go=asked.key.go, seed=seed.digest)
    return failed


def cold(asked: Warming, listed: Sequence[CacheMount]) -> list[tuple[Place, str]]:
    """The places whose mounts need a seed, and why they do; none if all are warm."""
    found = []
    for place in asked.places:
        known = remembered(asked.home, place.known_as)
        there = place.among(listed)
        why = needs(place.mounts, there, known, asked.key.go) or (
            _taken_over(place.mounts, there) if place.node else ""
        )
        if why:
            found.append((place, why))
    return found


def _taken_over(mounts: Sequence[Mount], there: Sequence[CacheMount]) -> str:
    """Why a warm node needs a seed: it has linked nothing for a platform, perhaps one of a node that is gone."""
    ids = {mount.id for mount in there}
    return next((f"{mount.name} is missing" for mount in mounts if mount.locked and mount.id not in ids), "")


def of_machine(platforms: Sequence[Platform], arch: str) -> list[Platform]:
    """The nodes, by native platform, that can use a seed made on ``arch``. On others, its program does not run, and Go
    does not use the output of another architecture's compiler."""
    return [platform for platform in platforms if platform.arch == arch]


def needs(mounts: Sequence[Mount], there: Sequence[CacheMount], known: Mapping[str, Memory], go: str) -> str:
    """Why the mounts need a seed; "" if they are warm. ``there``: the mounts on the builder."""
    sizes = {mount.id: mount.size for mount in there}
    for mount in mounts:
        # a project may need hardly any modules, but any compile leaves megabytes
        least = {"gobuild": _EMPTY, "gomod": 0}.get(mount.name)
        if least is not None and sizes.get(mount.id, -1) < least:
            return f"{mount.name} is empty"
    for mount, now in ((m, t) for m in mounts if m.name == "gobuild" for t in there if t.id == m.id):
        memory = known.get(mount.id)
        if memory and memory.record == now.record and memory.go and memory.go != go:
            return f"{mount.name} was last used for Go {memory.go}"
    return ""


def look(asked: Warming, arch: str = "") -> tuple[list[Seed], tuple[str, ...]]:
    """The usable seeds of the branches, in their order, and a line for each unusable one. ``arch``: of the machine that
    needs one."""
    key = replace(asked.key, arch=arch or asked.key.arch)
    tags = list(dict.fromkeys(key.tag(branch) for branch in asked.branches))
    with ThreadPoolExecutor(len(tags)) as pool:
        answers = list(pool.map(lambda tag: _look(asked, tag, key), tags))
    found = [answer for answer in answers if isinstance(answer, Seed)]
    notes = [answer for answer in answers if isinstance(answer, str)]
    return found, tuple(dict.fromkeys(notes))


def _look(asked: Warming, tag: str, key: SeedKey) -> Seed | str | None:
    try:
        seed = asked.store.seed(tag, key, LOOK_SECONDS)
    except RegistryRefused as error:
        return f"cache store {asked.store.place}: {error}; building without a seed"
    return f"{asked.store.named(tag)} {seed}; building without it" if isinstance(seed, str) else seed
