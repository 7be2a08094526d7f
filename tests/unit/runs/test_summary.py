"""Summaries beside the records: kept, made where they are not there, and never believed blindly."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gobake.errors import Unwritable
from gobake.insight.card import Scorecard
from gobake.insight.history import Records, all_summaries, prompt_summary, summaries
from gobake.insight.scorecard import scorecard, summary_of
from gobake.runs import summary as values
from gobake.runs.journal import Journal
from gobake.runs.record import RunRecord, UnreadableRecord
from gobake.runs.shelf import FILE
from gobake.runs.store import RunStore
from gobake.runs.summary import RunSummary
from tests.unit.runs.test_store import pragma
from tests.unit.scoring import NAMES, recorded, recorded_summaries, run, summary


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    with RunStore(tmp_path / "runs") as opened:
        yield opened


@pytest.fixture
def filled(store: RunStore) -> RunStore:
    for name in reversed(NAMES):
        store.add(recorded(name), [], prompt_summary(recorded(name), Records(store)))
    return store


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of records that are read."""
    asked: list[str] = []
    before = RunStore.get

    def get(self: RunStore, name: str) -> RunRecord:
        asked.append(name)
        return before(self, name)

    monkeypatch.setattr(RunStore, "get", get)
    return asked


def tamper(store: RunStore, sql: str, *given: object) -> None:
    with sqlite3.connect(store.folder / FILE) as database:
        database.execute(sql, given)
    database.close()


# ---- the value


@pytest.mark.parametrize("name", range(len(NAMES)))
def test_a_digest_comes_back_as_it_was(name: int) -> None:
    one = recorded_summaries()[name]
    assert values.from_text(values.to_text(one)) == one


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 1},
        {"schema": None},
        {"id": 3},
        {"seconds": "long"},
        {"seconds": float("nan")},
        {"targets": True},
        {"targets": 1.5},
        {"services": "api"},
        {"services": [1]},
        {"hit_rate": []},
        {"branch": None},
    ],
)
def test_what_is_no_digest_is_none(change: dict[str, Any]) -> None:
    assert values.from_text(json.dumps(json.loads(values.to_text(summary(0))) | change)) is None


@pytest.mark.parametrize("text", ["", "[]", "3", "{}", "{", "[" * 100_000])
def test_what_is_no_object_is_none(text: str) -> None:
    assert values.from_text(text) is None


# ---- kept


def test_no_record_is_read_where_its_digest_is_kept(filled: RunStore, reads: list[str]) -> None:
    filled.keep_summaries(recorded_summaries())
    assert summaries(filled, 9) == recorded_summaries()
    assert reads == []


def test_a_digest_that_is_not_there_is_made_once_and_scored_against_the_runs_before_it(
    store: RunStore, reads: list[str]
) -> None:
    for name in NAMES:
        store.add(recorded(name), [])
    assert summaries(store, 9) == recorded_summaries()
    assert reads
    reads.clear()
    assert summaries(store, 9) == recorded_summaries()
    assert reads == []


def test_no_more_records_are_read_than_asked_for(store: RunStore, reads: list[str]) -> None:
    for at in range(30):
        store.add(run(at=at), [])
    assert [d.id for d in summaries(store, 2)] == [run(at=29).id, run(at=28).id]
    assert len(set(reads)) < 5


