"""A history that somebody else has written: it names no file, runs no code and fills no memory."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import sqlite3
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gobake.caching.store.history import packed, unpacked
from gobake.errors import Unwritable
from gobake.foreign.checks import LONGEST_JSON
from gobake.runs import archive, begun
from gobake.runs.archive import Entry, Refused
from gobake.runs.fitting import fitting
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import InputsRecord, RunRecord, UnreadableRecord, to_json
from gobake.runs.store import RunStore
from tests.security.parsers import RUN

RECORD = RunRecord(id=RUN, started=1.5e9, seconds=1.0, outcome=RunOutcome.DONE, command=(), project="shop", root="/src")


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """One run, kept as ever."""
    with RunStore(tmp_path / "history") as store:
        store.add(RECORD, ["{}\n"])
    return tmp_path / "history"


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    file = tmp_path / "home/victim.txt"
    file.parent.mkdir()
    file.write_text("years of work")
    os.utime(file, (1e9, 1e9))
    return file


def keep(history: Path) -> None:
    with RunStore(history) as store:
        store.add(RECORD, ["{}\n"])


def change(history: Path, sql: str, *values: object) -> None:
    database = sqlite3.connect(history / "records/cache.db")
    with database:
        database.execute(sql, values)
    database.close()


def refused(history: Path, *, writes: bool) -> str:
    """Why the run cannot be read."""
    with RunStore(history) if writes else RunStore.reading(history) as store:
        assert store.ids() == [RUN]
        with pytest.raises(UnreadableRecord) as error:
            store.get(RUN)
    return str(error.value)


# ---- rows


@pytest.mark.parametrize("writes", [True, False], ids=["writing", "reading"])
@pytest.mark.parametrize("mode", [1, 2, 3, 4])
def test_a_row_that_names_a_file_neither_reads_nor_deletes_it(
    history: Path, victim: Path, mode: int, writes: bool
) -> None:
    change(history, "UPDATE Cache SET mode = ?, filename = ?, value = NULL", mode, str(victim))
    refused(history, writes=writes)
    with RunStore(history) as store:
        store.remove(RUN)
        assert store.ids() == []
    assert victim.read_text() == "years of work"


def test_a_row_that_names_a_file_is_overwritten_without_it(history: Path, victim: Path) -> None:
    change(history, "UPDATE Cache SET mode = 2, filename = ?", str(victim))
    with RunStore(history) as store:
        store.add(RECORD, None)
        assert store.get(RUN) == RECORD
    assert victim.read_text() == "years of work"


@pytest.mark.parametrize("mode", [1, 2, 3, 4])
def test_a_row_that_comes_to_name_a_file_while_the_history_is_open_is_no_better(
    history: Path, victim: Path, mode: int
) -> None:
    """Whoever looked only when it was opened would trust it now."""
    with RunStore(history) as store:
        assert store.get(RUN) == RECORD
        change(history, "UPDATE Cache SET mode = ?, filename = ?", mode, str(victim))
        with pytest.raises(UnreadableRecord, match="it is not JSON"):
            store.get(RUN)
        store.add(RECORD, None)
        assert store.get(RUN) == RECORD
        change(history, "UPDATE Cache SET mode = ?, filename = ?", mode, str(victim))
        store.remove(RUN)
        assert store.ids() == []
    assert victim.read_text() == "years of work"


def test_who_only_reads_writes_nothing(history: Path) -> None:
    def state() -> dict[str, bytes]:
        return {str(file): file.read_bytes() for file in sorted(history.rglob("*")) if file.is_file()}

    before = state()
    with RunStore.reading(history) as store:
        assert store.get(RUN) == RECORD
    assert {name: text for name, text in state().items() if name in before} == before
    assert not any(name.endswith("-wal") and text for name, text in state().items())


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("unpickled",)


@pytest.mark.parametrize("column", ["value", "key"])
def test_a_pickle_is_not_unpickled(history: Path, column: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    if column == "key":
        change(history, "INSERT INTO Cache (key, raw, mode, value) VALUES (?, 0, 1, x'00')", pickle.dumps(Evil()))
    else:
        change(history, "UPDATE Cache SET mode = 4, value = ?", pickle.dumps(Evil()))
    with RunStore.reading(history) as store:
        list(store.read_all())
    assert not Path("unpickled").exists()


@pytest.mark.parametrize("writes", [True, False], ids=["writing", "reading"])
@pytest.mark.parametrize(
    "value",
    [
        zlib.compress(b"[" + b"[]," * (5 << 20) + b"[]]"),
        zlib.compress(b"[" * 100_000),
        os.urandom(5 << 20),
        "text",
        5,
        b"",
        zlib.compress(b"{}")[:-2],
        zlib.compress(b"\xff"),
        zlib.compress(b"NaN"),
    ],
    ids=["a bomb", "deep", "large", "text", "number", "empty", "cut", "no text", "no number"],
)
def test_a_row_of_anything_is_one_line(history: Path, value: object, writes: bool) -> None:
    change(history, "UPDATE Cache SET value = ?", value)
    assert "\n" not in refused(history, writes=writes)


MEASURED = """
import resource, sys
from pathlib import Path
from gobake.caching.store.history import unpacked
from gobake.runs.record import UnreadableRecord
from gobake.runs.store import RunStore
with RunStore.reading(Path(sys.argv[1])) as store:
    ids = store.ids()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for run_id in ids:
        try:
            store.get(run_id)
        except UnreadableRecord:
            pass
    try:
        unpacked(sys.stdin.buffer.read())
    except UnreadableRecord:
        pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_history_of_bombs_takes_little_memory(history: Path) -> None:
    bomb = b"[" + b"[]," * (20 << 20) + b"[]]"
    change(history, "UPDATE Cache SET value = ?", zlib.compress(bomb))
    ended = subprocess.run(
        [sys.executable, "-c", MEASURED, str(history)],
        input=gzip.compress(bomb, 1),
        capture_output=True,
        check=True,
        timeout=120,
    )
    assert int(ended.stdout) < 64 << 10, "KiB"


