"""How records lie in the database: JSON, compressed, written by diskcache and read by nobody but the reader here.

Whoever can write into the folder can put any database there, and change it while it is open. A row holds its value
itself, and never names a file; nothing is unpickled, and nothing is unpacked beyond what a record may have.
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
LOCKED_SECONDS = 30.0  # how long another process may hold the database before this one gives up
_SETTINGS = {
    **diskcache.DEFAULT_SETTINGS,  # all of them, so that none counts that lies in the database
    "eviction_policy": "none",
    "size_limit": 1 << 62,
    "cull_limit": 0,
    "disk_compress_level": 1,
    "disk_min_file_size": 1 << 30,  # values of up to that many bytes lie in the database, where a write is whole
}
_NAMES = frozenset({*_SETTINGS, "count", "size", "hits", "misses"})  # of all settings that diskcache keeps
_LONGEST_KEY = 1024  # bytes
_IN_ITS_ROW = 1  # the mode of a value that diskcache neither pickled nor laid in a file
# all that diskcache writes into a schema; a view, a generated column or a trigger of others needs one word more
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
_Keys = dict[str, tuple[int, bytes]]  # where a row lies, and its key as it lies there


class _Foreign(sqlite3.OperationalError):
    """It was not made by diskcache."""


class Reader:
    """What a store reads with. Raises sqlite3.Error and OSError; Unfit for a value that is no record's.

    It writes nothing: diskcache would, as soon as it opens a database. ``live``: of a database that this process writes
    to, whose files are as they should be.
    """

    def __init__(self, folder: Path, *, live: bool = False) -> None:
        file = folder / FILE
        if not file.is_file():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        self._database, self._keys = _opened(file, ("mode=ro",) if live else ("mode=ro", "immutable=1"))

    def close(self) -> None:
        self._database.close()

    def keys(self) -> list[str]:
        """Those of now."""
        self._keys = _keys(self._database)
        return list(self._keys)

    def get(self, key: str) -> Any:
        """None where there is none."""
        found = self._row(key)
        if found is None:
            self.keys()
            found = self._row(key)
        return None if found is None else value_of(*found)

    def _row(self, key: str) -> Any:
        """Another process may have deleted it meanwhile, and given its place to another."""
        place = self._keys.get(key)
        return place and self._database.execute(_READ, (LONGEST_JSON, *place)).fetchone()

    def set(self, key: str, value: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def delete(self, key: str) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))


class _Disk(diskcache.JSONDisk):  # type: ignore[misc]
    """The one thing that diskcache must not do as ever: it deletes the file that a row names which it replaces or
    deletes, wherever that lies. Rows of ours name none (why: docs/why.md)."""

    def remove(self, file_path: str) -> None:
        """Nothing."""


class Database(Reader):
    """The same, and diskcache to write with. Raises diskcache.Timeout where another process holds it for too long."""

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
        self.writer.close()  # last: who only reads cannot tidy up what SQLite keeps beside the database

    def set(self, key: str, value: object) -> None:
        self.writer.set(key, value)  # not `retry`: that tries for ever, whatever the reason

    def delete(self, key: str) -> None:
        self.writer.delete(key)


def key_of(key: object, raw: object) -> str | None:
    """A row's key; None for one that is not ours, so that it does not hide the others."""
    try:
        found = (
            checks.parsed(checks.inflated(key, _LONGEST_KEY), _LONGEST_KEY) if isinstance(key, bytes) and raw else None
        )
    except Unfit:
        return None
    return found if isinstance(found, str) else None


def value_of(mode: object, filename: object, value: object, length: int | None) -> Any:
    """A row's value. Raises Unfit."""
    if value is None and length is not None:
        raise Unfit(f"it has more than {LONGEST_JSON >> 20} MiB")
    if mode != _IN_ITS_ROW or filename is not None or not isinstance(value, bytes):
        raise Unfit("it is not JSON")
    return checks.parsed(checks.inflated(value, LONGEST_JSON))


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
        if names - _NAMES:
            raise _Foreign("it has settings that no history has")


def _opened(file: Path, modes: Sequence[str]) -> tuple[sqlite3.Connection, _Keys]:
    """As other processes use it now; where not even their locks can be written, as it lies there."""
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
