"""The history of a project as metrics: the last run of each branch, and what all runs come to.

A run is read once: its record never changes, so what was made of it is kept by its id.
"""

from __future__ import annotations

from threading import Lock

from prometheus_client import CollectorRegistry

from gobake.insight.card import Digest
from gobake.insight.scorecard import digest_of, scorecard
from gobake.report.exposition import Sample, registry, samples, totals
from gobake.reporting import card_of, readable
from gobake.runs.store import RunStore

MOST_BRANCHES = 20  # those that were built last; each is a set of series


class Meter:
    """Asked again and again, by several threads."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._lock = Lock()
        self._digests: dict[str, Digest | None] = {}  # by run id, None for what cannot be read
        self._samples: dict[str, tuple[Sample, ...]] = {}  # of the runs that were shown last

    def read(self, store: RunStore) -> CollectorRegistry:
        """What the store holds now."""
        with self._lock:
            there = store.ids()
            self._catch_up(store, there)
            shown = {run_id: self._samples.get(run_id) or self._of(store, run_id) for run_id in self._last(there)}
            self._samples = shown
            # a run that was deleted meanwhile still counts: a counter that falls would be taken for a restart
            known = [digest for digest in self._digests.values() if digest]
            every = [sample for run in shown.values() for sample in run]
            return registry([*every, *totals(self._project, known)])

    def _catch_up(self, store: RunStore, there: list[str]) -> None:
        for run_id in there:
            if run_id not in self._digests:
                record = readable(store, run_id)
                self._digests[run_id] = digest_of(scorecard(record, ())) if record else None

    def _last(self, there: list[str]) -> list[str]:
        """The newest run of each branch, newest first."""
        found: dict[str, str] = {}
        for run_id in reversed(there):
            digest = self._digests[run_id]
            if digest and len(found) < MOST_BRANCHES:
                found.setdefault(digest.branch, run_id)
        return list(found.values())

    def _of(self, store: RunStore, run_id: str) -> tuple[Sample, ...]:
        record = readable(store, run_id)
        return samples(card_of(store, record)) if record else ()