# ---- databases


FOREIGN = {
    "a view without end": "CREATE VIEW Cache AS WITH RECURSIVE r(rowid) AS (SELECT 1 UNION ALL SELECT 1 FROM r) "
    "SELECT rowid, x'00' AS key, 1 AS raw, 1 AS mode, NULL AS filename, x'00' AS value FROM r",
    "a column that is made": "CREATE TABLE Cache (rowid INTEGER PRIMARY KEY, key BLOB, raw INTEGER, mode INTEGER, "
    "filename TEXT, value BLOB AS (zeroblob(1000000000)))",
    "another table": "CREATE TABLE passwords (user TEXT)",
}


@pytest.mark.parametrize("sql", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_database_of_another_kind_is_refused_and_stays(tmp_path: Path, sql: str) -> None:
    records = tmp_path / "records"
    records.mkdir()
    database = sqlite3.connect(records / "cache.db")
    database.execute(sql)
    database.close()
    before = (records / "cache.db").read_bytes()
    for opening in (RunStore, RunStore.reading):
        with pytest.raises(Unwritable, match="it holds what no history has"):
            opening(tmp_path)
    assert (records / "cache.db").read_bytes() == before


def test_a_trigger_of_others_is_not_run(history: Path) -> None:
    change(history, "CREATE TRIGGER evil AFTER DELETE ON Cache BEGIN SELECT randomblob(1000000000); END")
    with pytest.raises(Unwritable, match="it holds what no history has"):
        RunStore(history)


@pytest.mark.parametrize("name", ["sqlite_temp_store_directory", "sqlite_x; ATTACH 'y'", "disk_evil", "evil"])
def test_a_setting_of_others_is_no_instruction(history: Path, name: str) -> None:
    change(history, "INSERT INTO Settings VALUES (?, '/tmp')", name)
    with pytest.raises(Unwritable, match="settings that no history has"):
        RunStore(history)


def test_settings_that_are_known_count_as_gobake_has_them(history: Path) -> None:
    change(history, "UPDATE Settings SET value = 99 WHERE key LIKE 'disk_%'")
    change(history, "UPDATE Settings SET value = 'least-recently-used' WHERE key = 'eviction_policy'")
    with RunStore(history) as store:
        store.add(RECORD, None)
        assert store.get(RUN) == RECORD


@pytest.mark.parametrize("name", ["records", "records/cache.db", "events", "begun"])
def test_a_history_is_not_kept_through_a_link(tmp_path: Path, victim: Path, name: str) -> None:
    history = tmp_path / "history"
    (history / name).parent.mkdir(parents=True)
    (history / name).symlink_to(victim if name.endswith(".db") else victim.parent)
    kept = victim.parent / f"{RUN}.json"
    kept.write_text("{}")
    left = victim.parent / f"{RUN}.jsonl.gz"
    left.write_text("old")
    os.utime(left, (1e9, 1e9))
    held = begun.BegunRun(history, RECORD)
    if name == "begun":
        keep(history)
    else:
        with pytest.raises(Unwritable, match="is a link"):
            keep(history)
    begun.settle(history)
    held.end()
    assert (victim.read_text(), left.read_text(), kept.read_text()) == ("years of work", "old", "{}")
    assert len(list(victim.parent.iterdir())) == 3


def test_events_are_not_written_through_a_link_in_the_place_of_theirs(history: Path, victim: Path) -> None:
    (history / f"events/{RUN}.jsonl.gz").unlink()
    (history / f"events/{RUN}.jsonl.gz").symlink_to(victim)
    with RunStore(history) as store:
        store.add(RECORD, ["more\n"])
        assert store.events(RUN) == "more\n"
    assert victim.read_text() == "years of work"


def test_events_that_are_a_bomb_are_not_unpacked(history: Path) -> None:
    (history / f"events/{RUN}.jsonl.gz").write_bytes(gzip.compress(b"\0" * (130 << 20), 1))
    with RunStore.reading(history) as store, pytest.raises(UnreadableRecord, match="has more than 128 MiB, unpacked"):
        store.events(RUN)


def test_files_of_others_beside_the_events_are_not_swept(history: Path) -> None:
    for name in ("mine.jsonl.gz", "draft.part", ".draft.part"):
        (history / "events" / name).write_text("mine")
        os.utime(history / "events" / name, (1e9, 1e9))
    (history / ".swept").unlink(missing_ok=True)
    with RunStore(history) as store:
        store.add(replace(RECORD, id=RUN[:-1] + "d"), None)
    assert {"mine.jsonl.gz", "draft.part", ".draft.part"} <= {file.name for file in (history / "events").iterdir()}


# ---- what travels


def test_what_is_too_long_for_a_history_is_not_written_either(history: Path) -> None:
    """Whoever reads would refuse it: what takes the room is left out."""
    files = tuple((f"internal/{number:08}/file.go", "0123456789abcdef") for number in range(100_000))
    large = replace(RECORD, inputs=InputsRecord(files=files, modules=(("a", "v1"),)))
    assert len(json.dumps(to_json(large))) > LONGEST_JSON
    light = fitting(large)
    assert (light.inputs.files, light.inputs.modules) == ((), (("a", "v1"),))
    with RunStore(history) as store:
        store.add(large, None)
        assert store.get(RUN) == light
    assert unpacked(packed(large, None)).record.inputs.modules == (("a", "v1"),)
    assert fitting(RECORD) is RECORD


def test_an_archive_is_bounded_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "runs.jsonl.gz"
    with gzip.open(file, "wb", compresslevel=1) as out:
        out.write(b"[" + b"[]," * (2 << 20) + b"[]]\n")
        out.write(archive.to_line(Entry(record=RECORD)))
    bad, good = archive.read(file)
    assert isinstance(bad, Refused)
    assert bad.says == "has more than 1000000 values"
    assert isinstance(good, Entry)


def test_an_archive_is_not_written_through_a_link(tmp_path: Path, victim: Path) -> None:
    for name in ("runs.gz", ".runs.gz.part"):
        (tmp_path / name).symlink_to(victim)
    archive.write(tmp_path / "runs.gz", iter([Entry(record=RECORD)]))
    assert victim.read_text() == "years of work"
    assert isinstance(next(archive.read(tmp_path / "runs.gz")), Entry)
