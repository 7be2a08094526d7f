"""The seconds that steps and Go packages took last time, which caches save."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from msgspec import Struct

from gobake.insight.identity import is_base, step_keys
from gobake.runs import window
from gobake.runs.outcomes import Outcome
from gobake.runs.record import CacheRecord, RunRecord, StepRecord

CACHED = (Outcome.REUSED, Outcome.IMPORTED, Outcome.UNKNOWN)  # outcomes of a step that need not be done


class Costs(Struct, frozen=True, kw_only=True):
    """Seconds by step and by (platform, import path); a missing key is not on record."""

    keys: Sequence[str]  # of the run's steps, see step_keys
    steps: Mapping[str, float] = {}
    packages: Mapping[tuple[str, str], float] = {}


def last_costs(record: RunRecord, earlier: Sequence[RunRecord]) -> Costs:
    """The last costs of what this run took from caches. ``earlier``: newest first; reads no more than needed."""
    keys = step_keys(record)
    cached = [(key, step) for key, step in zip(keys, record.steps, strict=True) if _is_cached(step) and key]
    steps = {key for key, _ in cached}
    bases = {key for key, step in cached if is_base(step)}
    packages = set(cached_packages(record))
    found = Costs(keys=keys)
    runs = islice(earlier, window.WHOLE)
    while (steps - bases - found.steps.keys()) or (packages - found.packages.keys()):
        before = next(runs, None)
        if before is None:
            break
        found = Costs(
            keys=keys,
            steps=_known(steps, before) | dict(found.steps),
            packages={pair: cost for pair, cost in _compiled(before) if pair in packages} | dict(found.packages),
        )
    return found


def cached_packages(record: RunRecord) -> Iterator[tuple[str, str]]:
    """(platform, import path) of the packages that Go took from its cache."""
    for work in record.go:
        done = {path for path, _ in work.compiled}
        yield from ((work.platform, path) for path, _ in work.actions if path not in done)


def _is_cached(step: StepRecord) -> bool:
    return step.outcome in CACHED and step.started is not None


def _known(wanted: set[str], record: RunRecord) -> dict[str, float]:
    """Seconds of the wanted steps that the run executed; the longest, if BuildKit did part of a step under another
    name."""
    if not wanted or not any(map(went_well, record.steps)):
        return {}
    found: dict[str, float] = {}
    for key, step in zip(step_keys(record), record.steps, strict=True):
        if went_well(step) and step.seconds is not None and key in wanted:
            found[key] = max(found.get(key, 0.0), step.seconds)
    return found


def went_well(step: StepRecord) -> bool:
    """Whether it was executed to its end, so that its seconds tell what it takes."""
    return step.outcome == Outcome.EXECUTED and not step.error and not step.canceled


def _compiled(record: RunRecord) -> Iterator[tuple[tuple[str, str], float]]:
    for work in record.go:
        yield from (((work.platform, path), seconds) for path, seconds in work.compiled)


# ---- layer caches


def longest(caches: Sequence[CacheRecord], direction: str) -> float | None:
    """Seconds of the longest import or export, about the cost of all, as they run concurrently. None unknown."""
    return max((c.seconds for c in caches if c.direction == direction and c.seconds is not None), default=None)
