"""How long a strategy's own steps took, from the records of runs: what is done besides the compile. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from gobake.runs.outcomes import Outcome
from gobake.runs.record import RunRecord, StepRecord
from gobake.trace.intervals import covered

_FROM = "FROM "
_CACHED = (Outcome.REUSED, Outcome.IMPORTED)


class Seconds(Struct, frozen=True, kw_only=True):
    """Seconds of the steps of one target's own stages; None: no such run is on record."""

    cold: float | None = None  # the last run that ran all of them
    warm: float | None = None  # the last run that ran some, as after an edit


def packaging(records: Iterable[RunRecord], target: str, platform: str, *, compiles: bool = False) -> Seconds:
    """Return the seconds of a target's own steps. ``records``: newest first.

    ``compiles``: whether one of the steps is a go build; it is cold only if Go compiled everything in that run.
    """
    cold = warm = None
    for record in records:
        steps = [step for step in record.steps if _is_own(step, target, platform)]
        ran = [done for step in steps if (done := _executed(step, record))]
        if not ran:
            continue
        if any(step.outcome in _CACHED for step in steps):
            warm = _seconds(ran) if warm is None else warm
        elif cold is None and len(ran) == len(steps) and (not compiles or _compiled_all(record)):
            cold = _seconds(ran)
        if cold is not None and warm is not None:
            break
    return Seconds(cold=cold, warm=warm)


def _is_own(step: StepRecord, target: str, platform: str) -> bool:
    own = step.stage == target or step.stage.startswith(f"{target}-")
    return own and step.target == target and step.platform in ("", platform) and not step.instruction.startswith(_FROM)


def _executed(step: StepRecord, record: RunRecord) -> StepRecord | None:
    """Return the step as it ran, for this target or for another one that shares it; None if it did not."""
    if step.outcome == Outcome.SHARED:
        return next((s for s in record.steps if s.digest == step.digest and s.outcome == Outcome.EXECUTED), None)
    return step if step.outcome == Outcome.EXECUTED else None


def _compiled_all(record: RunRecord) -> bool:
    return all(work.packages and len(work.compiled) == work.packages for work in record.go)


def _seconds(steps: list[StepRecord]) -> float | None:
    """Seconds in which any of the steps ran."""
    spans = [(step.started, step.started + step.seconds) for step in steps if step.started is not None and step.seconds]
    return covered(spans) if spans else None
