"""How records lie in the database: JSON, compressed. And the same for a database that can only be read."""

from __future__ import annotations

import errno
import os
import sqlite3
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import diskcache
from diskcache.core import MODE_PICKLE


class PlainDisk(diskcache.JSONDisk):  # type: ignore[misc]
    """JSON only: diskcache itself unpickles whatever a row claims to be pickled."""

    def get(self, key: bytes, raw: bool) -> Any:
        """A key. What is no key of ours comes as None, so that it does not hide the others."""
        try:
            return super().get(key, raw) if raw else None
        except (zlib.error, ValueError, TypeError, RecursionError):
            return None

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:
        if mode == MODE_PICKLE or read:
            raise ValueError("it is not JSON")
        try:
            return super().fetch(mode, filename, value, read)
        except (zlib.error, TypeError, RecursionError) as error:
            raise ValueError(str(error)) from None


def keys(cache: diskcache.Cache | ReadOnly) -> Iterable[Any]:
    """All of them in one go; diskcache's own iteration asks for a hundred at a time."""
    if isinstance(cache, ReadOnly):
        return cache.keys()
    return (cache.disk.get(key, raw) for key, raw in cache._sql("SELECT key, raw FROM Cache").fetchall())


class ReadOnly:
    """Of diskcache.Cache what a store reads with. Raises sqlite3.Error and OSError."""

    def __init__(self, folder: Path) -> None:
        file = folder / "cache.db"
        if not file.is_file():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        self._disk = PlainDisk(str(folder))
        self._database, self._rows = _opened(file, self._disk)

    def close(self) -> None:
        self._database.close()

    def keys(self) -> Iterable[Any]:
        return self._rows

    def get(self, key: str) -> Any:
        row = self._database.execute(
            "SELECT mode, filename, value FROM Cache WHERE rowid = ?", (self._rows.get(key),)
        ).fetchone()
        return None if row is None else self._disk.fetch(row[0], row[1], row[2], False)

    def set(self, *_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def delete(self, *_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def _opened(file: Path, disk: PlainDisk) -> tuple[sqlite3.Connection, dict[Any, int]]:
    """As other processes use it now; where not even their locks can be written, as it lies there."""
    for mode in ("mode=ro", "immutable=1"):
        database = sqlite3.connect(f"{file.absolute().as_uri()}?{mode}", uri=True, check_same_thread=False)
        try:
            rows = database.execute("SELECT rowid, key, raw FROM Cache").fetchall()
        except sqlite3.Error:
            database.close()
            if mode == "immutable=1":
                raise
        else:
            return database, {disk.get(key, raw): rowid for rowid, key, raw in rows}
    raise AssertionError
