"""What a builder had before a run and has after it: the sizes of the Go mounts, and whether there was anything at all.

Asked before the build, never beside it, and only where the answer is cheap or asked for anyway: while BuildKit measures
a mount it holds it, and a step that wants the mount at that moment gets a new and empty one (moby/buildkit#883).
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
    """Ask what a builder keeps, and wait for nothing."""
    return futures.start(lambda: engine.builder_usage(builder.answer, builder.name))


@dataclass(kw_only=True)
class MountUsage:
    """One run's look at its builder."""

    builder: PlannedBuilder
    mounts: Sequence[Mount]
    before: Future[Usage | None] | None = None  # None: not asked

    def begin(self) -> None:
        """Ask, and wait for nothing."""
        if self.before is None and self.builder.answer.on_socket:
            self.before = begin_usage(self.builder)

    def settle(self) -> None:
        """Wait until nobody measures the mounts. BuildKit remembers the sizes, so that neither this question nor its
        own garbage collection holds a mount when the first step wants it."""
        if self.before:
            self.before.result()

    @property
    def bare(self) -> bool | None:
        """Whether the builder kept nothing at all; None where that is not known."""
        usage = self.before.result() if self.before else None
        return None if usage is None else usage.records == 0

    def records(self, *, used: bool) -> tuple[MountRecord, ...]:
        """The mounts' sizes. ``used``: a step of this run had them mounted, so that they may have another size now."""
        if self.before is None:
            return ()
        from gobake.runs.record import MountRecord  # when the build is over

        before = self.before.result()
        after = engine.builder_usage(self.builder.answer, self.builder.name) if used else before
        return tuple(
            MountRecord(name=mount.name, id=mount.id, before=_size(before, mount), after=_size(after, mount))
            for mount in self.mounts
        )


def _size(usage: Usage | None, mount: Mount) -> int | None:
    """BuildKit makes a second mount of an id where two steps want it at once and it may not be shared."""
    return sum(m.size for m in usage.mounts if m.id == mount.id) if usage else None
