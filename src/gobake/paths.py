"""Where gobake keeps what it makes, by the habits of the operating system: for its user alone."""

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

_SCRATCH = re.compile(r"gobake-[0-9a-f]{16}")  # a folder that somebody made by hand is hardly called so
_LEFT_SECONDS = 24 * 3600.0


def cache_folder() -> Path:
    """What may be deleted at any time."""
    return _private(Path(platformdirs.user_cache_dir("gobake")))


def data_folder() -> Path:
    """What is kept."""
    return _private(Path(platformdirs.user_data_dir("gobake")))


@cache
def _private(folder: Path) -> Path:
    """The folder, shut to other users of this machine: logs, paths and sources lie below. Where it cannot be made or
    shut, whoever writes there says so."""
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
        if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o077:
            folder.chmod(0o700)
    return folder


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that ends with the run, for its owner alone. (tempfile takes four milliseconds to import.)"""
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
    """Delete what runs left behind that were killed a day ago or longer: they may have held credentials. Links, folders
    of others and those of runs that live stay. Never raises."""
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
    """Unless its run holds it. Raises OSError."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(opened)
