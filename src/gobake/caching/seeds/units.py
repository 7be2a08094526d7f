"""The content of cache mounts and of seeds as values, and the choice of what a new seed gets. Pure.

A unit moves as a whole: a file of GOCACHE, a module's unpacked folder with the small files of its download, a linked
binary. The seed program in cache/seed lists the units of the mounts; the index of a seed lists the seed's units with
the day of their last use. Days count from the epoch.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from gobake.foreign import checks

_HEADER = "gobake seed index 1"
# 24 hex digits of a GOCACHE name are enough to be unique: 96 bits
_OBJECT = re.compile(r"(gobuild/[0-9a-f]{2}/[0-9a-f]{24})[0-9a-f]*(-[ad])")
DAY_SECONDS = 86_400
_WORTH_TWO_IMAGES = 64_000_000  # bytes, unpacked


class Kind(StrEnum):
    """Kind of a unit."""

    OBJECT = "object"  # an entry of GOCACHE: -a describes the output of an action, -d holds it
    MODULE = "module"  # a module's unpacked folder
    DOWNLOAD = "download"  # .info, .mod and .ziphash, from which Go knows that the folder is complete
    PROGRAM = "program"  # a binary in a golink mount


class CacheFile(Struct, frozen=True, kw_only=True):
    """One unit, in a mount or in a seed."""

    kind: Kind
    path: str  # below the mounts' common folder, such as gobuild/3b/3bdc...-d
    size: int  # bytes, unpacked
    day: int  # of its last use; 0: not used since it was restored

    @property
    def key(self) -> str:
        """The unit's key, equal in a mount and in an index, which shortens hashes."""
        match = _OBJECT.fullmatch(self.path)
        return match[1] + match[2] if match else self.path


class Retention(Struct, frozen=True, kw_only=True):
    """Limits of a seed's content."""

    unused_days: int = 14  # a whole new seed leaves out units unused for longer
    budget: int = 0  # bytes, unpacked; 0 is no limit
    layers: int = 8  # a seed with this many layers is written anew as a whole


class Shape(StrEnum):
    """How a seed is saved."""

    NOTHING = "nothing"  # nothing to save
    GROWN = "grown"  # one more layer on the current seed
    WHOLE = "whole"  # a new seed of the units used lately


class SavePlan(Struct, frozen=True, kw_only=True):
    """What to save. ``index`` describes the resulting seed."""

    shape: Shape
    paths: tuple[str, ...] = ()  # units to write into the seed itself
    half: tuple[str, ...] = ()  # units of the other part, an image of its own
    size: int = 0  # bytes of both, unpacked
    index: tuple[CacheFile, ...] = ()
    left_out: int = 0  # bytes in the mounts that the seed does not get
    why: str = ""

    @property
    def half_programs(self) -> tuple[str, ...]:
        """The mounts whose binaries are in the other part."""
        half = set(self.half)
        return tuple(sorted({mount_of(u.path) for u in self.index if u.kind is Kind.PROGRAM and u.path in half}))

    @property
    def total(self) -> int:
        return _size(self.index)


# ---- texts


