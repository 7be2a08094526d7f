"""The figures of one run, as values. None is unknown: not measured, or not in the evidence.

All reports print these figures only; scorecard.py makes them from records.
"""

from __future__ import annotations

import hashlib

from msgspec import Struct

from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import CacheRecord, ColdRecord, MountRecord, RunRecord, SeedRecord, TargetRecord
from gobake.runs.summary import RunSummary as RunSummary  # made by scorecard.py, stored with the record


class StepFigures(Struct, frozen=True, kw_only=True):
    """Counts of steps by outcome. Work shared by several targets counts once, for the target that did it."""

    reused: int = 0
    imported: int = 0
    shared: int = 0  # shown, not in any rate
    executed: int = 0
    uncacheable: int = 0  # BuildKit's housekeeping, not in any rate
    unknown: int = 0  # cached, of unknown origin

    # (reused + imported) / (reused + imported + executed); None if all are 0
    hit_rate: float | None = None
    # the same, each step weighted by the seconds of its last execution; None if those of a step are not on record
    weighted_hit_rate: float | None = None


class GoFigures(Struct, frozen=True, kw_only=True):
    """Figures from Go itself: packages of the standard library count, tests do not."""

    total: int  # packages of the commands
    compiled: int
    linked: int
    seconds: float = 0.0  # of Go's tools, summed, including those that ran concurrently

    @property
    def cached(self) -> int:
        return self.total - self.compiled

    @property
    def hit_rate(self) -> float | None:
        return self.cached / self.total if self.total else None


class CommandFigures(Struct, frozen=True, kw_only=True):
    """One service on one platform."""

    service: str
    package: str  # import path
    platform: str
    go: GoFigures


class Part(Struct, frozen=True, kw_only=True):
    """The figures of a service, strategy or platform."""

    name: str
    steps: StepFigures
    seconds: float  # in which its steps were running


class WorkSaved(Struct, frozen=True, kw_only=True):
    """Seconds of work that caches saved, minus their cost; may be negative. What ran side by side is summed: these are
    not seconds of the clock."""

    steps: float  # of the last executions of reused and imported steps
    packages: float  # of the last compiles of Go packages that executed steps took from the cache
    cost: float  # of importing and exporting layers, restoring and saving seeds
    unknown: int = 0  # reused steps without a recorded execution; they count as 0 s saved

    @property
    def seconds(self) -> float:
        return self.steps + self.packages - self.cost


class Scorecard(Struct, frozen=True, kw_only=True):
    """The figures of one run."""

    run: RunRecord
    steps: StepFigures
    go: GoFigures | None  # None: no evidence of Go, as with prebuilt services only
    commands: tuple[CommandFigures, ...] = ()
    modules_total: int | None = None  # needed by the commands
    modules_downloaded: int | None = None
    services: tuple[Part, ...] = ()
    strategies: tuple[Part, ...] = ()
    platforms: tuple[Part, ...] = ()
    critical_path: tuple[int, ...] = ()  # positions in the run's steps: the chain that determined its duration
    critical_seconds: float | None = None  # with the go builds on this machine, for which all steps waited
    cold: ColdRecord | None = None  # the last comparable cold run, perhaps this one; None: none on record
    work: WorkSaved | None = None  # None: no earlier run has the cost of the steps

    @property
    def saved(self) -> float | None:
        """Seconds of the clock less than the last comparable cold run; may be negative. None: unknown."""
        if self.cold is None or self.run.outcome != RunOutcome.DONE:
            return None
        return self.cold.seconds - self.run.seconds

    @property
    def targets(self) -> tuple[TargetRecord, ...]:
        return self.run.targets

    @property
    def mounts(self) -> tuple[MountRecord, ...]:
        return self.run.mounts

    @property
    def seeds(self) -> tuple[SeedRecord, ...]:
        return self.run.seeds

    @property
    def caches(self) -> tuple[CacheRecord, ...]:
        return self.run.caches


def work_of(run: RunRecord) -> str:
    """A hash of the targets and platforms of a run; the seconds of runs with equal hashes are comparable."""
    built = sorted((target.name, target.platforms) for target in run.targets)
    return hashlib.sha256(repr(built).encode()).hexdigest()[:16]
