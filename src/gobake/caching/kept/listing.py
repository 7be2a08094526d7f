"""What a builder and a cache store keep for one project or for all of them. Values for the reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from gobake.caching.kept.contents import PARTS, Entry, Stored, What
from gobake.caching.kept.prune import mount_owner
from gobake.caching.seeds.memory import Memory
from gobake.engine import CacheMount


class KeptMount(Struct, frozen=True, kw_only=True):
    """One cache mount of one project."""

    mount: CacheMount
    project: str
    name: str  # gobuild
    memory: Memory | None  # what gobake remembers of it; None if nothing, or if that mount was deleted since


class Kept(Struct, frozen=True, kw_only=True):
    """What `gobake cache ls` shows. A source that could not be read is None, not empty, and has a line in ``notes``."""

    project: str
    everyone: bool  # all projects, not just this one
    builder: str
    store: str  # as the user wrote it; "" for none
    mounts: tuple[KeptMount, ...] | None
    entries: tuple[Entry, ...] | None
    notes: tuple[str, ...] = ()

    @property
    def mounted(self) -> int:
        """Bytes of this project's mounts."""
        return sum(m.mount.size for m in self.mounts or () if m.project == self.project)

    def of(self, *kinds: What) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries or () if entry.what in kinds)


class OnBuilder(Struct, frozen=True, kw_only=True):
    """The cache mounts of a builder."""

    name: str
    mounts: Sequence[CacheMount] | None  # None: the builder does not list them
    memories: Mapping[str, Memory] = {}  # by the mount's id, below its node if there are several


class InStore(Struct, frozen=True, kw_only=True):
    """The contents of a cache store."""

    place: str = ""  # as the user wrote it; "" for none
    stored: Stored | None = None  # None without a store


def gather(
    projects: Sequence[str], builder: OnBuilder, store: InStore, notes: Sequence[str] = (), *, everyone: bool
) -> Kept:
    """Everything kept for a project, or for ``everyone``. ``projects`` are the prefixes of this project's mounts; the
    first is its name."""
    mounts, there = builder.mounts, store.stored
    found = []
    for mount in mounts or ():
        owner = mount_owner(mount.id)
        if owner and (everyone or owner[0] in projects):
            memory = builder.memories.get(f"{mount.node}/{mount.id}" if mount.node else mount.id)
            current = memory if memory and memory.record == mount.record else None
            found.append(KeptMount(mount=mount, project=owner[0], name=owner[1], memory=current))
    entries = [
        entry
        for entry in (there.entries if there else ())
        if entry.what not in PARTS and (everyone or entry.project == projects[0])
    ]
    unknown = there is not None and bool(there.error) and not there.entries
    return Kept(
        project=projects[0],
        everyone=everyone,
        builder=builder.name,
        store=store.place,
        mounts=None if mounts is None else tuple(sorted(found, key=lambda m: (m.project, m.name))),
        entries=None if unknown or there is None else tuple(sorted(entries, key=lambda e: (e.project, e.tag))),
        notes=(*notes, *((there.error,) if there and there.error else ())),
    )
