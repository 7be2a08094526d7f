"""Folders for the copies of one checkout, one for each run that goes on at this moment.

Runs that follow each other use the same folder, of which BuildKit then asks for what changed only. A run holds a lock
on its folder as long as it lives, however it ends; another one at the same moment takes the next folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

_KEEP_SECONDS = 14 * 24 * 3600
_MOST = 64  # runs of one checkout at one moment; more share the last folder


class Lock:
    """Held as long as this value lives, or the process."""

    def __init__(self, file: Path) -> None:
        self._opened = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def taken(self) -> bool:
        """Whether it is ours now. A file system without locks gives it to everyone."""
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


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One folder, for one run."""

    folder: Path
    lock: Lock | None = field(default=None, repr=False, compare=False)  # None: it is shared with another run


def take(home: Path) -> Slot:
    """The first folder below ``home`` that no other run holds. Raises OSError where nothing can be written there."""
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
    """None: another run holds it."""
    lock = Lock(file)
    return lock if lock.taken() else None


def _forget_old(home: Path) -> None:
    """What no run has used for two weeks, and nobody uses now."""
    for lock in home.glob("*.lock"):
        folder = lock.with_suffix("")
        with contextlib.suppress(OSError):
            old = folder.is_dir() and folder.stat().st_mtime < time.time() - _KEEP_SECONDS
            if old and (held := _locked(lock)):
                shutil.rmtree(folder, ignore_errors=True)
                del held
