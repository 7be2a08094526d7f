"""The store: several processes, damage, no room."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import sqlite3
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gobake.errors import Unwritable, UsageError
from gobake.insight.history import summaries
from gobake.insight.scorecard import scorecard, summary_of
from gobake.runs.disk import Database
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import RunRecord, UnreadableRecord, new_id
from gobake.runs.store import RunStore, dump


def record(run_id: str = "20260101-000000-aaaaaa", **changes: object) -> RunRecord:
    base = RunRecord(
        id=run_id, started=1.0, seconds=2.0, outcome=RunOutcome.DONE, command=("gobake",), project="p", root="/p"
    )
    return replace(base, **changes)


FIRST, SECOND, THIRD = "20260101-000000-aaaaaa", "20260101-000001-bbbbbb", "20260202-000000-cccccc"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    with RunStore(tmp_path / "runs") as opened:
        yield opened


@pytest.fixture
def three(store: RunStore) -> RunStore:
    for run_id in (SECOND, FIRST, THIRD):
        store.add(record(run_id), [f"events of {run_id}\n"])
    return store


def tamper(store: RunStore, sql: str, *values: object) -> None:
    with sqlite3.connect(store.folder / "records" / "cache.db") as database:
        database.execute(sql, values)
    database.close()


def pragma(store: RunStore, words: str) -> Any:
    """On the connection that writes."""
    assert isinstance(store._cache, Database)
    return store._cache.writer._sql(f"PRAGMA {words}").fetchone()


def test_records_and_their_events_come_back(three: RunStore) -> None:
    assert three.ids() == [FIRST, SECOND, THIRD]
    assert three.get(FIRST) == record(FIRST)
    assert three.events(FIRST) == f"events of {FIRST}\n"
    assert [r.id for r in three.recent(2)] == [THIRD, SECOND]
    assert [r.id for r in three.recent(9)] == [THIRD, SECOND, FIRST]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("last", THIRD),
        ("", THIRD),
        ("last~0", THIRD),
        ("last~1", SECOND),
        ("last~2", FIRST),
        (FIRST, FIRST),
        ("20260202", THIRD),
    ],
)
def test_a_run_has_short_names(three: RunStore, name: str, found: str) -> None:
    assert (three.resolve(name), three.get(name).id) == (found, found)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("20260101", "2 runs begin with"),
        ("2031", "there is no run"),
        ("last~3", "there is no run last~3: 3 on record"),
        ("last~x", "there is no run 'last~x'"),
    ],
)
def test_names_that_mean_none_or_several(three: RunStore, name: str, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        three.get(name)


def test_an_empty_store_says_what_to_do(store: RunStore) -> None:
    with pytest.raises(UsageError, match="no run is on record"):
        store.resolve("last")
    assert (store.recent(3), list(store.read_all())) == ([], [])


def test_a_removed_run_leaves_nothing(three: RunStore) -> None:
    three.remove(SECOND)
    assert three.ids() == [FIRST, THIRD]
    assert sorted(p.name for p in (three.folder / "events").iterdir()) == [f"{FIRST}.jsonl.gz", f"{THIRD}.jsonl.gz"]


def test_events_are_taken_as_text_bytes_or_file(store: RunStore, tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_bytes(b"from a file\n")
    store.add(record(FIRST), ["text\n", b"bytes \xff\n", "half \ud800\n"])
    store.add(record(SECOND), file)
    assert store.events(FIRST) == "text\nbytes \ufffd\nhalf ?\n"
    assert store.events(SECOND) == "from a file\n"


def test_a_second_store_sees_what_the_first_has_written(three: RunStore) -> None:
    with RunStore(three.folder) as other:
        assert other.ids() == three.ids()
        assert other.notes == []


def test_large_records_stay_in_the_database(store: RunStore) -> None:
    store.add(record(command=tuple(f"{n} {n * 7919 % 65536:x}" for n in range(60_000))), [])
    assert len(store.get(FIRST).command) == 60_000
    assert not list(store.folder.rglob("*.val"))


def test_dump_is_readable_json() -> None:
    assert '\n  "project": "p"' in dump(record())


# ---- damage


@pytest.mark.parametrize("value", [b"garbage", b"", b"x\x9c\x03\x00\x00\x00\x00\x01"])
def test_a_damaged_record_hides_no_other(three: RunStore, value: bytes) -> None:
    tamper(three, "UPDATE Cache SET value = ? WHERE rowid = 1", value)  # SECOND
    found = dict(three.read_all())
    assert isinstance(found[SECOND], UnreadableRecord)
    assert [found[FIRST], found[THIRD]] == [record(FIRST), record(THIRD)]
    assert [r.id for r in three.recent(2)] == [THIRD, FIRST]
    three.remove(SECOND)
    assert three.ids() == [FIRST, THIRD]


def test_a_record_whose_part_is_gone_is_damaged(three: RunStore) -> None:
    tamper(three, "UPDATE Cache SET mode = 2, filename = 'aa/bb/gone.val', value = NULL WHERE rowid = 1")
    with pytest.raises(UnreadableRecord, match="cannot be read"):
        three.get(SECOND)


def test_a_key_that_is_none_of_ours_hides_no_record(three: RunStore) -> None:
    tamper(three, "UPDATE Cache SET key = ? WHERE rowid = 1", b"garbage")
    assert three.ids() == [FIRST, THIRD]


def bomb(marker: Path) -> bytes:
    return b"cos\nsystem\n(S'touch " + str(marker).encode() + b"'\ntR."


def test_nothing_is_ever_unpickled(three: RunStore, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    assert pickle.loads(bomb(tmp_path / "check")) == 0  # it would run
    tamper(three, "UPDATE Cache SET mode = 4, value = ? WHERE rowid = 1", bomb(marker))
    tamper(three, "UPDATE Cache SET raw = 0, key = ? WHERE rowid = 2", bomb(marker))
    found = dict(three.read_all())
    assert isinstance(found[SECOND], UnreadableRecord)
    assert found[THIRD] == record(THIRD)
    assert not marker.exists()


def test_a_broken_database_is_set_aside_and_the_next_run_is_recorded(three: RunStore) -> None:
    three.__exit__()
    for file in (three.folder / "records").iterdir():
        file.write_bytes(b"this is no database, and it is longer than a header would be" * 40)
    with RunStore(three.folder) as again:
        again.add(record(FIRST), [])
        assert again.ids() == [FIRST]
        assert "are damaged" in again.notes[0]
    assert len(list(three.folder.glob("records-damaged-*"))) == 1


def test_events_that_are_gone_or_broken(three: RunStore) -> None:
    (three.folder / "events" / f"{FIRST}.jsonl.gz").unlink()
    (three.folder / "events" / f"{SECOND}.jsonl.gz").write_bytes(b"\x1f\x8b\x08broken")
    for run_id in (FIRST, SECOND):
        with pytest.raises(UnreadableRecord, match="has no readable events"):
            three.events(run_id)


def test_a_record_that_another_process_removed_meanwhile(three: RunStore) -> None:
    reading = three.read_all()
    assert next(reading) == (FIRST, record(FIRST))
    with RunStore(three.folder) as other:
        other.remove(SECOND)
    (gone, why), last = reading
    assert gone == SECOND
    assert isinstance(why, UnreadableRecord)
    assert last == (THIRD, record(THIRD))


# ---- folders that do not take it


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unwritable, match="the history cannot be written: Not a directory"):
        RunStore(tmp_path / "file" / "runs")


def test_a_records_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "records").write_text("")
    with pytest.raises(Unwritable):
        RunStore(tmp_path / "runs")


def test_a_full_disk_while_events_are_written_leaves_nothing_half(store: RunStore) -> None:
    def events() -> Iterator[bytes]:
        yield b"some"
        raise OSError(28, "No space left on device")

    with pytest.raises(Unwritable, match="No space left on device"):
        store.add(record(), events())
    assert store.ids() == []
    assert list((store.folder / "events").iterdir()) == []


def test_a_full_database_leaves_nothing_half(three: RunStore) -> None:
    (pages,) = pragma(three, "page_count")
    pragma(three, f"max_page_count = {pages}")
    noise = tuple(new_id() for _ in range(20_000))
    with pytest.raises(Unwritable, match="full"):
        three.add(record("20270101-000000-eeeeee", command=noise), [b"events"])
    assert three.ids() == [FIRST, SECOND, THIRD]
    assert not (three.folder / "events" / "20270101-000000-eeeeee.jsonl.gz").exists()


def test_a_store_that_is_read_only_does_not_hang(three: RunStore) -> None:
    pragma(three, "query_only = 1")
    with pytest.raises(Unwritable):
        three.add(record("20270101-000000-ffffff"), [])
    with pytest.raises(Unwritable):
        three.remove(FIRST)


def test_a_store_that_another_process_holds(three: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gobake.runs.disk.LOCKED_SECONDS", 0.05)
    with RunStore(three.folder) as second:
        other = sqlite3.connect(three.folder / "records" / "cache.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unwritable, match="it is locked"):
            second.add(record("20270101-000000-ffffff"), [])
        other.execute("ROLLBACK")
        other.close()
        second.add(record("20270101-000000-ffffff"), [])


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (sqlite3.OperationalError("attempt to write a readonly database"), "readonly"),
        (OSError(30, "Read-only file system"), "Read-only file system"),
        (sqlite3.DatabaseError("file is not a database"), "not a database"),
    ],
)
def test_a_database_that_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, text: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        (tmp_path / "runs" / "records").mkdir(exist_ok=True)
        raise error

    monkeypatch.setattr("diskcache.Cache", refuse)
    with pytest.raises(Unwritable, match=text):
        RunStore(tmp_path / "runs")


def test_a_broken_database_that_cannot_be_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise sqlite3.DatabaseError("file is not a database")

    monkeypatch.setattr("diskcache.Cache", refuse)  # and the next one is no better
    with pytest.raises(Unwritable, match="not a database"):
        RunStore(tmp_path / "runs")


# ---- several processes


def _write(folder: Path, name: str, count: int) -> None:
    with RunStore(folder) as store:
        for number in range(count):
            store.add(record(f"20260101-{number:06d}-{name}"), [name])


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(tmp_path / "runs", name, 15)) for name in ("aa", "bb", "cc")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
        assert writer.exitcode == 0
    with RunStore(tmp_path / "runs") as store:
        assert len(store.ids()) == 45
        assert all(isinstance(found, RunRecord) for _, found in store.read_all())
        assert store.events("20260101-000003-bb") == "bb"


def _write_for_ever(folder: Path, name: str, tell: Connection) -> None:
    with RunStore(folder) as store:
        for number in range(1_000_000):
            one = record(f"20260101-{number:06d}-{name}", command=("x" * 200,) * 20)
            store.add(one, ["event\n"] * 50, summary_of(scorecard(one, ())))
            tell.send_bytes(one.id.encode())


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_writers_that_are_killed_at_any_moment_lose_at_most_their_last_run(tmp_path: Path) -> None:
    """Fifty of them, always two at work beside one that goes on. Forked, because starting Python takes longer."""
    folder = tmp_path / "runs"
    context = multiprocessing.get_context("fork")
    kept: set[str] = set()
    at_work: list[tuple[ForkProcess, Connection]] = []
    for number in range(50):
        while len(at_work) < 2:
            ear, mouth = context.Pipe(duplex=False)
            writer = context.Process(target=_write_for_ever, args=(folder, f"k{number:02}{len(at_work)}", mouth))
            writer.start()
            mouth.close()
            at_work.append((writer, ear))
        victim, ear = at_work.pop(0)
        kept.add(ear.recv_bytes().decode())
        time.sleep(0.002 * (number % 7))
        victim.kill()
        victim.join()
        with contextlib.suppress(EOFError):
            while True:
                kept.add(ear.recv_bytes().decode())
        with RunStore(folder) as store:
            store.add(record(f"20260101-{number:06d}-steady"), [])
    for writer, _ in at_work:
        writer.kill()
        writer.join()
    with RunStore(folder) as store:
        found = dict(store.read_all())
        assert store.notes == []
        assert [one for one in found.values() if not isinstance(one, RunRecord)] == []
        assert kept <= found.keys()
        assert len([i for i in found if i.endswith("-steady")]) == 50
        assert len(summaries(store, len(found))) == len(found)
        assert all(store.events(run_id) is not None for run_id in found)


def test_what_a_killed_writer_left_is_swept_away(store: RunStore) -> None:
    events = store.folder / "events"
    old = time.time() - 2 * 86400
    for name in (f".{FIRST}.77.part", f"{FIRST}.jsonl.gz", f"{SECOND}.jsonl.gz", "notes.txt"):
        (events / name).write_bytes(b"")
        if name != f"{SECOND}.jsonl.gz":
            os.utime(events / name, (old, old))
    store.add(record(THIRD), [])
    assert sorted(p.name for p in events.iterdir()) == [
        f"{SECOND}.jsonl.gz",  # its record may be on its way
        f"{THIRD}.jsonl.gz",
        "notes.txt",
    ]
    os.utime(events / f"{SECOND}.jsonl.gz", (old, old))
    store.add(record("20260303-000000-dddddd"), [])
    assert (events / f"{SECOND}.jsonl.gz").exists()  # once a day is enough
