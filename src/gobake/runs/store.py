"""The store of a project's records: diskcache with JSON on disk, and the raw events compressed beside it.

Several processes may use a store at the same time; SQLite does the locking. Damaged records are reported and do not
hide others. Nothing is unpickled, because then anyone who can write to the folder could run code. If the store raises
Unwritable, callers continue without a record: the build is not affected.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import secrets
import shutil
import sqlite3
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import diskcache

from gobake.errors import Unwritable, UsageError
from gobake.files import atomic
from gobake.files.nofollow import Inside
from gobake.foreign.checks import Unfit, unzipped
from gobake.runs import disk
from gobake.runs.disk import Database, Reader
from gobake.runs.fitting import fitting
from gobake.runs.record import RunRecord, UnreadableRecord, from_json, to_json
from gobake.runs.rescue import rescued
from gobake.runs.shelf import Shelf
from gobake.runs.summary import RunSummary

_DAY_SECONDS = 24 * 3600.0
_LONGEST_EVENTS = 128 << 20  # bytes, unpacked; a large build has about 20 MB
_LONGEST_ID = 60
_FAILS = (OSError, sqlite3.Error, diskcache.Timeout)
_Done = TypeVar("_Done")
_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-z]+")
_LAST = re.compile(r"last(?:~([0-9]{1,6}))?")
_EVENTS = re.compile(rf"{_ID.pattern}\.jsonl\.gz|\.{_ID.pattern}\..*\.part")


def is_id(text: str) -> bool:
    """Whether it can be the id of a run, and so a file name."""
    return len(text) <= _LONGEST_ID and bool(_ID.fullmatch(text))


class RunStore:
    """All runs of one project."""

    def __init__(self, folder: Path, *, writes: bool = True) -> None:
        """Open a store. ``writes``: False for only reading. Raises Unwritable if the folder is not usable for that."""
        self.folder = folder
        self.writes = writes
        self.notes: list[str] = []  # what had to be set aside, for the user
        self._ids: list[str] | None = None
        self._kept = Inside(top=folder) / "events"
        try:
            if writes:
                atomic.make_folder(folder / "events")
                self._cache: Reader = self._open()
            else:
                self._refuse_links()
                self._cache = disk.reader(folder / "records")
        except _FAILS as error:
            raise (self._unwritable(error) if writes else self._unreadable(error)) from None
        self._shelf = Shelf(folder, writes=writes or os.access(folder, os.W_OK))

    @classmethod
    def reading(cls, folder: Path) -> RunStore:
        """Open a store for reading, even if nothing is writable. One that is not there has no runs, and is not made.

        A damaged one is mended if it can be written. Raises Unwritable.
        """
        try:
            return cls(folder, writes=False)  # takes a third of the time
        except Unwritable:
            if not (folder / "records" / disk.FILE).exists():
                raise
            with contextlib.suppress(Unwritable):
                return cls(folder)
            raise

    def __enter__(self) -> RunStore:
        return self

    def __exit__(self, *_: object) -> None:
        self._cache.close()
        self._shelf.close()

    # ---- writing

    def add(
        self, record: RunRecord, events: Iterable[str | bytes] | Path | None, summary: RunSummary | None = None
    ) -> None:
        """Keep a record, its raw events and its summary; on failure, earlier content is unchanged. Raises Unwritable.

        ``events``: None for a run from elsewhere that came without events.
        """
        kept = self._events(record.id)
        try:
            if events is not None:
                self._pack(events, kept)
            self._mending(lambda: self._cache.set(record.id, to_json(fitting(record))))
        except _FAILS as error:
            with contextlib.suppress(OSError):
                self._kept.remove(kept)  # events without a record would stay forever
            raise self._unwritable(error) from None
        self._shelf.remove(record.id)
        self._shelf.put([summary] if summary else ())
        self._sweep()

    def _pack(self, events: Iterable[str | bytes] | Path, name: str) -> None:
        mode = atomic.file_mode(self._kept.path)
        with self._kept.replaced(name, mode) as file, gzip.GzipFile("", "wb", compresslevel=3, fileobj=file) as out:
            if isinstance(events, Path):
                with events.open("rb") as source:
                    shutil.copyfileobj(source, out)
            else:
                out.writelines(e if isinstance(e, bytes) else e.encode("utf-8", "replace") for e in events)

    def keep_summaries(self, summaries: Iterable[RunSummary]) -> None:
        """Keep summaries of runs in this store, so that they are not made again."""
        self._shelf.put(summaries)

    def remove(self, run_id: str) -> None:
        """Delete a run, even a damaged one. Raises Unwritable."""
        self._shelf.remove(run_id)
        try:
            self._mending(lambda: self._cache.delete(run_id))
            self._kept.remove(self._events(run_id))
        except _FAILS as error:
            raise self._unwritable(error) from None

    def _sweep(self) -> None:
        """Once a day, delete events without a record, which killed processes left."""
        now, mark = time.time(), self.folder / ".swept"
        with contextlib.suppress(OSError, Unwritable):
            if mark.exists() and mark.stat().st_mtime > now - _DAY_SECONDS:
                return
            atomic.write(mark, "")
            kept = {self._events(run_id) for run_id in self.ids()}
            for name, status in self._kept.entries().items():
                ours = _EVENTS.fullmatch(name) and stat.S_ISREG(status.st_mode)
                if ours and name not in kept and status.st_mtime < now - _DAY_SECONDS:
                    self._kept.remove(name)

    # ---- reading

    def ids(self) -> list[str]:
        """Return all ids, newest last, including those of damaged records.

        A store that only reads returns those of its first call. Raises Unwritable.
        """
        if self._ids is None or self.writes:
            try:
                found = self._mending(lambda: self._cache.keys())
            except _FAILS as error:
                raise self._unreadable(error) from None
            self._ids = sorted(key for key in found if _ID.fullmatch(key))
        return list(self._ids)

    def empty(self) -> UsageError:
        """Return what is said of a store without runs."""
        return UsageError(f"no run is on record in {self.folder}", remedy="build something: gobake build")

    def resolve(self, name: str) -> str:
        """Return the id for `last`, `last~1` (the run before it), an id, or a unique prefix of one.

        Raises UsageError.
        """
        ids = self.ids()
        if not ids:
            raise self.empty()
        if last := _LAST.fullmatch(name or "last"):
            back = int(last[1] or 0)
            if back < len(ids):
                return ids[-1 - back]
            raise UsageError(f"there is no run {name}: {len(ids)} on record", remedy="`gobake runs ls` lists them")
        found = [i for i in ids if i.startswith(name)]
        if name in found or len(found) == 1:
            return name if name in found else found[0]
        what = f"{len(found)} runs begin with {name!r}" if found else f"there is no run {name!r}"
        raise UsageError(what, remedy="`gobake runs ls` lists them")

    def get(self, name: str) -> RunRecord:
        """Return the record of an id, a prefix of one, or `last`.

        Raises UnreadableRecord for a damaged or newer record, UsageError if there is none.
        """
        data = self._data(name) if _ID.fullmatch(name) else None  # listing all ids takes longer than reading one
        if data is None:
            data = self._data(self.resolve(name))
        if data is None:
            raise UnreadableRecord("cannot be read: a part of it is gone")
        return from_json(data)

    def _data(self, run_id: str) -> Any:
        try:
            return self._cache.get(run_id)
        except (ValueError, OSError, sqlite3.Error) as error:
            raise UnreadableRecord(f"cannot be read: {error}") from None

    def read_all(self) -> Iterator[tuple[str, RunRecord | UnreadableRecord]]:
        """Yield all records with their ids, oldest first; a damaged one as its error."""
        for run_id in self.ids():
            yield run_id, self._read(run_id)

    def summaries(self, ids: Sequence[str]) -> dict[str, RunSummary]:
        """Return the summaries of these runs that are kept."""
        if not ids:
            return {}
        found, wanted = self._shelf.between(min(ids), max(ids)), set(ids)
        return {run_id: summary for run_id, summary in found.items() if run_id in wanted}

    def recent(self, count: int) -> list[RunRecord]:
        """Return the last readable records, newest first."""
        found: list[RunRecord] = []
        for run_id in reversed(self.ids()):
            if len(found) >= count:
                break
            if isinstance(record := self._read(run_id), RunRecord):
                found.append(record)
        return found

    def events(self, run_id: str) -> str:
        """Return the raw events as buildx printed them. Raises UnreadableRecord."""
        try:
            return unzipped(self._kept.read(self._events(run_id)), _LONGEST_EVENTS).decode(errors="replace")
        except (OSError, Unfit) as error:
            raise UnreadableRecord(f"has no readable events: {error}") from None

    # ---- within

    def _read(self, run_id: str) -> RunRecord | UnreadableRecord:
        try:
            return self.get(run_id)
        except UnreadableRecord as error:
            return error
        except UsageError:  # another process has removed it since
            return UnreadableRecord("is gone")

    def _open(self) -> Database:
        """Open the database; a damaged one is set aside, so that runs are recorded again."""
        try:
            return self._opened()
        except (sqlite3.DatabaseError, ValueError, TypeError, KeyError) as error:
            if isinstance(error, sqlite3.OperationalError):  # locked, read-only or no space: the database is fine
                raise
            return self._anew(error)

    def _opened(self) -> Database:
        records = self.folder / "records"
        self._refuse_links()
        atomic.make_folder(records)
        atomic.new_file(records / disk.FILE, atomic.file_mode(records))
        return Database(records)

    def _mending(self, doing: Callable[[], _Done]) -> _Done:
        """Do it; if the database turns out to be damaged, replace it and try again."""
        try:
            return doing()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) or not self.writes:
                raise
            with contextlib.suppress(sqlite3.Error):
                self._cache.close()
            self._cache = self._anew(error)
            return doing()

    def _anew(self, why: Exception) -> Database:
        """Make a new database with what is readable of the damaged one."""
        records = self.folder / "records"
        aside = records.with_name(f"records-damaged-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}")
        records.rename(aside)
        cache, saved = self._opened(), 0
        for run_id, data in rescued(aside):
            cache.set(run_id, data)
            saved += 1
        self.notes.append(
            f"the records of earlier runs are damaged ({why}): {saved} could be saved, and all is set aside as {aside}"
        )
        return cache

    def _refuse_links(self) -> None:
        """Refuse links, because SQLite follows them. Raises OSError."""
        records = self.folder / "records"
        atomic.refuse_link(records)
        for name in (disk.FILE, f"{disk.FILE}-wal", f"{disk.FILE}-shm", f"{disk.FILE}-journal"):
            atomic.refuse_link(records / name)

    def _events(self, run_id: str) -> str:
        return f"{run_id}.jsonl.gz"

    def _unwritable(self, error: Exception) -> Unwritable:
        what = f"{self.folder}: the history cannot be written: {_reason(error)}"
        return Unwritable(what, remedy="free space, or check who may write there")

    def _unreadable(self, error: Exception) -> Unwritable:
        return Unwritable(f"{self.folder}: the history cannot be read: {_reason(error)}")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or "it is locked, or not accessible"


def dump(record: RunRecord) -> str:
    return json.dumps(to_json(record), indent=2, ensure_ascii=False)
