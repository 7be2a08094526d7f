"""How records lie in the database: JSON, compressed. And the same for a database that can only be read.

Whoever can write into the folder can put any database there. A row holds its value itself, and never names a file;
nothing is unpickled, and nothing is unpacked beyond what a record may have.
"""

from __future__ import annotations

import errno
import os
import re
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import diskcache
from diskcache.core import DEFAULT_SETTINGS, MODE_RAW

from gobake.foreign import checks
from gobake.foreign.checks import LONGEST_JSON, Unfit

FILE = "cache.db"
_LONGEST_KEY = 1024  # bytes
# all that diskcache writes into a schema; a view, a generated column or a trigger of others needs one word more
_WORDS = frozenset(
    "create table unique index trigger on cache settings rowid integer primary key blob raw real text not null default "
    "store_time expire_time access_time access_count tag size mode filename value cache_key_raw cache_expire_time "
    "cache_store_time cache_access_time cache_access_count cache_tag_rowid settings_count_insert settings_count_delete "
    "settings_size_insert settings_size_update settings_size_delete after insert update delete for each row begin set "
    "where count new old end".split()
)
_READ = "SELECT mode, filename, value FROM Cache WHERE rowid = ? AND length(value) <= ?"
DEFAULTS = dict(DEFAULT_SETTINGS)
_SETTINGS = frozenset({*DEFAULTS, "count", "size", "hits", "misses", "disk_compress_level"})


class PlainDisk(diskcache.JSONDisk):  # type: ignore[misc]
    """JSON only: diskcache itself unpickles whatever a row claims to be pickled, and reads, and deletes, whatever file
    a row names."""

    def get(self, key: bytes, raw: bool) -> Any:
        """A key. What is no key of ours comes as None, so that it does not hide the others."""
        try:
            return checks.parsed(checks.inflated(key, _LONGEST_KEY), _LONGEST_KEY) if raw else None
        except (Unfit, TypeError):
            return None

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:
        """Raises Unfit."""
        if mode != MODE_RAW or filename is not None or read or not isinstance(value, bytes):
            raise Unfit("it is not JSON")
        return checks.parsed(checks.inflated(value, LONGEST_JSON))

    def remove(self, file_path: str) -> None:
        """Rows have no files."""


class _Foreign(sqlite3.OperationalError):
    """It was not made by diskcache."""


def read(cache: diskcache.Cache | ReadOnly, key: str) -> Any:
    """A value; None where there is none. Raises Unfit, sqlite3.Error and OSError."""
    if isinstance(cache, ReadOnly):
        return cache.get(key)
    stored, raw = cache.disk.put(key)
    found = cache._sql("SELECT rowid FROM Cache WHERE key = ? AND raw = ?", (stored, raw)).fetchone()
    return None if found is None else _value(cache._sql(_READ, (found[0], LONGEST_JSON)).fetchone(), cache.disk)


def _value(row: Any, disk: PlainDisk) -> Any:
    if row is None:
        raise Unfit(f"it has more than {LONGEST_JSON >> 20} MiB")
    mode, filename, value = row
    return disk.fetch(mode, filename, value, False)


def keys(cache: diskcache.Cache | ReadOnly) -> Iterable[Any]:
    """All of them in one go; diskcache's own iteration asks for a hundred at a time."""
    if isinstance(cache, ReadOnly):
        return cache.keys()
    return (cache.disk.get(key, raw) for key, raw in cache._sql("SELECT key, raw FROM Cache").fetchall())


class ReadOnly:
    """Of diskcache.Cache what a store reads with. Raises sqlite3.Error and OSError."""

    def __init__(self, folder: Path) -> None:
        file = folder / FILE
        if not file.is_file():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        self._disk = PlainDisk(str(folder))
        self._database, self._rows = _opened(file, self._disk)

    def close(self) -> None:
        self._database.close()

    def keys(self) -> Iterable[Any]:
        return self._rows

    def get(self, key: str) -> Any:
        rowid = self._rows.get(key)
        if rowid is None:
            return None
        return _value(self._database.execute(_READ, (rowid, LONGEST_JSON)).fetchone(), self._disk)

    def set(self, *_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def delete(self, *_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def require_plain(file: Path) -> None:
    """Raises sqlite3.OperationalError, after which nothing is set aside, for a database that does more than those of
    diskcache: a view in place of a table may have no end, a setting may be any instruction to SQLite. One that is not
    there, or empty, is fine."""
    if not file.exists() or not file.stat().st_size:
        return
    database = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
    try:
        _require_plain(database)
    except sqlite3.DatabaseError as error:
        if isinstance(error, _Foreign):
            raise
        return  # damaged, or it cannot be read now: whoever opens it to write says why
    finally:
        database.close()


def _require_plain(database: sqlite3.Connection) -> None:
    said = [str(row[0]).lower() for row in database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
    if not _WORDS.issuperset(word for text in said for word in re.findall(r"\w*[^\W\d]\w*", text)):
        raise _Foreign("it holds what no history has")
    if any(text.startswith("create table settings") for text in said):
        names = {row[0] for row in database.execute("SELECT key FROM Settings LIMIT 100")}
        if names - _SETTINGS:
            raise _Foreign("it has settings that no history has")


def _opened(file: Path, disk: PlainDisk) -> tuple[sqlite3.Connection, dict[Any, int]]:
    """As other processes use it now; where not even their locks can be written, as it lies there."""
    for mode in ("mode=ro", "immutable=1"):
        database = sqlite3.connect(f"{file.absolute().as_uri()}?{mode}", uri=True, check_same_thread=False)
        try:
            _require_plain(database)
            rows = database.execute("SELECT rowid, key, raw FROM Cache").fetchall()
        except sqlite3.Error:
            database.close()
            if mode == "immutable=1":
                raise
        else:
            return database, {disk.get(key, raw): rowid for rowid, key, raw in rows}
    raise AssertionError
