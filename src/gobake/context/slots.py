"""Folders for the copies of one checkout, one per concurrent run.

Consecutive runs use the same folder, so that BuildKit transfers only what changed. A run locks its folder until its
process ends; a concurrent run takes the next folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from itertools import count
from pathlib import Path

from msgspec import Struct

_KEEP_SECONDS = 14 * 24 * 3600
_MOST = 64  # concurrent runs of one checkout; more share the last folder


class Lock:
    """A file lock, held until this object or the process ends."""

    def __init__(self, file: Path) -> None:
        self._opened = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def taken(self) -> bool:
        """Try to take the lock; return whether we hold it. True on a file system without locks."""
        try:
            fcntl.flock(self._opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def __del__(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            os.close(self._opened)


class Slot(Struct, frozen=True, kw_only=True):
    """The folder of one run."""

    folder: Path
    lock: Lock | None = None  # None: shared with another run


def take(home: Path) -> Slot:
    """Return the first folder below ``home`` that no other run holds. Raises OSError if it cannot be written."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.chmod(0o700)
    for number in count(1):
        folder = home / str(number)
        lock = _locked(home / f"{number}.lock")
        if lock is not None or number == _MOST:
            folder.mkdir(mode=0o700, exist_ok=True)
            os.utime(folder)
            _forget_old(home)
            return Slot(folder=folder, lock=lock)
    raise AssertionError


def _locked(file: Path) -> Lock | None:
    """Return the lock, or None if another run holds it."""
    lock = Lock(file)
    return lock if lock.taken() else None


def _forget_old(home: Path) -> None:
    """Delete folders that are not in use and were not used for two weeks."""
    for lock in home.glob("*.lock"):
        folder = lock.with_suffix("")
        with contextlib.suppress(OSError):
            old = folder.is_dir() and folder.stat().st_mtime < time.time() - _KEEP_SECONDS
            if old and (held := _locked(lock)):
                shutil.rmtree(folder, ignore_errors=True)
                del held
