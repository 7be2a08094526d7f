"""What gobake started ends when gobake is killed: real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gobake.proc.orphans import MARK

STARTS = """
import os, subprocess, sys, threading, time
from gobake.proc import orphans
orphans.end_with_us()
script = "trap '' TERM INT HUP; sleep 600 & echo $! >$1.child; echo $$ >$1; wait"
words = ["sh", "-c", script, "sh", sys.argv[1]]
start = lambda: subprocess.Popen(words, env=orphans.marked(os.environ), start_new_session=True)
thread = threading.Thread(target=start)
thread.start()
thread.join()
print("started", flush=True)
{then}
"""


def started(folder: Path, then: str) -> tuple[subprocess.Popen[str], list[int]]:
    """A process that started a stubborn shell, which started another process; the ids of both."""
    file = folder / "pid"
    process = subprocess.Popen(
        [sys.executable, "-c", STARTS.replace("{then}", then), str(file)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    with process.stdout as out:
        assert out.readline() == "started\n"
    for _ in range(100):
        if file.exists() and file.read_text().endswith("\n"):
            break
        time.sleep(0.05)
    return process, [int(file.read_text()), int(file.with_name("pid.child").read_text())]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def all_gone(pids: list[int]) -> bool:
    for _ in range(100):
        if not any(map(alive, pids)):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("group", [False, True], ids=["gobake alone", "its whole process group"])
def test_what_was_started_ends_with_a_killed_process(tmp_path: Path, group: bool) -> None:
    process, pids = started(tmp_path, "time.sleep(600)")
    assert all(map(alive, pids))
    (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
    process.wait()
    assert all_gone(pids)


def test_what_a_process_leaves_behind_in_order_is_let_be(tmp_path: Path) -> None:
    process, pids = started(tmp_path, "")
    assert process.wait() == 0
    time.sleep(1)
    try:
        assert all(map(alive, pids))
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)


def test_the_mark_of_a_gobake_that_started_this_one_is_not_kept(tmp_path: Path) -> None:
    code = f"import os; from gobake.proc import orphans; orphans.end_with_us(); print(orphans.marked(os.environ)[{MARK!r}])"
    environment = {**os.environ, MARK: "another"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() not in ("another", "")


@pytest.mark.parametrize("killed", [False, True])
def test_what_runs_elsewhere_is_ended_by_a_program_if_this_one_is_killed(tmp_path: Path, *, killed: bool) -> None:
    file = tmp_path / "ran"
    then = "os.kill(os.getpid(), 9)" if killed else "pass"
    code = f"import os, sys\nfrom gobake.proc import orphans\nwith orphans.when_killed(['touch', sys.argv[1]]):\n    {then}"
    subprocess.run([sys.executable, "-c", code, str(file)], check=False)
    for _ in range(50 if killed else 5):
        if file.exists():
            break
        time.sleep(0.1)
    assert file.exists() is killed
