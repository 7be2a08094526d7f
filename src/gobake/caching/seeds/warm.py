"""Before a build: warms a cold builder's mounts from the best seed.

With warm mounts, no registry is contacted. Mounts of another Go version count as cold, as nothing in them is of use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct

from gobake.caching.seeds import seed as seeds
from gobake.caching.seeds.memory import Memory, note, remembered
from gobake.caching.seeds.mounts import Mount
from gobake.caching.seeds.restore import LOOK_SECONDS, Restored, begin_pull, restore
from gobake.caching.seeds.seed import Seed, SeedKey
from gobake.caching.seeds.store import SeedStore
from gobake.engine import Builder, CacheMount, builder_usage
from gobake.errors import RegistryRefused
from gobake.model import Platform

_EMPTY = 1_000_000  # bytes; a smaller gobuild was created and never filled


class Warming(Struct, frozen=True, kw_only=True):
    """What to warm, and from where."""

    store: SeedStore
    key: SeedKey
    branches: tuple[str, ...]  # own, base, main: valid parts of tags
    sums: str  # digest of the go.sum files
    mounts: tuple[Mount, ...]
    go_image: str
    builder: Builder
    chosen: str  # the builder's name as --builder gave it, "" for the current one
    home: Path  # the project's folder in the user's cache
    compiles: bool = False  # the compile runs in any case, as no layer cache holds it

    def among(self, listed: Iterable[CacheMount]) -> tuple[CacheMount, ...]:
        """The project's mounts among those that a builder lists."""
        ids = {mount.id for mount in self.mounts}
        return tuple(mount for mount in listed if mount.id in ids)


class Warmth(Struct, frozen=True, kw_only=True):
    """The result of warming."""

    restored: Restored | None = None
    notes: tuple[str, ...] = ()  # lines for the user
    unread: tuple[str, ...] = ()  # notes on why no seed was found although one may exist


def warm(
    asked: Warming,
    listed: Sequence[CacheMount] | None,
    *,
    say: Callable[[str], None],
    expected: Callable[[Seed], bool],
) -> Warmth:
    """Fill cold mounts from a seed if that pays; ``listed``: the builder's mounts (None: it does not list them). An
    error of an engine or registry does not raise: it becomes a note.

    ``say`` gets a line before anything that takes time; ``expected``: whether a layer cache will supply the compile.
    """
    if listed is None:
        return Warmth(notes=(f"builder {asked.builder.name} does not list its cache mounts: no seed was looked for",))
    if not (why := cold(asked, listed)):
        return Warmth()
    platforms = [node.platforms[0] for node in asked.builder.nodes if node.platforms and not node.error]
    if asked.compiles:
        begin_pull(asked.go_image, builder=asked.chosen, platforms=platforms)
    found, notes = look(asked)
    seed = seeds.best(found, asked.sums)
    if seed is None:
        return Warmth(notes=notes, unread=notes)
    matching = of_machine(platforms, asked.key.arch)
    if expected(seed) or not matching:
        return Warmth(notes=notes)
    say(f"{why}: filled from seed {asked.store.named(seed.tag)}")
    if not asked.compiles:
        begin_pull(asked.go_image, builder=asked.chosen, platforms=platforms)
    restored = restore(asked.store, seed, asked.mounts, builder=asked.chosen, platforms=matching)
    # even after a failure: mounts measured now are not measured, and so held, when the build begins
    usage = builder_usage(asked.builder, asked.chosen)
    filled = asked.among(usage.mounts if usage else ())
    if restored.error:
        notes = (*notes, f"seed {asked.store.named(seed.tag)} was not used: {restored.error}; building without it")
    else:
        note(asked.home, asked.builder.name, filled, go=asked.key.go, seed=seed.digest)
    return Warmth(restored=restored, notes=notes)


def cold(asked: Warming, listed: Sequence[CacheMount]) -> str:
    """Why the mounts of a builder need a seed; "" if they are warm."""
    return needs(asked.mounts, asked.among(listed), remembered(asked.home, asked.builder.name), asked.key.go)


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


def look(asked: Warming) -> tuple[list[Seed], tuple[str, ...]]:
    """The usable seeds of the branches, in their order, and a line for each unusable one."""
    tags = list(dict.fromkeys(asked.key.tag(branch) for branch in asked.branches))
    with ThreadPoolExecutor(len(tags)) as pool:
        answers = list(pool.map(lambda tag: _look(asked, tag), tags))
    found = [answer for answer in answers if isinstance(answer, Seed)]
    notes = [answer for answer in answers if isinstance(answer, str)]
    return found, tuple(dict.fromkeys(notes))


def _look(asked: Warming, tag: str) -> Seed | str | None:
    try:
        seed = asked.store.seed(tag, asked.key, LOOK_SECONDS)
    except RegistryRefused as error:
        return f"cache store {asked.store.place}: {error}; building without a seed"
    return f"{asked.store.named(tag)} {seed}; building without it" if isinstance(seed, str) else seed
