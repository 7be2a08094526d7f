"""Starting and stopping engines for real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.instance import instance_dir, short_dir
from tests.conftest import REPOSITORY


def ours(name: str) -> list[str]:
    """Command lines of processes that belong to an instance."""
    marks = (str(short_dir(name)), str(instance_dir(name)))
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if any(mark in line for mark in marks) and "-m harness" not in line:
            found.append(line)
    return found


@pytest.mark.parametrize("delay", [0.15, 0.35, 0.6])
def test_ctrl_c_while_it_starts_leaves_nothing_running(delay: float) -> None:
    command = [sys.executable, "-m", "harness", "--name", "stopped", "--force-private", "--fresh", "up"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, start_new_session=True)
    time.sleep(delay)
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    if process.returncode == 0:  # it was quicker than the signal: stop it as a user would
        subprocess.run([*command[:-2], "--fresh", "down"], cwd=REPOSITORY, capture_output=True, check=True)
    assert ours("stopped") == []
    assert not list(Path("/sys/class/net").glob("gbk*stopped"))


def test_run_stops_what_it_started_and_passes_the_exit_code_on() -> None:
    command = [sys.executable, "-m", "harness", "--name", "passing", "--force-private", "--fresh", "run", "--"]
    done = subprocess.run([*command, "sh", "-c", "docker version >/dev/null && exit 7"], cwd=REPOSITORY, check=False)
    assert done.returncode == 7
    assert ours("passing") == []
    assert not instance_dir("passing").exists()
