"""The history of a project as metrics: the last run of each branch, and totals over all runs.

Each run is read once: its record never changes, so its samples are cached by id.
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

MOST_BRANCHES = 20  # the last built ones; each is a set of series


class Meter:
    """Makes the metrics for every scrape; several threads may use it."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._lock = Lock()
        self._summaries: dict[str, RunSummary | UnreadableRecord] = {}  # by run id
        self._samples: dict[str, tuple[Sample, ...]] = {}  # of the runs shown last

    def read(self, store: RunStore) -> CollectorRegistry:
        """The metrics of the store's current content."""
        with self._lock:
            ids, records = store.ids(), Records(store)
            self._summaries |= all_summaries(store, [i for i in ids if i not in self._summaries])
            last = self._last(ids)
            self._samples = {i: self._samples.get(i) or _samples(i, ids, records) for i in last}
            # deleted runs still count: Prometheus takes a falling counter for a restart
            known = [summary for summary in self._summaries.values() if isinstance(summary, RunSummary)]
            shown = [sample for run in self._samples.values() for sample in run]
            return registry([*shown, *totals(self._project, known)])

    def _last(self, there: list[str]) -> list[str]:
        """The newest run of each branch, newest first. Branches with equal labels count as one: series are unique."""
        found: dict[str, str] = {}
        for run_id in reversed(there):
            summary = self._summaries[run_id]
            if isinstance(summary, RunSummary) and len(found) < MOST_BRANCHES:
                found.setdefault(label(summary.branch), run_id)
        return list(found.values())


def _samples(run_id: str, there: Sequence[str], records: Records) -> tuple[Sample, ...]:
    record = records.get(run_id)
    return () if isinstance(record, UnreadableRecord) else samples(records.scored(record, there))
