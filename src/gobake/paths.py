"""The user's folders for gobake, by the conventions of the operating system; private to the user."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import platformdirs

from gobake.errors import Unwritable

_SCRATCH = re.compile(r"gobake-[0-9a-f]{16}")  # unlikely as the name of a folder made by hand
_LEFT_SECONDS = 24 * 3600.0


def cache_folder() -> Path:
    """The folder for data that may be deleted at any time."""
    return _private(Path(platformdirs.user_cache_dir("gobake")))


def data_folder() -> Path:
    """The folder for data to keep."""
    return _private(Path(platformdirs.user_data_dir("gobake")))


@cache
def _private(folder: Path) -> Path:
    """Create the folder and close it to other users, because it contains logs, paths and sources.

    Failures are ignored here; whoever writes to the folder reports them.
    """
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
        if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o077:
            folder.chmod(0o700)
    return folder


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a private folder that is deleted at the end of the run. (Importing tempfile takes four milliseconds.)

    Raises Unwritable.
    """
    places = (os.environ.get("TMPDIR"), "/tmp", "/var/tmp")
    place = next((p for p in places if p and os.path.isdir(p) and os.access(p, os.W_OK)), ".")  # noqa: PTH112
    folder = Path(place, f"gobake-{os.urandom(8).hex()}").absolute()
    try:
        folder.mkdir(mode=0o700)
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise Unwritable(f"{folder} cannot be made: {error.strerror}", remedy="set TMPDIR") from None
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(opened, fcntl.LOCK_SH)
        _sweep_once(folder.parent)
        yield folder
    finally:
        os.close(opened)
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _sweep_once(place: Path) -> None:
    sweep_scratch(place)


def sweep_scratch(place: Path, now: float | None = None) -> None:
    """Delete scratch folders of runs killed at least a day ago, because they may contain credentials.

    Keeps links, folders of other users and those of live runs. Never raises.
    """
    moment = time.time() if now is None else now
    with contextlib.suppress(OSError), os.scandir(place) as found:
        for entry in found:
            if not _SCRATCH.fullmatch(entry.name):
                continue
            with contextlib.suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                mine = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077
                if mine and status.st_mtime < moment - _LEFT_SECONDS:
                    _delete_dead(Path(entry.path))


def _delete_dead(folder: Path) -> None:
    """Delete the folder unless its run still holds the lock. Raises OSError."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(opened)
