"""Chooses which kept caches to prune. Pure; never chooses what another project owns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from gobake.caching.kept.contents import PARTS, Entry, What
from gobake.engine import CacheMount
from gobake.errors import UsageError
from gobake.text.nearest import did_you_mean

# a save under way has written blobs, an index and a part that no seed names yet
GRACE_SECONDS = 3600.0
_MOUNT = re.compile(r"(?P<project>.+)-(?P<name>gomod|gobuild|golink-(?:compile|stamp)(?:-\d+)?-linux-[a-z0-9]+)")


class Item(Struct, frozen=True, kw_only=True):
    """One cache that can be pruned."""

    name: str  # a mount's id, or a tag
    what: str  # mount, seed, layers, history
    project: str
    short: str = ""  # a mount's name without the project
    size: int | None = None
    unused_seconds: float | None = None  # since its last use or its creation; None unknown
    branch: str = ""
    key: str = ""  # a mount's record, or a manifest's digest

    @property
    def names(self) -> frozenset[str]:
        return frozenset(filter(None, (self.name, self.short)))


class Wanted(Struct, frozen=True, kw_only=True):
    """What the user wants to prune. All given conditions must hold."""

    names: tuple[str, ...] = ()
    older_than: float | None = None  # seconds
    larger_than: int | None = None  # bytes
    branches: frozenset[str] | None = None  # existing branches, as parts of tags; prune entries of all others


# ---- items


def mount_owner(mount: str) -> tuple[str, str] | None:
    """(project, name) of a mount's id, or None. Read from its end, so that shop-api's mounts are not shop's."""
    match = _MOUNT.fullmatch(mount)
    return (match["project"], match["name"]) if match else None


def items(mounts: Iterable[CacheMount], entries: Iterable[Entry], now: float) -> tuple[Item, ...]:
    """Everything gobake keeps, for all projects; other mounts and tags are left out."""
    found = []
    for mount in mounts:
        owner = mount_owner(mount.id)
        if owner:
            found.append(
                Item(
                    what="mount",
                    name=mount.id,
                    short=owner[1],
                    project=owner[0],
                    size=mount.size,
                    unused_seconds=mount.unused_seconds,
                    key=mount.record,
                )
            )
    for entry in entries:
        if entry.what not in PARTS:
            found.append(
                Item(
                    what=str(entry.what),
                    name=entry.tag,
                    project=entry.project,
                    size=entry.compressed,
                    unused_seconds=None if entry.made is None else max(0.0, now - entry.made),
                    branch=entry.branch,
                    key=entry.digest,
                )
            )
    return tuple(found)


# ---- choosing


def choose(found: Sequence[Item], wanted: Wanted, projects: Sequence[str]) -> tuple[Item, ...]:
    """The wanted items of ``projects`` (a project and its namespace of untrusted runs). An unknown age, size or branch
    keeps an item. Raises UsageError for a name that no item has."""
    own = [item for item in found if item.project and item.project in projects]
    for name in wanted.names:
        if not any(name in item.names for item in own):
            raise _nothing(name, found, own, projects[0])
    return tuple(item for item in own if _fits(item, wanted))


def _fits(item: Item, wanted: Wanted) -> bool:
    if wanted.names and not item.names & set(wanted.names):
        return False
    if wanted.older_than is not None and (item.unused_seconds is None or item.unused_seconds < wanted.older_than):
        return False
    if wanted.larger_than is not None and (item.size is None or item.size <= wanted.larger_than):
        return False
    return wanted.branches is None or bool(item.branch and item.branch not in wanted.branches)


def _nothing(name: str, found: Sequence[Item], own: Sequence[Item], project: str) -> UsageError:
    other = next((item for item in found if name == item.name), None)
    if other:
        owner = f"the project {other.project}" if other.project else "an unknown project"
        return UsageError(f"{name} belongs to {owner}, not to {project}", remedy="run gobake in that project's folder")
    remedy = did_you_mean(name, [n for item in own for n in item.names], "`gobake cache ls` lists them")
    return UsageError(f"{project} keeps no cache {name!r}", remedy=remedy)


def unneeded_parts(entries: Sequence[Entry], pruned: Sequence[Item], ages: Mapping[str, float]) -> tuple[Entry, ...]:
    """Indexes and parts that no seed names any more, because their seed is pruned or was overwritten.

    ``ages``: known seconds since they were made, by tag. None are returned while a remaining seed is unreadable, as it
    may name any of them.
    """
    gone = {item.name for item in pruned}
    seeds = [entry for entry in entries if entry.what is What.SEED]
    if any(not seed.index and seed.tag not in gone for seed in seeds):
        return ()
    named = {tag for seed in seeds if seed.tag not in gone for tag in seed.parts}
    theirs = {tag for seed in seeds if seed.tag in gone for tag in seed.parts}
    return tuple(
        entry
        for entry in entries
        if entry.what in PARTS
        and entry.tag not in named
        and (entry.tag in theirs or ages.get(entry.tag, 0.0) > GRACE_SECONDS)
    )
