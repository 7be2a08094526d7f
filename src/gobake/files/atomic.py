"""Files that gobake writes: whole or not at all, never through a link, and for nobody whom their folder is not for.

In folders of gobake's own, files are their user's alone, whatever the umask. A folder that its group, or everybody, may
write to was made to be shared: what comes into it is for the same people. Files in a project's tree are as any other
program would write them.
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
    """The permissions of a folder in a folder. Raises OSError."""
    mode = parent.stat().st_mode
    shared = 0 if mode & stat.S_ISVTX else sum(bits for writes, bits in _CLASSES if mode & writes)
    return 0o700 | shared | (mode & stat.S_ISGID)


def file_mode(folder: Path) -> int:
    """The permissions of a file in a folder. Raises OSError."""
    return folder_mode(folder) & 0o666


def make_folder(folder: Path) -> None:
    """A folder of gobake's own, and those above it that are missing. Raises OSError."""
    missing = []
    while not folder.exists():
        if folder.is_symlink():
            break  # mkdir says what is wrong
        missing.append(folder)
        folder = folder.parent
    for place in reversed(missing):
        mode = folder_mode(place.parent)
        try:
            place.mkdir(mode=0o700)
        except FileExistsError:
            continue  # another run was faster
        if mode != 0o700:
            place.chmod(mode)  # mkdir leaves out what the umask says


def write(file: Path, text: str | bytes) -> None:
    """A file of gobake's own. Raises OSError."""
    with replaced(file, file_mode(file.parent)) as out:
        out.write(text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text)


def write_in_tree(file: Path, text: str) -> None:
    """A file for the user, with the permissions that any program would give it. Raises OSError."""
    with replaced(file) as out:
        out.write(text.encode("utf-8", "surrogateescape"))


@contextlib.contextmanager
def replaced(file: Path, mode: int | None = None) -> Iterator[IO[bytes]]:
    """What is written takes the place of the file, or of the link of that name, when all of it is there. ``mode``: None
    for that of the file that was there, else as the umask has it. Raises OSError."""
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
    """An empty file with these permissions, unless there is one. Raises OSError, also for a link."""
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
    """Raises OSError where a program that opens the path would be led elsewhere."""
    if path.is_symlink():
        raise OSError(errno.ELOOP, "it is a link", str(path))


def _mode_of(file: Path) -> int | None:
    try:
        found = os.lstat(file).st_mode
    except OSError:
        return None
    return stat.S_IMODE(found) if stat.S_ISREG(found) else None
