"""Summaries of runs in their own small database: one pass over small rows, because records are large.

Everything in it can be made anew from the records, so nothing here raises: what is unreadable does not exist, what
cannot be written is written another time, and a damaged file is deleted.
"""

from __future__ import annotations

import contextlib
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from gobake.files import atomic
from gobake.runs.summary import SCHEMA, RunSummary, from_text, to_text

FILE = "digests.db"
_LONGEST = 1 << 16  # characters of a summary
_MOST = 1_000_000
LOCKED_SECONDS = 5.0  # for another process; after that, the summary is made on demand
_TABLE = "CREATE TABLE IF NOT EXISTS digests (id TEXT, schema INT, body TEXT, PRIMARY KEY (id, schema))"


class Shelf:
    """The summaries of one store."""

    def __init__(self, folder: Path, *, writes: bool = True) -> None:
        self._file = folder / FILE
        self._writes = writes
        self._database: sqlite3.Connection | None = None

    def close(self) -> None:
        if self._database:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
        self._database = None

    def put(self, summaries: Iterable[RunSummary]) -> None:
        rows = [(summary.id, SCHEMA, _checked(to_text(summary))) for summary in summaries]
        if rows and self._writes:
            self._write("INSERT OR REPLACE INTO digests VALUES (?, ?, ?)", rows)

    def remove(self, run_id: str) -> None:
        if self._writes and self._file.exists():
            self._write("DELETE FROM digests WHERE id = ?", [(run_id,)])

    def between(self, first: str, last: str) -> dict[str, RunSummary]:
        """Return the summaries of the runs from one id to another, inclusive."""
        sql = "SELECT id, body FROM digests WHERE id BETWEEN ? AND ? AND schema = ? AND length(body) <= ? LIMIT ?"
        found = (
            (run_id, from_text(_text(body))) for run_id, body in self._read(sql, (first, last, SCHEMA, _LONGEST, _MOST))
        )
        return {run_id: summary for run_id, summary in found if summary and summary.id == run_id}

    # ---- within

    def _read(self, sql: str, values: Sequence[object]) -> list[tuple[str, str]]:
        try:
            return self._open().execute(sql, values).fetchall() if self._file.exists() else []
        except sqlite3.Error as error:
            self._give_up(error)
            return []

    def _write(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        try:
            with self._open() as database:
                database.execute(_TABLE)
                database.executemany(sql, rows)
        except sqlite3.Error as error:
            self._give_up(error)

    def _open(self) -> sqlite3.Connection:
        """Open the database. Raises sqlite3.Error, also for a link, which SQLite would follow."""
        if self._database is None:
            try:
                if self._writes:
                    atomic.new_file(self._file, atomic.file_mode(self._file.parent))
                for name in (FILE, f"{FILE}-wal", f"{FILE}-shm", f"{FILE}-journal"):
                    atomic.refuse_link(self._file.with_name(name))
            except OSError as error:
                raise sqlite3.OperationalError(str(error)) from None
            place = str(self._file) if self._writes else f"{self._file.absolute().as_uri()}?mode=ro&immutable=1"
            database = sqlite3.connect(place, timeout=LOCKED_SECONDS, uri=not self._writes, check_same_thread=False)
            database.text_factory = lambda text: text.decode("utf-8", "replace")
            self._database = database
            _require_table(database)
            if self._writes:
                database.execute("PRAGMA synchronous = NORMAL")
        return self._database

    def _give_up(self, error: sqlite3.Error) -> None:
        self.close()
        if self._writes and not isinstance(error, sqlite3.OperationalError):  # that is: locked, no space, no table
            with contextlib.suppress(OSError):
                self._file.unlink()


def _require_table(database: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError if the name is that of a view, which may be endless."""
    sql = "SELECT count(*) FROM sqlite_master WHERE type <> 'table' AND type <> 'index'"
    if database.execute(sql).fetchone()[0]:
        raise sqlite3.DatabaseError("it holds what no history has")


def _checked(text: str) -> str:
    """Prepend a checksum: on a damaged page, a changed digit would be a wrong figure."""
    return f"{zlib.crc32(text.encode()):08x}{text}"


def _text(body: object) -> str:
    """Return the text without its checksum; "" if it is damaged or has none."""
    return body[8:] if isinstance(body, str) and body == _checked(body[8:]) else ""
