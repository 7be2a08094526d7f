"""Runs that have begun but not ended: one small file each, so that killed runs appear in the history.

The file contains the record for the case that the run never ends, and its process locks it. The kernel releases the
lock when that process is gone, for whatever reason. No other process can be mistaken for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from msgspec import Struct
from msgspec.structs import replace

from gobake.errors import Unwritable
from gobake.files import atomic, whole
from gobake.foreign import checks
from gobake.foreign.checks import LONGEST_JSON
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import RunRecord, UnreadableRecord, from_json, new_id, to_json
from gobake.runs.store import RunStore, is_id

WHY = "gobake was killed, or its machine went down"
_FOLDER = "begun"
_ELSEWHERE_SECONDS = 24 * 3600.0  # assumed lifetime of a run on another machine: its lock may not be visible here
_ALIVE_SECONDS = 5.0  # between two signs of life


class Machine(Struct, frozen=True, kw_only=True):
    """The machine of a run, to tell whether its locks are visible here."""

    host: str
    boot: str  # id of the kernel's boot; "" if it has none

    @classmethod
    def here(cls) -> Machine:
        try:
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            boot = ""
        return cls(host=socket.gethostname(), boot=boot)


def is_gone(made: Machine, here: Machine, *, locked: bool, silent_seconds: float) -> bool:
    """Whether the process of a run is certainly gone. ``silent_seconds``: since its last sign of life."""
    if locked:
        return False
    if made.boot == here.boot and (made.boot or made.host == here.host):
        return True  # the same kernel, whose locks hold in all its containers
    return made.host == here.host or silent_seconds > _ELSEWHERE_SECONDS


def next_id(history: Path, started: float) -> str:
    """Return an id that sorts after all recorded ones, whatever the clock says."""
    try:
        with RunStore(history, writes=False) as store:
            return new_id(started, max(store.ids(), default=""))
    except Unwritable:
        return new_id(started)


class BegunRun:
    """The file of this process's run. If it cannot be written, the run continues without it."""

    def __init__(self, history: Path, record: RunRecord) -> None:
        """``record``: what is known when the run begins."""
        self.record = record
        self._file = history / _FOLDER / f"{record.id}.json"
        self._held: IO[str] | None = None
        self._told = time.monotonic()
        self._began = self._told - max(0.0, time.time() - record.started)
        with contextlib.suppress(OSError):
            self._write(replace(record, outcome=RunOutcome.KILLED, failure=WHY))

    def _write(self, record: RunRecord) -> None:
        atomic.make_folder(self._file.parent)
        atomic.refuse_link(self._file.parent)
        part = self._file.with_suffix(f".{os.getpid()}.part")
        part.unlink(missing_ok=True)  # of an earlier process with the same pid, or somebody's link
        atomic.new_file(part, atomic.file_mode(self._file.parent))
        held = part.open("w", encoding="utf-8")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            here = Machine.here()
            process = {"pid": os.getpid(), "host": here.host, "boot": here.boot}
            held.write(whole.sealed(json.dumps({"process": process, "record": to_json(record)})).decode())
            held.flush()
            part.replace(self._file)  # from now on visible, and locked
        except OSError:
            part.unlink(missing_ok=True)
            held.close()  # raises again on a full disk
            raise
        self._held = held

    def seconds(self) -> float:
        """Return the seconds since the run began, even if the machine's clock was changed."""
        return time.monotonic() - self._began

    def alive(self) -> None:
        """Give a sign of life now and then; the last one is the best estimate of when a killed run ended."""
        if self._held and time.monotonic() - self._told > _ALIVE_SECONDS:
            self._told = time.monotonic()
            with contextlib.suppress(OSError):
                os.utime(self._file)

    def end(self) -> None:
        """Delete the file: the run has ended and records itself."""
        if self._held:
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)
            self._held.close()
            self._held = None


def open_history(folder: Path) -> RunStore:
    """Open a folder's records for reading, after adding runs that were killed since.

    Raises Unwritable as `RunStore.reading` does.
    """
    settle(folder)
    return RunStore.reading(folder)


def settle(history: Path) -> None:
    """Turn runs whose process is gone into records. A history that is not writable stays as it is."""
    if (history / _FOLDER).is_symlink():
        return
    for file in sorted((history / _FOLDER).glob("*.json")):
        with contextlib.suppress(OSError, Unwritable, UnreadableRecord, ValueError), _claimed(file) as text:
            if text is not None:
                _settle(history, file, text)


def _settle(history: Path, file: Path, text: str) -> None:
    """Raises Unwritable, UnreadableRecord, ValueError."""
    try:
        told = checks.parsed(whole.unsealed(text.encode("utf-8", "surrogateescape")).encode("utf-8", "replace"))
    except ValueError:
        if time.time() - file.stat().st_mtime > _ELSEWHERE_SECONDS:  # it will never become valid
            file.unlink(missing_ok=True)
        return
    told = told if isinstance(told, dict) else {}
    process: dict[str, Any] = told["process"] if isinstance(told.get("process"), dict) else {}
    made = Machine(host=str(process.get("host", "")), boot=str(process.get("boot", "")))
    seen = file.stat().st_mtime
    if not is_gone(made, Machine.here(), locked=False, silent_seconds=time.time() - seen):
        return
    record = from_json(told.get("record"))
    if not is_id(record.id) or record.id != file.stem:
        return
    with RunStore(history) as store:
        if record.id not in store.ids():  # killed after writing its record, before deleting this file
            store.add(replace(record, seconds=max(0.0, seen - record.started)), None)
    file.unlink(missing_ok=True)


@contextlib.contextmanager
def _claimed(file: Path) -> Iterator[str | None]:
    """Lock and read a file; None if its run lives or another process settles it."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(file, flags), encoding="utf-8", errors="surrogateescape") as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            yield None
            return
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield None
            return
        yield opened.read(LONGEST_JSON) if os.fstat(opened.fileno()).st_nlink else None
