"""Reads what reports need from a store: a run, the runs before it, and summaries of many."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, overload

from gobake.errors import Unwritable, UsageError
from gobake.runs import window
from gobake.runs.record import ColdRecord, RunRecord, UnreadableRecord
from gobake.runs.store import RunStore
from gobake.runs.summary import RunSummary

if TYPE_CHECKING:  # scoring is imported only when needed: mostly the summaries exist
    from gobake.insight.account import Account
    from gobake.insight.card import Scorecard
    from gobake.insight.growth import ImageGrowth

_PATIENCE = 0.15  # seconds to wait at the end of a build; reading large records takes longer
_AT_ONCE = 200  # summaries


class Earlier(Sequence[RunRecord]):
    """The runs before one, newest first, without damaged ones. Reads records only when accessed."""

    def __init__(self, records: Records, run_id: str, ids: Sequence[str], *, until: float | None = None) -> None:
        """``ids``: of the store, in order. ``until``: deadline on the monotonic clock; reads after it raise
        TimeoutError."""
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
    """Records of a store, with the last ones cached, as consecutive runs have nearly the same earlier runs."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self.get = lru_cache(maxsize=window.WHOLE + 5)(self._get)  # whole records are large

    def _get(self, run_id: str) -> RunRecord | UnreadableRecord:
        try:
            return self.store.get(run_id)
        except UnreadableRecord as error:
            return error
        except UsageError:  # another process removed it meanwhile
            return UnreadableRecord("is gone")

    def read_ahead(self, seconds: float) -> list[RunRecord]:
        """Read the last records, newest first, for at most so many seconds; return those that could be read."""
        until = time.monotonic() + seconds
        found: list[RunRecord] = []
        with contextlib.suppress(Unwritable):  # reported when the run is stored
            for run_id in self.store.ids()[::-1][: window.WHOLE]:
                if time.monotonic() > until:
                    break
                record = self.get(run_id)
                if isinstance(record, RunRecord):
                    found.append(record)
        return found

    def scored(self, record: RunRecord, ids: Sequence[str], *, until: float | None = None) -> Scorecard:
        """The scorecard of a run. ``ids``: of the store, in order. May raise TimeoutError after ``until``."""
        from gobake.insight.scorecard import scorecard

        return scorecard(record, Earlier(self, record.id, ids, until=until))


# ---- summaries


def all_summaries(
    store: RunStore, ids: Sequence[str] | None = None
) -> Iterator[tuple[str, RunSummary | UnreadableRecord]]:
    """(Id, summary) of every run, or of ``ids`` (in order), newest first. Missing summaries are made from the records
    and stored."""
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
    except Exception as error:  # one unusual record, perhaps of another version, must not hide the others
        return UnreadableRecord(f"cannot be scored: {type(error).__name__}: {error}")


def summaries(store: RunStore, count: int) -> list[RunSummary]:
    """Summaries of the last ``count`` readable runs, newest first."""
    return list(islice((found for _, found in all_summaries(store) if isinstance(found, RunSummary)), count))


def prompt_summary(record: RunRecord, records: Records) -> RunSummary | None:
    """The summary of a run that just ended; None if it cannot be scored, or if the user would have to wait while large
    records are read. It is then made on first use."""
    try:
        until = time.monotonic() + _PATIENCE
        return _summary(records.scored(record, records.store.ids(), until=until))
    except Exception:  # any error: the images are built, and the record must be stored
        return None


def prompt_cold(record: RunRecord, records: Records) -> ColdRecord | None:
    """The last cold run that a run which just ended can be compared with; None too if the user would have to wait."""
    from gobake.insight.cold import last_cold

    try:
        until = time.monotonic() + _PATIENCE
        return last_cold(record, Earlier(records, record.id, records.store.ids(), until=until))
    except Exception:  # any error: the images are built, and the record must be stored
        return None


def _summary(card: Scorecard) -> RunSummary:
    from gobake.insight.scorecard import summary_of

    return summary_of(card)


# ---- images


def baselines(store: RunStore, record: RunRecord) -> Iterator[RunRecord]:
    """The runs whose images those of a run are compared with, best first, read as they are asked for."""
    from gobake.insight.growth import candidates

    known = (found for _, found in all_summaries(store) if isinstance(found, RunSummary))
    for run_id in candidates(record, islice(known, window.BASELINES)):
        try:
            found = store.get(run_id)
        except (UnreadableRecord, UsageError):  # damaged, or removed meanwhile
            continue
        yield found


def growths_of(store: RunStore, record: RunRecord) -> tuple[ImageGrowth, ...]:
    """What the images of a run grew by since the run that each is compared with."""
    from gobake.insight.growth import growths

    return growths(record, baselines(store, record))


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
    """The account of a run. ``known``: the store's last summaries, ``past``: the runs before this one; None: read
    them."""
    from gobake.insight.account import account

    past = earlier(store, record) if past is None else past
    known = summaries(store, window.SUMMARIES) if known is None else known
    return account(record, past, known, other=other, growth=growths_of(store, record))


def package_costs(record: RunRecord, past: Earlier) -> Mapping[tuple[str, str], float]:
    """Seconds of the last compile of each Go package that came from the cache, by (platform, import path)."""
    from gobake.insight.costs import last_costs

    return last_costs(record, past).packages
