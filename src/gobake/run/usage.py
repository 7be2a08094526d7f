"""What a builder has before and after a run: the sizes of the Go mounts, and whether it had any cache.

Measured before the build, not during it, and only if that is cheap or needed anyway. BuildKit holds a mount while it
measures it, and a step that needs it then gets a new and empty one (moby/buildkit#883).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gobake import engine
from gobake.caching.seeds.mounts import Mount
from gobake.engine import Usage
from gobake.plan.builder import PlannedBuilder
from gobake.proc import futures

if TYPE_CHECKING:
    from gobake.runs.record import MountRecord


def begin_usage(builder: PlannedBuilder) -> Future[Usage | None]:
    """Return a future of what a builder keeps."""
    return futures.start(lambda: engine.builder_usage(builder.answer, builder.name))


@dataclass(kw_only=True)
class MountUsage:
    """The mounts in the builder before and after one run."""

    builder: PlannedBuilder
    mounts: Sequence[Mount]
    before: Future[Usage | None] | None = None  # None: not requested

    def begin(self) -> None:
        """Start to measure. Returns at once."""
        if self.before is None and self.builder.answer.on_socket:
            self.before = begin_usage(self.builder)

    def settle(self) -> None:
        """Wait until nothing measures the mounts.

        BuildKit remembers the sizes. So neither this query nor its own garbage collection holds a mount when the first
        step needs it.
        """
        if self.before:
            self.before.result()

    @property
    def bare(self) -> bool | None:
        """Whether the builder was cold, with nothing in its cache; None if unknown."""
        usage = self.before.result() if self.before else None
        return None if usage is None else usage.records == 0

    def records(self, *, used: bool) -> tuple[MountRecord, ...]:
        """Return the sizes of the mounts. ``used``: a step of this run mounted them, so they may have changed."""
        if self.before is None:
            return ()
        from gobake.runs.record import MountRecord  # imported after the build

        before = self.before.result()
        after = engine.builder_usage(self.builder.answer, self.builder.name) if used else before
        return tuple(
            MountRecord(name=mount.name, id=mount.id, before=_size(before, mount), after=_size(after, mount))
            for mount in self.mounts
        )


def _size(usage: Usage | None, mount: Mount) -> int | None:
    """Return a mount's bytes. BuildKit makes a second one if two steps need the id and must not share it."""
    return sum(m.size for m in usage.mounts if m.id == mount.id) if usage else None
