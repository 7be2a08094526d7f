"""The history of a project as metrics: the last run of each branch, and what all runs come to.

A run is read once: its record never changes, so what was made of it is kept by its id.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from prometheus_client import CollectorRegistry

from gobake.insight.card import RunSummary
from gobake.insight.history import Records, all_summaries
from gobake.report.prometheus.exposition import Sample, label, registry, samples, totals
from gobake.runs.record import UnreadableRecord
from gobake.runs.store import RunStore

MOST_BRANCHES = 20  # those that were built last; each is a set of series


class Meter:
    """Asked again and again, by several threads."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._lock = Lock()
        self._summaries: dict[str, RunSummary | UnreadableRecord] = {}  # by run id
        self._samples: dict[str, tuple[Sample, ...]] = {}  # of the runs that were shown last

    def read(self, store: RunStore) -> CollectorRegistry:
        """What the store holds now."""
        with self._lock:
            there, records = store.ids(), Records(store)
            self._summaries |= all_summaries(store, [i for i in there if i not in self._summaries])
            last = self._last(there)
            self._samples = {i: self._samples.get(i) or _samples(i, there, records) for i in last}
            # a run that was deleted meanwhile still counts: a counter that falls would be taken for a restart
            known = [summary for summary in self._summaries.values() if isinstance(summary, RunSummary)]
            shown = [sample for run in self._samples.values() for sample in run]
            return registry([*shown, *totals(self._project, known)])

    def _last(self, there: list[str]) -> list[str]:
        """The newest run of each branch, newest first. Branches that look alike are one: no series may come twice."""
        found: dict[str, str] = {}
        for run_id in reversed(there):
            summary = self._summaries[run_id]
            if isinstance(summary, RunSummary) and len(found) < MOST_BRANCHES:
                found.setdefault(label(summary.branch), run_id)
        return list(found.values())


def _samples(run_id: str, there: Sequence[str], records: Records) -> tuple[Sample, ...]:
    record = records.get(run_id)
    return () if isinstance(record, UnreadableRecord) else samples(records.scored(record, there))
