"""The history of a project as metrics: the last run of each branch, and what all runs come to.

A run is read once: its record never changes, so what was made of it is kept by its id.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from threading import Lock

from prometheus_client import CollectorRegistry

from gobake.insight.card import Digest
from gobake.insight.scorecard import digest_of, scorecard
from gobake.report.exposition import Sample, label, registry, samples, totals
from gobake.reporting import LIMIT, readable
from gobake.runs.record import RunRecord
from gobake.runs.store import RunStore

MOST_BRANCHES = 20  # those that were built last; each is a set of series
_Read = Callable[[str], RunRecord | None]


class Meter:
    """Asked again and again, by several threads."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._lock = Lock()
        self._digests: dict[str, Digest | None] = {}  # by run id, None for what cannot be read
        self._samples: dict[str, tuple[Sample, ...]] = {}  # of the runs that were shown last

    def read(self, store: RunStore) -> CollectorRegistry:
        """What the store holds now."""

        @lru_cache(maxsize=2 * LIMIT)  # the runs before one are those before the next, too; whole records are large
        def record(run_id: str) -> RunRecord | None:
            return readable(store, run_id)

        with self._lock:
            there = store.ids()
            self._catch_up(there, record)
            last = self._last(there)
            self._samples = {i: self._samples.get(i) or _samples(i, there, record) for i in last}
            # a run that was deleted meanwhile still counts: a counter that falls would be taken for a restart
            known = [digest for digest in self._digests.values() if digest]
            shown = [sample for run in self._samples.values() for sample in run]
            return registry([*shown, *totals(self._project, known)])

    def _catch_up(self, there: list[str], read: _Read) -> None:
        for run_id in there:
            if run_id not in self._digests:
                record = read(run_id)
                self._digests[run_id] = digest_of(scorecard(record, ())) if record else None

    def _last(self, there: list[str]) -> list[str]:
        """The newest run of each branch, newest first. Branches that look alike are one: no series may come twice."""
        found: dict[str, str] = {}
        for run_id in reversed(there):
            digest = self._digests[run_id]
            if digest and len(found) < MOST_BRANCHES:
                found.setdefault(label(digest.branch), run_id)
        return list(found.values())


def _samples(run_id: str, there: list[str], read: _Read) -> tuple[Sample, ...]:
    record = read(run_id)
    if record is None:
        return ()
    at = there.index(run_id)
    earlier = [one for i in reversed(there[max(0, at - LIMIT) : at]) if (one := read(i))]
    return samples(scorecard(record, earlier))
