"""Accesses files below a folder that others may write to, without following links.

Each folder on the path is opened relative to its parent with O_NOFOLLOW. Only the top folder may be a link, because the
user named it. Only regular files are read, overwritten or deleted.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from msgspec import Struct

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a named pipe would block for ever
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
LARGEST = 64 << 20  # bytes of a file read into memory


class Inside(Struct, frozen=True, kw_only=True):
    """A folder below a top folder, or the top itself. All methods raise OSError, also for links and invalid names."""

    top: Path
    names: tuple[str, ...] = ()

    def __truediv__(self, name: str) -> Inside:
        return Inside(top=self.top, names=(*self.names, name))

    @property
    def path(self) -> Path:
        """The path, for messages and for other programs; following it is not protected against links."""
        return self.top.joinpath(*self.names)

    # ---- reading

    def exists(self) -> bool:
        """Whether it is a folder that is reached without a link."""
        try:
            with self._opened():
                return True
        except OSError:
            return False

    def entries(self) -> dict[str, os.stat_result]:
        """Return the status of each entry by name; links are not followed."""
        with self._opened() as folder, os.scandir(folder) as entries:
            return {entry.name: entry.stat(follow_symlinks=False) for entry in entries}

    def read(self, name: str, largest: int = LARGEST) -> bytes:
        """Return the content of a regular file of at most ``largest`` bytes."""
        with self._opened() as folder:
            opened = os.open(_one(name), _READ, dir_fd=folder)
        with os.fdopen(opened, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "is not a regular file", str(self.path / name))
            if status.st_size > largest:
                raise OSError(errno.EFBIG, f"has more than {largest >> 20} MiB", str(self.path / name))
            return file.read(largest)

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[IO[bytes]]:
        """Yield a regular file of any size, to be read as a stream."""
        with self._opened() as folder:
            opened = os.open(_one(name), _READ, dir_fd=folder)
        with os.fdopen(opened, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EINVAL, "is not a regular file", str(self.path / name))
            yield file

    def status(self, name: str) -> os.stat_result:
        """Return the status of a regular file."""
        with self._opened() as folder:
            status = os.stat(_one(name), dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", str(self.path / name))
        return status

    def link(self, name: str) -> str:
        """Return the target of a link; "" if there is no link of that name."""
        with self._opened() as folder:
            try:
                return os.readlink(_one(name), dir_fd=folder)
            except OSError as error:
                if error.errno in (errno.EINVAL, errno.ENOENT):
                    return ""
                raise

    # ---- writing

    def make(self, mode: int = 0o777) -> None:
        """Create the folder, the top and the folders between them; existing ones are fine."""
        self.top.mkdir(parents=True, exist_ok=True)
        for depth in range(len(self.names)):
            above = Inside(top=self.top, names=self.names[:depth])
            with above._opened() as folder, contextlib.suppress(FileExistsError):
                os.mkdir(_one(self.names[depth]), mode, dir_fd=folder)
        with self._opened():  # raises if an existing one is a link
            pass

    def write(self, name: str, data: bytes) -> None:
        """Write a file atomically."""
        with self.replaced(name) as file:
            file.write(data)

    @contextlib.contextmanager
    def replaced(self, name: str, mode: int | None = None) -> Iterator[IO[bytes]]:
        """Yield a temporary file that is renamed to ``name`` when the block ends without an error.

        An existing entry of that name is replaced, not written to. ``mode``: None applies the umask.
        """
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
        """Yield a descriptor of a lock file, which is created if missing."""
        with self._opened() as folder:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            opened = os.open(_one(name), flags, 0o666, dir_fd=folder)
        try:
            yield opened
        finally:
            os.close(opened)

    def link_to(self, target: str, name: str) -> None:
        """Create a symbolic link ``name`` to ``target``. Raises FileExistsError."""
        with self._opened() as folder:
            os.symlink(target, _one(name), target_is_directory=True, dir_fd=folder)

    def remove(self, name: str) -> None:
        """Delete a regular file; a missing file is fine."""
        with self._opened() as folder, contextlib.suppress(FileNotFoundError):
            status = os.stat(_one(name), dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "is not a regular file", str(self.path / name))
            os.unlink(name, dir_fd=folder)

    def remove_folder(self, name: str) -> None:
        """Delete a folder with its content. Links in it are deleted, not followed."""
        with self._opened() as folder:
            shutil.rmtree(_one(name), dir_fd=folder)

    # ---- within

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        """Yield a descriptor of the folder."""
        folder = os.open(self.top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in self.names:
                try:
                    below = os.open(_one(name), _FOLDER, dir_fd=folder)
                except OSError as error:
                    # a link gives ENOTDIR or ELOOP, depending on the kernel
                    reason = "is a link" if _is_link(name, folder) else error.strerror
                    raise OSError(error.errno, reason, str(self.path)) from None
                os.close(folder)
                folder = below
            yield folder
        finally:
            os.close(folder)


def _one(name: str) -> str:
    """Return the name if it is that of an entry of a folder, and not a path. Raises OSError."""
    if name in ("", ".", "..") or "/" in name or "\0" in name or len(name) > 255:
        raise OSError(errno.EINVAL, "is not a file name", name[:255].replace("\0", "?"))
    return name


def _is_link(name: str, folder: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False
