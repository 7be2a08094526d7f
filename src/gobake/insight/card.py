"""The figures of one run, as values. None is unknown: it was not measured, or the evidence does not tell.

Every report prints these and nothing else; scorecard.py makes them from records.
"""

from __future__ import annotations

import hashlib

from msgspec import Struct

from gobake.runs.record import CacheRecord, MountRecord, RunRecord, SeedRecord, TargetRecord
from gobake.runs.summary import RunSummary as RunSummary  # made by scorecard.py, kept beside the record


class StepFigures(Struct, frozen=True, kw_only=True):
    """Counts of steps by outcome. Work that several targets share counts once, as that of the one that did it."""

    reused: int = 0
    imported: int = 0
    shared: int = 0  # shown, in no rate
    executed: int = 0
    uncacheable: int = 0  # BuildKit's housekeeping, in no rate
    unknown: int = 0  # cached, and the evidence does not tell from where

    # (reused + imported) / (reused + imported + executed); None where there is none of them
    hit_rate: float | None = None
    # the same with every step weighed by the seconds that it took when it was last executed; None where those of a
    # step are not on record
    weighted_hit_rate: float | None = None


class GoFigures(Struct, frozen=True, kw_only=True):
    """Go's own account: packages of the standard library count, tests do not."""

    total: int  # packages that the commands consist of
    compiled: int
    linked: int
    seconds: float = 0.0  # that the tools took, summed over what ran at the same time

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
    """A service, strategy or platform: what its steps came to."""

    name: str
    steps: StepFigures
    seconds: float  # at work on its steps


class Saved(Struct, frozen=True, kw_only=True):
    """Seconds that caches saved, less what they cost; may be negative."""

    steps: float  # what reused and imported steps took when they were last executed
    packages: float  # the same of Go packages that came from the cache in steps that were executed
    cost: float  # importing and exporting layers, restoring and saving seeds
    unknown: int = 0  # reused steps whose last execution is on no record: they count as nothing saved

    @property
    def seconds(self) -> float:
        return self.steps + self.packages - self.cost


class Scorecard(Struct, frozen=True, kw_only=True):
    """The figures of one run."""

    run: RunRecord
    steps: StepFigures
    go: GoFigures | None  # None: nothing of Go's is known, as where all was prebuilt
    commands: tuple[CommandFigures, ...] = ()
    modules_total: int | None = None  # that the commands need
    modules_downloaded: int | None = None
    services: tuple[Part, ...] = ()
    strategies: tuple[Part, ...] = ()
    platforms: tuple[Part, ...] = ()
    critical_path: tuple[int, ...] = ()  # positions in the run's steps: the chain that no other work could shorten
    critical_seconds: float | None = None
    saved: Saved | None = None  # None: no earlier run tells what the steps cost

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
    """The same of runs that built the same targets for the same platforms, so that their seconds can be compared."""
    built = sorted((target.name, target.platforms) for target in run.targets)
    return hashlib.sha256(repr(built).encode()).hexdigest()[:16]
