"""Starts, identifies and ends the processes of an instance; process ids may be reused."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from harness.places import HarnessError

_STARTED: dict[int, subprocess.Popen[bytes]] = {}  # children of this process, which must wait for them


def start_time(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def described(process: subprocess.Popen[bytes]) -> dict[str, object]:
    """Return what identifies a process, for a file."""
    return {"pid": process.pid, "start": start_time(process.pid)}


def alive(process: object) -> bool:
    return isinstance(process, dict) and bool(process.get("start")) and start_time(process["pid"]) == process["start"]


def spawn(command: list[str], env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    _STARTED[process.pid] = process
    return process


def listening(
    process: subprocess.Popen[bytes], place: tuple[str, int], what: str, log: Path
) -> subprocess.Popen[bytes]:
    until = time.monotonic() + 15
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(place, timeout=1):
            return process
        time.sleep(0.05)
    process.kill()
    raise HarnessError(f"{what} did not start; see {log}")


def stop(pid: int, seconds: float = 25) -> None:
    with contextlib.suppress(ProcessLookupError):
        start = start_time(pid)
        os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + seconds
        while time.monotonic() < until and start_time(pid) == start and not _is_zombie(pid):
            time.sleep(0.05)
        if start_time(pid) == start and not _is_zombie(pid):
            os.kill(pid, signal.SIGKILL)
        if started := _STARTED.pop(pid, None):
            started.wait()


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def end_strays(*folders: Path) -> None:
    """Kill processes that are not in the state file but whose command line names a folder of this instance.

    These are containerd and its shims after dockerd was killed, and processes whose start was interrupted.
    """
    marks = [f"{folder}/".encode() for folder in folders]
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (process / "cmdline").read_bytes()
            pid = int(process.name)
            if any(mark in line for mark in marks) and pid != os.getpid():
                os.kill(pid, signal.SIGKILL)
                if started := _STARTED.pop(pid, None):
                    started.wait()
