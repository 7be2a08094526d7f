"""Earlier runs are read only where they are looked at, and nobody waits for them at the end of a build."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from gobake.errors import UsageError
from gobake.insight import history
from gobake.insight.history import Earlier, Records, account_of, all_summaries, card_of, earlier, package_costs
from gobake.insight.scorecard import scorecard, summary_of
from gobake.runs.record import GoRecord, RunRecord, UnreadableRecord
from gobake.runs.store import RunStore
from tests.unit.scoring import run, step


class Kept:
    """A store of runs without a disk."""

    def __init__(self, *records: RunRecord, damaged: tuple[str, ...] = (), gone: tuple[str, ...] = ()) -> None:
        self.records = {record.id: record for record in records}
        self.damaged, self.gone = damaged, gone
        self.asked: list[str] = []

    def ids(self) -> list[str]:
        return sorted(self.records)

    def get(self, run_id: str) -> RunRecord:
        self.asked.append(run_id)
        if run_id in self.damaged:
            raise UnreadableRecord("is damaged")
        if run_id in self.gone:
            raise UsageError("no such run")
        return self.records[run_id]


@pytest.fixture
def kept() -> Kept:
    return Kept(*(run(at=at) for at in range(30)))


def before(kept: Kept, at: int, *, until: float | None = None) -> Earlier:
    return Earlier(Records(kept), run(at=at).id, kept.ids(), until=until)  # type: ignore[arg-type]


def ids(*numbers: int) -> list[str]:
    return [run(at=at).id for at in numbers]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A monotonic clock that goes on by its second value with every look at it."""
    now = [100.0, 0.0]

    def monotonic() -> float:
        now[0] += now[1]
        return now[0]

    with monkeypatch.context() as patch:
        patch.setattr(history, "time", SimpleNamespace(monotonic=monotonic))
        yield now


# ---- the runs before one


def test_the_runs_before_one_come_newest_first_without_itself_and_later_ones(kept: Kept) -> None:
    assert [record.id for record in before(kept, 3)] == ids(2, 1, 0)
    assert kept.asked == ids(2, 1, 0)


def test_at_most_twenty_runs_are_looked_at(kept: Kept) -> None:
    found = before(kept, 25)
    assert len(found) == 20
    assert kept.asked == ids(*range(24, 4, -1))


@pytest.mark.parametrize(("count", "read"), [(0, 0), (1, 1), (3, 3)])
def test_a_slice_reads_no_more_than_it_holds(kept: Kept, count: int, read: int) -> None:
    assert [record.id for record in before(kept, 9)[:count]] == ids(8, 7, 6)[:count]
    assert len(kept.asked) == read


def test_a_position_reads_up_to_itself(kept: Kept) -> None:
    found = before(kept, 9)
    assert found[0].id == run(at=8).id
    assert len(kept.asked) == 1
    assert found[2].id == run(at=6).id
    assert len(kept.asked) == 3


def test_what_counts_from_the_end_reads_all(kept: Kept) -> None:
    assert before(kept, 9)[-1].id == run(at=0).id
    assert [record.id for record in before(kept, 4)[:-1]] == ids(3, 2, 1)
    assert [record.id for record in before(kept, 4)[1:]] == ids(2, 1, 0)


def test_runs_that_are_damaged_or_gone_are_left_out() -> None:
    kept = Kept(*(run(at=at) for at in range(5)), damaged=(run(at=3).id,), gone=(run(at=1).id,))
    assert [record.id for record in before(kept, 4)] == ids(2, 0)
    assert [record.id for record in before(kept, 4)[:1]] == ids(2)
    records = Records(kept)  # type: ignore[arg-type]
    assert str(records.get(run(at=3).id)) == "is damaged"
    assert str(records.get(run(at=1).id)) == "is gone"


def test_a_record_is_read_once_for_all_runs_after_it(kept: Kept) -> None:
    records = Records(kept)  # type: ignore[arg-type]
    for at in (9, 10):
        assert len(Earlier(records, run(at=at).id, kept.ids())) == at
    assert kept.asked == ids(*range(8, -1, -1), 9)


def test_nothing_is_read_after_the_deadline(kept: Kept, clock: list[float]) -> None:
    found = before(kept, 9, until=100.0)
    assert found[0].id == run(at=8).id
    clock[0] = 100.5
    assert found[0].id == run(at=8).id
    with pytest.raises(TimeoutError):
        found[1]
    assert kept.asked == ids(8)


# ---- before they are needed


def test_reading_ahead_begins_with_the_newest_and_ends_in_time(kept: Kept, clock: list[float]) -> None:
    clock[1] = 1.0
    Records(kept).read_ahead(2.0)  # type: ignore[arg-type]
    assert kept.asked == ids(29, 28)


def test_reading_ahead_reads_no_more_than_reports_look_at(kept: Kept) -> None:
    Records(kept).read_ahead(1000.0)  # type: ignore[arg-type]
    assert kept.asked == ids(*range(29, 9, -1))


# ---- summaries


@pytest.mark.parametrize(("tick", "made"), [(0.0, True), (0.1, False)])
def test_at_the_end_of_a_build_nobody_waits_for_earlier_runs(
    kept: Kept, clock: list[float], tick: float, made: bool
) -> None:
    clock[1] = tick
    record = run(step(1, "reused"), at=5)
    assert (history.prompt_summary(record, Records(kept)) is not None) is made  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    with RunStore(tmp_path / "runs") as opened:
        yield opened


def test_summaries_of_all_runs_or_of_some_come_newest_first(store: RunStore) -> None:
    for at in range(4):
        store.add(run(at=at), [])
    assert [run_id for run_id, _ in all_summaries(store)] == ids(3, 2, 1, 0)
    assert [run_id for run_id, _ in all_summaries(store, ids(0, 2))] == ids(2, 0)
    assert list(all_summaries(store, [])) == []


FIRST = run(
    step(1, "executed", 9.0), at=1, go=(GoRecord(platform="p", packages=1, compiled=(("fmt", 2.0),), linked=()),)
)
SECOND = run(
    step(1, "reused"),
    at=2,
    go=(GoRecord(platform="p", packages=1, compiled=(), linked=(), actions=(("fmt", "key"),)),),
)


def test_a_run_is_scored_and_explained_by_those_before_it(store: RunStore) -> None:
    store.add(FIRST, [])
    store.add(SECOND, [])
    card = card_of(store, SECOND)
    assert card == scorecard(SECOND, [FIRST])
    assert card != scorecard(SECOND, [])
    found = account_of(store, SECOND)
    assert found.card == card
    assert found.trend is not None
    assert found.trend.runs == 1
    assert found.compared is None
    assert package_costs(SECOND, earlier(store, SECOND)) == {("p", "fmt"): 2.0}


def test_an_account_takes_what_is_known_already(store: RunStore) -> None:
    store.add(FIRST, [])
    other = scorecard(FIRST, [])
    alone = account_of(store, SECOND, other, [], before(Kept(), 2))
    assert alone.card == scorecard(SECOND, [])
    assert alone.trend is None
    assert alone.compared is not None
    assert alone.compared.other == FIRST.id
    known = account_of(store, SECOND, known=[summary_of(other)])
    assert known.trend is not None
