"""What reports are made of, read from a store: a run, those before it, the digests of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import overload

from gobake.errors import UsageError
from gobake.insight.account import Account, account
from gobake.insight.card import Digest, Scorecard
from gobake.insight.costs import last_costs
from gobake.insight.scorecard import digest_of, scorecard
from gobake.runs.record import RunRecord, UnreadableRecord
from gobake.runs.store import RunStore

LIMIT = 50  # runs that one is seen against


class Earlier(Sequence[RunRecord]):
    """The runs before one, newest first; damaged ones are passed over."""

    def __init__(self, store: RunStore, run_id: str, limit: int = LIMIT) -> None:
        self._store = store
        self._left = [i for i in store.ids() if i < run_id][-limit:]
        self._read: list[RunRecord] = []

    @overload
    def __getitem__(self, at: int) -> RunRecord: ...
    @overload
    def __getitem__(self, at: slice) -> list[RunRecord]: ...
    def __getitem__(self, at: int | slice) -> RunRecord | list[RunRecord]:
        if isinstance(at, int) and at >= 0:
            self._fill(at + 1)
        else:
            self._fill(at.stop if isinstance(at, slice) and at.stop is not None and at.stop >= 0 else None)
        return self._read[at]

    def __len__(self) -> int:
        self._fill(None)
        return len(self._read)

    def _fill(self, count: int | None) -> None:
        while self._left and (count is None or len(self._read) < count):
            record = readable(self._store, self._left.pop())
            if record:
                self._read.append(record)


def readable(store: RunStore, run_id: str) -> RunRecord | None:
    """None for a damaged record, and for one that another process has removed meanwhile."""
    try:
        return store.get(run_id)
    except (UnreadableRecord, UsageError):
        return None


def digests(store: RunStore, count: int) -> list[Digest]:
    """Of the last readable runs, newest first."""
    records = store.recent(count)
    return [digest_of(scorecard(record, records[at + 1 :])) for at, record in enumerate(records)]


def card_of(store: RunStore, record: RunRecord) -> Scorecard:
    return scorecard(record, Earlier(store, record.id))


def account_of(
    store: RunStore, record: RunRecord, other: Scorecard | None = None, known: Sequence[Digest] | None = None
) -> Account:
    """``known``: the store's last digests, where they are at hand."""
    return account(record, Earlier(store, record.id), digests(store, LIMIT) if known is None else known, other=other)


def package_costs(store: RunStore, record: RunRecord) -> Mapping[tuple[str, str], float]:
    """What Go packages that came from the cache took when they were last compiled, by (platform, import path)."""
    return last_costs(record, Earlier(store, record.id)).packages
