"""Files below a folder that others may write to: reached without following a link, so that they lie where they seem to.

Every folder on the way is opened from the one before it with O_NOFOLLOW; only the folder at the top may be a link, as
its name is the user's. What is not a regular file is not read, not overwritten and not deleted.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# not blocking: a named pipe would keep whoever opens it for ever
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
LARGEST = 64 << 20  # bytes of a file that is read into memory


@dataclass(frozen=True, kw_only=True)
class Inside:
    """A folder below a top, or the top itself. Everything raises OSError, also for a link and for what is no name."""

    top: Path
    names: tuple[str, ...] = ()

    def __truediv__(self, name: str) -> Inside:
        return Inside(top=self.top, names=(*self.names, name))

    @property
    def path(self) -> Path:
        """For messages, and for programs that are given a path once `is_plain` has looked at it."""
        return self.top.joinpath(*self.names)

    # ---- reading

    def exists(self) -> bool:
        """Whether it is a folder, and no link leads to it."""
        try:
            with self._opened():
                return True
        except OSError:
            return False

    def entries(self) -> dict[str, os.stat_result]:
        """What is in the folder, by name; of links what they are, not where they lead."""
        with self._opened() as folder, os.scandir(folder) as found:
            return {entry.name: entry.stat(follow_symlinks=False) for entry in found}

    def read(self, name: str, largest: int = LARGEST) -> bytes:
        with self._opened() as folder:
            opened = os.open(_one(name), _READ, dir_fd=folder)
        with os.fdopen(opened, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "is not a regular file", str(self.path / name))
            if status.st_size > largest:
                raise OSError(errno.EFBIG, f"has more than {largest >> 20} MiB", str(self.path / name))
            return file.read(largest)

    def status(self, name: str) -> os.stat_result:
        """Of a regular file."""
        with self._opened() as folder:
            found = os.stat(_one(name), dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", str(self.path / name))
        return found

    def link(self, name: str) -> str:
        """Where a link leads; "" for what is none, or is not there."""
        with self._opened() as folder:
            try:
                return os.readlink(_one(name), dir_fd=folder)
            except OSError as error:
                if error.errno in (errno.EINVAL, errno.ENOENT):
                    return ""
                raise

    # ---- writing

    def make(self, mode: int = 0o777) -> None:
        """The folder, and those above it as far as the top, and the top."""
        self.top.mkdir(parents=True, exist_ok=True)
        for depth in range(len(self.names)):
            above = Inside(top=self.top, names=self.names[:depth])
            with above._opened() as folder, contextlib.suppress(FileExistsError):
                os.mkdir(_one(self.names[depth]), mode, dir_fd=folder)
        with self._opened():  # what was there already may be a link
            pass

    def write(self, name: str, data: bytes) -> None:
        with self.replaced(name) as file:
            file.write(data)

    @contextlib.contextmanager
    def replaced(self, name: str, mode: int | None = None) -> Iterator[IO[bytes]]:
        """Aside, and then renamed: whole or not at all, and whatever had the name is replaced and not written to.
        ``mode``: None for what the umask says."""
        part = f".{_one(name)[:200]}.{secrets.token_hex(6)}.part"
        with self._opened() as folder:
            opened = os.open(part, _WRITE, 0o666 if mode is None else mode, dir_fd=folder)
            try:
                with os.fdopen(opened, "wb") as file:
                    if mode is not None:
                        os.fchmod(opened, mode)
                    yield file
                os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(part, dir_fd=folder)
                raise

    @contextlib.contextmanager
    def opened_to_lock(self, name: str) -> Iterator[int]:
        """A descriptor of a file that is there for its lock, made where it is missing."""
        with self._opened() as folder:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            opened = os.open(_one(name), flags, 0o666, dir_fd=folder)
        try:
            yield opened
        finally:
            os.close(opened)

    def link_to(self, target: str, name: str) -> None:
        """Make a link of that name. Raises FileExistsError."""
        with self._opened() as folder:
            os.symlink(target, _one(name), target_is_directory=True, dir_fd=folder)

    def remove(self, name: str) -> None:
        """Delete a regular file; one that is gone is fine."""
        with self._opened() as folder, contextlib.suppress(FileNotFoundError):
            found = os.stat(_one(name), dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, "is not a regular file", str(self.path / name))
            os.unlink(name, dir_fd=folder)

    def remove_folder(self, name: str) -> None:
        """Delete a folder with all that is in it. Links in it are deleted, and what they lead to stays."""
        with self._opened() as folder:
            shutil.rmtree(_one(name), dir_fd=folder)

    # ---- within

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        """A descriptor of the folder."""
        folder = os.open(self.top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in self.names:
                try:
                    below = os.open(_one(name), _FOLDER, dir_fd=folder)
                except OSError as error:
                    # a link is ENOTDIR here or ELOOP, as the kernel likes
                    said = "is a link" if _is_link(name, folder) else error.strerror
                    raise OSError(error.errno, said, str(self.path)) from None
                os.close(folder)
                folder = below
            yield folder
        finally:
            os.close(folder)


def _one(name: str) -> str:
    """The name of an entry of a folder: nothing that leads anywhere else."""
    if name in ("", ".", "..") or "/" in name or "\0" in name or len(name) > 255:
        raise OSError(errno.EINVAL, "is not a file name", name[:255].replace("\0", "?"))
    return name


def _is_link(name: str, folder: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False
