"""What reports are made of, read from a store: a run, those before it, the summaries of many."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, overload

from gobake.errors import Unwritable, UsageError
from gobake.runs import window
from gobake.runs.record import RunRecord, UnreadableRecord
from gobake.runs.store import RunStore
from gobake.runs.summary import RunSummary

if TYPE_CHECKING:  # what scores is imported where something is scored: mostly the summaries are there
    from gobake.insight.account import Account
    from gobake.insight.card import Scorecard

_PATIENCE = 0.15  # seconds at the end of a build; reading large records takes longer
_AT_ONCE = 200  # summaries


class Earlier(Sequence[RunRecord]):
    """The runs before one, newest first; damaged ones are passed over. Read only as far as asked for."""

    def __init__(self, records: Records, run_id: str, ids: Sequence[str], *, until: float | None = None) -> None:
        """``ids``: of the store, in order. ``until``: on the monotonic clock; what takes longer raises TimeoutError."""
        self._records = records
        self._left = [i for i in ids if i < run_id][-window.WHOLE :]
        self._until = until
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
            if self._until is not None and time.monotonic() > self._until:
                raise TimeoutError
            record = self._records.get(self._left.pop())
            if isinstance(record, RunRecord):
                self._read.append(record)


class Records:
    """Records of a store; the last ones are remembered, as the runs before one are those before the next, too."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self.get = lru_cache(maxsize=window.WHOLE + 5)(self._get)  # whole records are large

    def _get(self, run_id: str) -> RunRecord | UnreadableRecord:
        try:
            return self.store.get(run_id)
        except UnreadableRecord as error:
            return error
        except UsageError:  # another process has removed it meanwhile
            return UnreadableRecord("is gone")

    def read_ahead(self, seconds: float) -> None:
        """The last ones, newest first, for so long."""
        until = time.monotonic() + seconds
        with contextlib.suppress(Unwritable):  # said where the run is to be kept
            for run_id in self.store.ids()[::-1][: window.WHOLE]:
                if time.monotonic() > until:
                    return
                self.get(run_id)

    def scored(self, record: RunRecord, ids: Sequence[str], *, until: float | None = None) -> Scorecard:
        """``ids``: of the store, in order."""
        from gobake.insight.scorecard import scorecard

        return scorecard(record, Earlier(self, record.id, ids, until=until))


# ---- summaries


def all_summaries(
    store: RunStore, ids: Sequence[str] | None = None
) -> Iterator[tuple[str, RunSummary | UnreadableRecord]]:
    """Of every run, or of those of ``ids`` (in order), newest first: as they are kept; else made from the records, and
    kept from now on."""
    there = store.ids()
    wanted = list(there if ids is None else ids)[::-1]
    records = Records(store)
    for at in range(0, len(wanted), _AT_ONCE):
        some = wanted[at : at + _AT_ONCE]
        kept = store.summaries(some)
        made: list[RunSummary] = []
        try:
            for run_id in some:
                found: RunSummary | UnreadableRecord | None = kept.get(run_id)
                if found is None:
                    found = _made(records, run_id, there)
                    if isinstance(found, RunSummary):
                        made.append(found)
                yield run_id, found
        finally:
            store.keep_summaries(made)


def _made(records: Records, run_id: str, there: Sequence[str]) -> RunSummary | UnreadableRecord:
    record = records.get(run_id)
    if isinstance(record, UnreadableRecord):
        return record
    try:
        return _summary(records.scored(record, there))
    except Exception as error:  # one odd record, perhaps from elsewhere, must not hide the others
        return UnreadableRecord(f"cannot be scored: {type(error).__name__}: {error}")


def summaries(store: RunStore, count: int) -> list[RunSummary]:
    """Of the last readable runs, newest first."""
    return list(islice((found for _, found in all_summaries(store) if isinstance(found, RunSummary)), count))


def prompt_summary(record: RunRecord, records: Records) -> RunSummary | None:
    """Of a run that just ended. None where it cannot be scored, and where large records would have to be read for it
    while somebody waits: whoever asks for it first makes it then."""
    try:
        until = time.monotonic() + _PATIENCE
        return _summary(records.scored(record, records.store.ids(), until=until))
    except Exception:  # whatever it is, the images are built, and the record is to be kept
        return None


def _summary(card: Scorecard) -> RunSummary:
    from gobake.insight.scorecard import summary_of

    return summary_of(card)


# ---- one run


def earlier(store: RunStore, record: RunRecord) -> Earlier:
    return Earlier(Records(store), record.id, store.ids())


def card_of(store: RunStore, record: RunRecord) -> Scorecard:
    from gobake.insight.scorecard import scorecard

    return scorecard(record, earlier(store, record))


def account_of(
    store: RunStore,
    record: RunRecord,
    other: Scorecard | None = None,
    known: Sequence[RunSummary] | None = None,
    past: Earlier | None = None,
) -> Account:
    """``known``: the store's last summaries, ``past``: the runs before this one, where they are at hand."""
    from gobake.insight.account import account

    past = earlier(store, record) if past is None else past
    return account(record, past, summaries(store, window.SUMMARIES) if known is None else known, other=other)


def package_costs(record: RunRecord, past: Earlier) -> Mapping[tuple[str, str], float]:
    """What Go packages that came from the cache took when they were last compiled, by (platform, import path)."""
    from gobake.insight.costs import last_costs

    return last_costs(record, past).packages
