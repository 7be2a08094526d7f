"""Finds the last cold run that a run can be compared with: the same targets, on the same builder, with all compiled."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from gobake.insight.absent import same_builder
from gobake.insight.card import work_of
from gobake.insight.costs import CACHED
from gobake.insight.identity import is_base
from gobake.runs import window
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import ColdRecord, RunRecord


def is_cold(record: RunRecord) -> bool:
    """Whether Go had to compile everything; without Go, whether no step came from a cache. Images that steps are based
    on may have been there."""
    if record.outcome != RunOutcome.DONE or not record.steps:
        return False
    if record.go:
        return all(work.packages and len(work.compiled) == work.packages for work in record.go)
    return not any(step.outcome in CACHED and not is_base(step) for step in record.steps)


def last_cold(record: RunRecord, earlier: Sequence[RunRecord], most: int = window.WHOLE) -> ColdRecord | None:
    """The cold run; itself, if it was cold. ``earlier``: newest first; at most ``most`` of them are read.

    A record names the cold run of its time, so that it is found after any number of warm ones. Without one of this
    builder, one of another machine's builder of the same name and kind counts, as the runners of a CI have.
    """
    if is_cold(record):
        return ColdRecord(run=record.id, seconds=record.seconds)
    work, other = work_of(record), None
    for before in islice(earlier, most):
        if work_of(before) != work:
            continue
        cold = ColdRecord(run=before.id, seconds=before.seconds) if is_cold(before) else None
        if same_builder(before, record):
            if cold or before.cold:
                return cold or before.cold
        elif other is None and (before.builder, before.driver) == (record.builder, record.driver):
            other = cold
    return other
