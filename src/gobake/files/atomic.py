"""Writes files atomically, never through a link, and with the permissions that suit their folder.

In gobake's own folders, files are private to the user, whatever the umask. A folder that is writable for its group or
for everybody is shared on purpose, so files in it are for the same people. Files in a project's tree get the usual
permissions.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_CLASSES = ((stat.S_IWGRP, 0o070), (stat.S_IWOTH, 0o007))


def folder_mode(parent: Path) -> int:
    """Return the permissions for a new folder in this parent. Raises OSError."""
    mode = parent.stat().st_mode
    shared = 0 if mode & stat.S_ISVTX else sum(bits for writes, bits in _CLASSES if mode & writes)
    return 0o700 | shared | (mode & stat.S_ISGID)


def file_mode(folder: Path) -> int:
    """Return the permissions for a new file in this folder. Raises OSError."""
    return folder_mode(folder) & 0o666


def make_folder(folder: Path) -> None:
    """Create one of gobake's own folders and its missing parents. Raises OSError."""
    missing = []
    while not folder.exists():
        if folder.is_symlink():
            break  # a dangling link: mkdir raises the right error
        missing.append(folder)
        folder = folder.parent
    for place in reversed(missing):
        mode = folder_mode(place.parent)
        try:
            place.mkdir(mode=0o700)
        except FileExistsError:
            continue  # another run has just made it
        if mode != 0o700:
            place.chmod(mode)  # mkdir applies the umask


def write(file: Path, text: str | bytes) -> None:
    """Write one of gobake's own files. Raises OSError."""
    with replaced(file, file_mode(file.parent)) as out:
        out.write(text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text)


def write_in_tree(file: Path, text: str) -> None:
    """Write a file for the user, with the usual permissions. Raises OSError."""
    with replaced(file) as out:
        out.write(text.encode("utf-8", "surrogateescape"))


@contextlib.contextmanager
def replaced(file: Path, mode: int | None = None) -> Iterator[IO[bytes]]:
    """Yield a temporary file that replaces ``file`` (or a link of that name) when the block ends without an error.

    ``mode``: the permissions; None keeps those of the replaced file, or applies the umask. Raises OSError.
    """
    part = file.with_name(f".{file.name[:100]}.{secrets.token_hex(6)}.part")
    opened = os.open(part, _NEW, 0o666 if mode is None else mode)
    try:
        with os.fdopen(opened, "wb") as out:
            wanted = _mode_of(file) if mode is None else mode
            if wanted is not None:
                os.fchmod(opened, wanted)
            yield out
        part.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def new_file(file: Path, mode: int) -> None:
    """Create an empty file with these permissions unless it exists. Raises OSError, also for a link."""
    try:
        opened = os.open(file, _NEW, mode)
    except FileExistsError:
        refuse_link(file)
        return
    try:
        os.fchmod(opened, mode)
    finally:
        os.close(opened)


def refuse_link(path: Path) -> None:
    """Raise OSError if the path is a symbolic link."""
    if path.is_symlink():
        raise OSError(errno.ELOOP, "it is a link", str(path))


def _mode_of(file: Path) -> int | None:
    try:
        mode = os.lstat(file).st_mode
    except OSError:
        return None
    return stat.S_IMODE(mode) if stat.S_ISREG(mode) else None
