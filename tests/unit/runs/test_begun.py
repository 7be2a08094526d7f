"""Runs that never ended become records once their process is gone, and not before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gobake.runs.begun import BegunRun, Machine, is_gone, open_history, settle
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import RunRecord, new_id
from gobake.runs.store import RunStore

HERE = Machine(host="here", boot="b1")
DAY = 24 * 3600.0


def record(started: float = 1.0) -> RunRecord:
    return RunRecord(
        id=new_id(started),
        started=started,
        seconds=0.0,
        outcome=RunOutcome.KILLED,
        command=("build",),
        project="p",
        root="/p",
    )


def files(history: Path) -> list[str]:
    return sorted(file.name for file in (history / "begun").glob("*"))


@pytest.mark.parametrize(
    ("made", "locked", "silent", "gone"),
    [
        (HERE, True, 9 * DAY, False),
        (HERE, False, 0.0, True),
        (Machine(host="a container", boot="b1"), False, 0.0, True),
        (Machine(host="here", boot="b0"), False, 0.0, True),  # it was booted since
        (Machine(host="elsewhere", boot="b7"), False, 60.0, False),
        (Machine(host="elsewhere", boot="b7"), False, DAY + 1, True),
        (Machine(host="elsewhere", boot="b7"), True, DAY + 1, False),
        (Machine(host="elsewhere", boot=""), False, 60.0, False),
    ],
)
def test_a_process_is_gone_where_that_is_certain(made: Machine, locked: bool, silent: float, gone: bool) -> None:
    assert is_gone(made, HERE, locked=locked, silent_seconds=silent) is gone


def test_without_boot_ids_the_host_decides() -> None:
    mac, other = Machine(host="mac", boot=""), Machine(host="other", boot="")
    assert is_gone(mac, mac, locked=False, silent_seconds=0.0)
    assert not is_gone(other, mac, locked=False, silent_seconds=0.0)


def test_a_run_that_lives_is_no_record_and_one_that_ended_leaves_nothing(tmp_path: Path) -> None:
    run = BegunRun(tmp_path, record())
    settle(tmp_path)
    assert files(tmp_path) == [f"{run.record.id}.json"]
    with open_history(tmp_path) as store:
        assert store.ids() == []
    run.end()
    assert files(tmp_path) == []


KILLED = """
import sys, time
from pathlib import Path
from gobake.runs.begun import BegunRun
from tests.unit.runs.test_begun import record
run = BegunRun(Path(sys.argv[1]), record(time.time()))
print(run.record.id, flush=True)
time.sleep(600)
"""


def killed(history: Path) -> str:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(history)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    with process.stdout as out:
        run_id = out.readline().strip()
    settle(history)
    assert files(history) == [f"{run_id}.json"], "it still lives"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return run_id


def test_a_killed_run_becomes_a_record_of_whoever_reads_first(tmp_path: Path) -> None:
    run_id = killed(tmp_path)
    with open_history(tmp_path) as store:
        found = store.get(run_id)
    assert (found.outcome, found.command, found.project) == ("killed", ("build",), "p")
    assert 0.0 <= found.seconds < 60.0
    assert "killed" in found.failure
    assert files(tmp_path) == []
    settle(tmp_path)
    with open_history(tmp_path) as store:
        assert store.ids() == [run_id]


def test_a_run_that_was_killed_after_its_record_was_kept_keeps_that(tmp_path: Path) -> None:
    run_id = killed(tmp_path)
    kept = RunRecord(id=run_id, started=1.0, seconds=2.0, outcome=RunOutcome.DONE, command=(), project="p", root="/p")
    with RunStore(tmp_path) as store:
        store.add(kept, [])
    settle(tmp_path)
    with RunStore(tmp_path) as store:
        assert store.get(run_id).outcome == "done"
    assert files(tmp_path) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"record": {}}', json.dumps({"record": {"schema": 99}})])
def test_what_is_no_run_stops_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "20260101-000000-aaaaaa.json").write_text(text)
    run_id = killed_beside(tmp_path)
    with open_history(tmp_path) as store:
        assert store.ids() == [run_id]


def killed_beside(history: Path) -> str:
    made = record(5.0)
    file = history / "begun" / f"{made.id}.json"
    run = BegunRun(history, made)
    text = file.read_text()
    run.end()
    file.write_text(text)
    return made.id


def test_signs_of_life_tell_how_long_a_killed_run_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = time.time() - 100.0
    run = BegunRun(tmp_path, record(started))
    text = (tmp_path / "begun" / f"{run.record.id}.json").read_text()
    run.end()
    file = tmp_path / "begun" / f"{run.record.id}.json"
    file.write_text(text)
    os.utime(file, (started + 42.0, started + 42.0))
    with open_history(tmp_path) as store:
        assert round(store.get(run.record.id).seconds) == 42


def test_a_history_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    run = BegunRun(blocked, record())
    run.alive()
    run.end()