def read_listing(text: str) -> tuple[CacheFile, ...]:
    """Parse the output of `seed list`, lines of KIND MTIME SIZE PATH. Raises ValueError."""
    units = []
    for line in text.splitlines():
        kind, changed, size, path = line.split(" ", 3)
        units.append(CacheFile(kind=Kind(kind), path=path, size=int(size), day=max(0, int(changed)) // DAY_SECONDS))
    return tuple(units)


def write_index(units: Iterable[CacheFile]) -> str:
    """The text of an index: one line per unit, sorted, so that the same units give the same text."""
    lines = sorted(f"{unit.kind} {unit.day} {unit.size} {unit.key}" for unit in units)
    return "\n".join([_HEADER, *lines, ""])


def read_index(text: str) -> tuple[CacheFile, ...] | None:
    """Parse an index. None if it is not an index of this version; a seed of unknown content is written anew."""
    header, _, rest = text.partition("\n")
    try:
        return tuple(_indexed(line) for line in rest.splitlines()) if header == _HEADER else None
    except ValueError:
        return None


def _indexed(line: str) -> CacheFile:
    """The unit of a line. Raises ValueError, also for a path outside the mounts, as the packing program reads it."""
    kind, day, size, path = line.split(" ", 3)
    if path.startswith("/") or ".." in path.split("/") or "\0" in path:
        raise ValueError(f"{path!r} leads elsewhere")
    return CacheFile(kind=Kind(kind), path=path, size=checks.number(size), day=checks.number(day))


def escaped(module: str) -> str:
    """A module's path or version as spelled in folders of GOMODCACHE (golang.org/x/mod/module, EscapePath)."""
    return re.sub(r"[A-Z]", lambda match: "!" + match[0].lower(), module)


def modules_in_use(sums: Iterable[str]) -> frozenset[str]:
    """Keys of the units of the modules named in go.sum files. Go does not update times in GOMODCACHE when it reads."""
    used: set[str] = set()
    for text in sums:
        for line in text.splitlines():
            words = line.split()
            if len(words) != 3:
                continue
            path, version = escaped(words[0]), escaped(words[1].removesuffix("/go.mod"))
            used.add(f"gomod/{path}@{version}")
            used |= {f"gomod/cache/download/{path}/@v/{version}.{kind}" for kind in ("info", "mod", "ziphash")}
    return frozenset(used)


# ---- deciding


def plan_save(
    mounts: Iterable[CacheFile],
    held: Collection[CacheFile] | None,
    *,
    layers: int,
    used_modules: frozenset[str],
    today: int,
    keeping: Retention,
) -> SavePlan:
    """What to save of the mounts. The current seed holds ``held`` (None: no seed, or its content is unknown) in
    ``layers`` layers."""
    here = {unit.key: unit for unit in _dated(mounts, held or (), used_modules, today)}
    if held is None:
        return _whole(here, today, keeping, "there is none yet")
    known = {unit.key: unit for unit in held}
    linked = {mount_of(unit.path) for unit in held if unit.kind is Kind.PROGRAM}
    new = [u for u in here.values() if _differs(known.get(u.key), u) and _worth_a_layer(u, linked, keeping)]
    if not new:
        return SavePlan(shape=Shape.NOTHING, index=tuple(known.values()), why="it holds all there is")
    refreshed = {key: replace(unit, day=max(unit.day, _day(here, key))) for key, unit in known.items()}
    index = {**refreshed, **{unit.key: unit for unit in new}}
    dead = _size(u for u in index.values() if not _alive(u, today, keeping))
    total = _size(index.values())
    if layers >= keeping.layers:
        return _whole(here, today, keeping, f"it has {layers} layers")
    if dead * 2 > total:
        return _whole(here, today, keeping, "more than half of it is unused")
    if keeping.budget and total > keeping.budget:
        return _whole(here, today, keeping, "it is over its budget")
    return SavePlan(
        shape=Shape.GROWN,
        paths=tuple(sorted(unit.path for unit in new)),
        size=_size(new),
        index=tuple(index.values()),
        why=f"{len(new)} units are new",
    )


def _worth_a_layer(unit: CacheFile, linked: Collection[str], keeping: Retention) -> bool:
    """Whether a grown seed gets a unit. ``linked``: the mounts of which it has binaries.

    Linking a binary again takes a second, and it is megabytes. But if a seed has binaries and none of this mount, they
    are another platform's or another node's. A budget may have left them out before.
    """
    if unit.kind is not Kind.PROGRAM:
        return True
    return bool(linked) and not keeping.budget and mount_of(unit.path) not in linked


def lacking(mounts: Iterable[CacheFile], held: Iterable[CacheFile], today: int, keeping: Retention) -> float:
    """The share, by bytes, of the seed's used units that the mounts lack; a whole new seed would lose them."""
    here = {unit.key for unit in mounts}
    alive = [unit for unit in held if _alive(unit, today, keeping)]
    total = _size(alive)
    return _size(unit for unit in alive if unit.key not in here) / total if total else 0.0


def live_share(held: Iterable[CacheFile], today: int, keeping: Retention) -> float:
    """The share of a seed's bytes that was used lately."""
    units = list(held)
    total = _size(units)
    return _size(u for u in units if _alive(u, today, keeping)) / total if total else 1.0


def _dated(
    mounts: Iterable[CacheFile], held: Iterable[CacheFile], used_modules: frozenset[str], today: int
) -> Iterable[CacheFile]:
    """The units of the mounts with the best known day of their last use."""
    before = {unit.key: unit.day for unit in held}
    for unit in mounts:
        known = before.get(unit.key, 0)
        if unit.kind is Kind.PROGRAM or unit.key in used_modules:
            yield replace(unit, day=today)
        elif unit.kind is Kind.OBJECT and unit.day:
            yield replace(unit, day=min(max(unit.day, known), today))
        else:  # not used since it was restored; an unknown unit counts as used today
            yield replace(unit, day=known or today)


def _whole(here: Mapping[str, CacheFile], today: int, keeping: Retention, why: str) -> SavePlan:
    alive = [unit for unit in here.values() if _alive(unit, today, keeping)]
    kept, size = [], 0
    # a small budget drops binaries first, then the units unused for longest
    for unit in sorted(alive, key=lambda u: (u.kind is Kind.PROGRAM, -u.day, u.key)):
        if keeping.budget and size + unit.size > keeping.budget:
            continue
        kept.append(unit)
        size += unit.size
    paths, half = _halves(kept, size)
    return SavePlan(
        shape=Shape.WHOLE if kept else Shape.NOTHING,
        paths=paths,
        half=half,
        size=size,
        index=tuple(kept),
        left_out=_size(here.values()) - size,
        why=why if kept else "the mounts are empty",
    )


def _halves(units: Sequence[CacheFile], size: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split many bytes into two parts of about the same size, as BuildKit packs and unpacks two images concurrently.

    All binaries of a mount go into one part, as only one step at a time may use such a mount.
    """
    if size < _WORTH_TWO_IMAGES:
        return tuple(sorted(unit.path for unit in units)), ()
    programs: dict[str, list[CacheFile]] = {}
    for unit in units:
        if unit.kind is Kind.PROGRAM:
            programs.setdefault(mount_of(unit.path), []).append(unit)
    parts: tuple[list[CacheFile], list[CacheFile]] = ([], [])
    for _, some in sorted(programs.items(), key=lambda item: (-_size(item[1]), item[0])):
        min(parts, key=_size).extend(some)
    filled = _size(parts[0])
    for unit in sorted((u for u in units if u.kind is not Kind.PROGRAM), key=lambda u: u.path):
        parts[2 * filled >= size].append(unit)
        filled += unit.size
    first, second = (tuple(sorted(unit.path for unit in part)) for part in parts)
    return first, second


def mount_of(path: str) -> str:
    """The name of the mount that holds a unit."""
    return path.partition("/")[0]


def _size(units: Iterable[CacheFile]) -> int:
    return sum(unit.size for unit in units)


def _differs(known: CacheFile | None, unit: CacheFile) -> bool:
    return known is None or known.size != unit.size


def _day(here: Mapping[str, CacheFile], key: str) -> int:
    return here[key].day if key in here else 0


def _alive(unit: CacheFile, today: int, keeping: Retention) -> bool:
    return unit.day >= today - keeping.unused_days