def test_a_build_does_not_wait_for_large_records_to_be_read(filled: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gobake.insight.history._PATIENCE", -1.0)
    assert prompt_summary(replace(recorded("warm"), id="20991125-053208-da7135"), Records(filled)) is None


def test_a_journal_keeps_the_digest_with_the_record(tmp_path: Path, reads: list[str]) -> None:
    journal = Journal(tmp_path / "runs")
    assert (
        journal.keep(
            run(), [], lambda record: prompt_summary(record, Records(journal.store)) if journal.store else None
        )
        == []
    )
    reads.clear()
    with RunStore(tmp_path / "runs") as store:
        assert summaries(store, 1) == [summary_of(scorecard(run(), ()))]
    assert reads == []


def test_a_run_that_is_removed_takes_its_digest_along(filled: RunStore) -> None:
    summaries(filled, 9)
    filled.remove(recorded("bare").id)
    assert [d.id for d in summaries(filled, 9)] == [d.id for d in recorded_summaries()[1:]]
    assert filled.summaries([recorded("bare").id]) == {}


def test_a_record_that_is_kept_anew_is_scored_anew(store: RunStore) -> None:
    store.add(run(), [], summary(0))
    store.add(run(seconds=3.0), [])
    assert summaries(store, 1)[0].seconds == 3.0


# ---- damage


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("UPDATE digests SET body = ?", "garbage"),
        ("UPDATE digests SET body = ?", b"\xff\xfe\x00"),
        ("UPDATE digests SET body = CAST(? AS TEXT)", b"\xff\xfe"),
        ("UPDATE digests SET body = ?", None),
        ("UPDATE digests SET body = ?", values.to_text(summary(7))),
        ("UPDATE digests SET schema = ?", 2),
        ("DELETE FROM digests WHERE id != ?", ""),
    ],
)
def test_damaged_digests_are_made_anew_from_the_records(filled: RunStore, sql: str, value: object) -> None:
    summaries(filled, 9)
    tamper(filled, sql, value)
    with RunStore(filled.folder) as again:
        assert summaries(again, 9) == recorded_summaries()
    with RunStore(filled.folder) as again:
        assert again.summaries(again.ids()).keys() == {d.id for d in recorded_summaries()}


@pytest.mark.parametrize("content", [b"", b"no database " * 500, b"SQLite format 3\x00" + b"\x00" * 4000])
def test_a_damaged_database_of_digests_is_thrown_away(filled: RunStore, content: bytes) -> None:
    filled.__exit__()
    (filled.folder / FILE).write_bytes(content)
    with RunStore(filled.folder) as again:
        assert summaries(again, 9) == recorded_summaries()
    with RunStore(filled.folder) as again:
        assert summaries(again, 9) == recorded_summaries()


def test_a_folder_in_its_place_costs_only_time(store: RunStore) -> None:
    (store.folder / FILE).mkdir()
    store.add(run(), [], summary(0))
    assert [d.id for d in summaries(store, 9)] == [run().id]


def test_records_that_cannot_be_read_are_told_and_hide_no_other(store: RunStore) -> None:
    store.add(run(at=0), [])
    store.add(replace(run(at=1), schema=2), [])
    store.add(run(at=2), [])
    store._cache.set(run(at=2).id, {"schema": 1, "id": 3})
    found = dict(all_summaries(store))
    assert isinstance(found[run(at=0).id], RunSummary)
    assert "has schema 2, and this gobake reads up to 1" in str(found[run(at=1).id])
    assert isinstance(found[run(at=2).id], UnreadableRecord)


def test_a_record_that_cannot_be_scored_is_told_and_hides_no_other(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def score(record: RunRecord, earlier: object) -> Scorecard:
        if record.id == run(at=1).id:
            raise IndexError("tuple index out of range")
        return scorecard(record, ())

    monkeypatch.setattr("gobake.insight.scorecard.scorecard", score)
    for at in range(3):
        store.add(run(at=at), [], prompt_summary(run(at=at), Records(store)))
    assert [d.id for d in summaries(store, 9)] == [run(at=2).id, run(at=0).id]
    assert str(dict(all_summaries(store))[run(at=1).id]) == "cannot be scored: IndexError: tuple index out of range"


def test_a_store_of_a_killed_writer_is_read_by_who_only_reads(tmp_path: Path) -> None:
    """What it wrote last lies in SQLite's log, and no process has put it into the database."""
    program = "import os, sys; from pathlib import Path; from gobake.runs.store import RunStore; "
    program += "from tests.unit.scoring import run; store = RunStore(Path(sys.argv[1])); "
    program += "[store.add(run(at=at), []) for at in range(3)]; os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "runs")], check=False)
    assert (tmp_path / "runs" / "records" / "cache.db-wal").stat().st_size
    with RunStore(tmp_path / "runs", writes=False) as store:
        assert store.ids() == [run(at=at).id for at in range(3)]
        assert store.get("last") == run(at=2)


def test_nothing_is_kept_of_a_run_that_cannot_be_kept(store: RunStore) -> None:
    pragma(store, "query_only = 1")
    with pytest.raises(Unwritable):
        store.add(run(), [], summary(0))
    assert store.summaries([run().id]) == {}
