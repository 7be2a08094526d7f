"""Records in the database: compressed JSON, written by diskcache and read only by the reader here.

Anyone who can write to the folder can put any database there, and change it while it is open. So a row must contain its
value and not name a file, nothing is unpickled, and nothing is inflated beyond the limits of a record.
"""

from __future__ import annotations

import errno
import os
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import diskcache

from gobake.foreign import checks
from gobake.foreign.checks import LONGEST_JSON, Unfit

FILE = "cache.db"
LOCKED_SECONDS = 30.0  # how long to wait for another process that holds the database
_SETTINGS = {
    **diskcache.DEFAULT_SETTINGS,  # all of them, so that the database's own settings have no effect
    "eviction_policy": "none",
    "size_limit": 1 << 62,
    "cull_limit": 0,
    "disk_compress_level": 1,
    "disk_min_file_size": 1 << 30,  # smaller values are in the database, where writes are atomic
}
_NAMES = frozenset({*_SETTINGS, "count", "size", "hits", "misses"})  # all settings that diskcache stores
_LONGEST_KEY = 1024  # bytes
_IN_ITS_ROW = 1  # the mode of a value that diskcache neither pickled nor put in a file
# all words of diskcache's schema; a view, a generated column or a foreign trigger needs others
_WORDS = frozenset(
    "create table unique index trigger on cache settings rowid integer primary key blob raw real text not null default "
    "store_time expire_time access_time access_count tag size mode filename value cache_key_raw cache_expire_time "
    "cache_store_time cache_access_time cache_access_count cache_tag_rowid settings_count_insert settings_count_delete "
    "settings_size_insert settings_size_update settings_size_delete after insert update delete for each row begin set "
    "where count new old end".split()
)
_ROW = "mode, filename, CASE WHEN length(value) <= ? THEN value END, length(value)"
ROWS = f"SELECT rowid, key, raw, {_ROW} FROM Cache NOT INDEXED ORDER BY rowid"
_READ = f"SELECT {_ROW} FROM Cache WHERE rowid = ? AND key = ?"
_Keys = dict[str, tuple[int, bytes]]  # a row's id and its stored key


class _Foreign(sqlite3.OperationalError):
    """The database was not made by diskcache."""


class Reader:
    """Reads a store. Raises sqlite3.Error and OSError; Unfit for a value that is not a record.

    It writes nothing, while diskcache writes whenever it opens a database. ``live``: this process also writes to the
    database, so its files are in order.
    """

    def __init__(self, folder: Path, *, live: bool = False) -> None:
        file = folder / FILE
        if not file.is_file():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        self._database, self._keys = _opened(file, ("mode=ro",) if live else ("mode=ro", "immutable=1"))

    def close(self) -> None:
        self._database.close()

    def keys(self) -> list[str]:
        """Return the current keys."""
        self._keys = _keys(self._database)
        return list(self._keys)

    def get(self, key: str) -> Any:
        """Return a value, or None."""
        found = self._row(key)
        if found is None:
            self.keys()
            found = self._row(key)
        return None if found is None else value_of(*found)

    def _row(self, key: str) -> Any:
        """Return a row, or None: another process may have deleted it and reused its id."""
        place = self._keys.get(key)
        return place and self._database.execute(_READ, (LONGEST_JSON, *place)).fetchone()

    def set(self, key: str, value: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def delete(self, key: str) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))


class _Nothing(Reader):
    """A database that is not there, and so has no rows."""

    def __init__(self) -> None:
        self._keys = {}

    def close(self) -> None:
        """Do nothing."""

    def keys(self) -> list[str]:
        return []


def reader(folder: Path) -> Reader:
    """Return what reads this folder's database. Raises sqlite3.Error and OSError."""
    try:
        (folder / FILE).lstat()
    except FileNotFoundError:
        return _Nothing()
    return Reader(folder)


class _Disk(diskcache.JSONDisk):  # type: ignore[misc]
    """JSONDisk that deletes no files.

    diskcache deletes the file that a replaced or deleted row names, wherever it is. Rows of gobake name none (why:
    docs/why.md).
    """

    def remove(self, file_path: str) -> None:
        """Do nothing."""


class Database(Reader):
    """A Reader that also writes, with diskcache. Raises diskcache.Timeout if another process holds it too long."""

    def __init__(self, folder: Path) -> None:
        require_plain(folder / FILE)
        self.writer = diskcache.Cache(str(folder), disk=_Disk, timeout=LOCKED_SECONDS, **_SETTINGS)
        try:
            super().__init__(folder, live=True)
        except BaseException:
            self.writer.close()
            raise

    def close(self) -> None:
        super().close()
        self.writer.close()  # last: a reader cannot delete SQLite's files beside the database

    def set(self, key: str, value: object) -> None:
        self.writer.set(key, value)  # without `retry`, which retries forever, whatever the reason

    def delete(self, key: str) -> None:
        self.writer.delete(key)


def key_of(key: object, raw: object) -> str | None:
    """Return a row's key; None if it is not a gobake key, so that it does not hide the others."""
    try:
        found = (
            checks.parsed(checks.inflated(key, _LONGEST_KEY), _LONGEST_KEY) if isinstance(key, bytes) and raw else None
        )
    except Unfit:
        return None
    return found if isinstance(found, str) else None


def value_of(mode: object, filename: object, value: object, length: int | None) -> Any:
    """Return a row's value. Raises Unfit."""
    if value is None and length is not None:
        raise Unfit(f"it has more than {LONGEST_JSON >> 20} MiB")
    if mode != _IN_ITS_ROW or filename is not None or not isinstance(value, bytes):
        raise Unfit("it is not JSON")
    return checks.parsed(checks.inflated(value, LONGEST_JSON))


def require_plain(file: Path) -> None:
    """Reject a database with more than diskcache's schema; a missing or empty one is fine.

    A view in place of a table may be endless, and a setting can be any instruction to SQLite. Raises
    sqlite3.OperationalError, so that the database is not set aside.
    """
    if not file.exists() or not file.stat().st_size:
        return
    database = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
    try:
        _require_plain(database)
    except sqlite3.DatabaseError as error:
        if isinstance(error, _Foreign):
            raise
        return  # damaged, or not readable now: opening it to write will tell why
    finally:
        database.close()


def _require_plain(database: sqlite3.Connection) -> None:
    said = [str(row[0]).lower() for row in database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
    if not _WORDS.issuperset(word for text in said for word in re.findall(r"\w*[^\W\d]\w*", text)):
        raise _Foreign("it holds what no history has")
    if any(text.startswith("create table settings") for text in said):
        names = {row[0] for row in database.execute("SELECT key FROM Settings LIMIT 100")}
        if names - _NAMES:
            raise _Foreign("it has settings that no history has")


def _opened(file: Path, modes: Sequence[str]) -> tuple[sqlite3.Connection, _Keys]:
    """Open it beside other processes; if not even locks can be written, open it as it is on disk."""
    for mode in modes:
        database = sqlite3.connect(f"{file.absolute().as_uri()}?{mode}", uri=True, check_same_thread=False)
        try:
            _require_plain(database)
            keys = _keys(database)
        except sqlite3.Error:
            database.close()
            if mode == modes[-1]:
                raise
        else:
            return database, keys
    raise AssertionError


def _keys(database: sqlite3.Connection) -> _Keys:
    rows = database.execute("SELECT rowid, key, raw FROM Cache").fetchall()
    return {name: (rowid, key) for rowid, key, raw in rows if (name := key_of(key, raw)) is not None}
