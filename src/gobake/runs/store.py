"""Where records are kept: diskcache with JSON on disk, and the raw events compressed beside it, one store a project."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import diskcache
import platformdirs

from gobake.errors import Unwritable, UsageError
from gobake.runs.record import RunRecord, UnreadableRecord, from_json, to_json

_NO_LIMIT = 1 << 62


def default_folder(identity: str) -> Path:
    return Path(platformdirs.user_data_dir("gobake")) / "runs" / identity


class RunStore:
    """All runs of one project. Several processes may use it at once (SQLite does the locking)."""

    def __init__(self, folder: Path) -> None:
        """Raises Unwritable where the folder cannot be used."""
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "events").mkdir(exist_ok=True)
            self._cache = diskcache.Cache(
                str(folder / "records"),
                disk=diskcache.JSONDisk,
                eviction_policy="none",
                size_limit=_NO_LIMIT,
                cull_limit=0,
            )
        except (OSError, sqlite3.Error, diskcache.Timeout) as error:
            raise self._unwritable(error) from None

    def __enter__(self) -> RunStore:
        return self

    def __exit__(self, *_: object) -> None:
        self._cache.close()

    def add(self, record: RunRecord, events: Iterable[str]) -> None:
        """Keep a record and its raw events. Raises Unwritable; what was there before stays as it was."""
        try:
            part = self.folder / "events" / f".{record.id}.{os.getpid()}.part"
            with gzip.open(part, "wt", encoding="utf-8", compresslevel=3) as out:
                out.writelines(events)
            part.replace(self._events(record.id))
            self._cache.set(record.id, to_json(record), retry=True)
        except (OSError, sqlite3.Error, diskcache.Timeout) as error:
            raise self._unwritable(error) from None

    def ids(self) -> list[str]:
        """Newest last."""
        return sorted(key for key in self._cache.iterkeys() if isinstance(key, str))

    def resolve(self, name: str) -> str:
        """The id that `last`, an id, or the beginning of just one id means. Raises UsageError."""
        ids = self.ids()
        if not ids:
            raise UsageError("no run is on record for this project", remedy="build something: gobake build")
        if name in ("last", ""):
            return ids[-1]
        found = [i for i in ids if i.startswith(name)]
        if name in found or len(found) == 1:
            return name if name in found else found[0]
        what = f"{len(found)} runs begin with {name!r}" if found else f"there is no run {name!r}"
        raise UsageError(what, remedy="`gobake runs ls` lists them")

    def get(self, run_id: str) -> RunRecord:
        """Raises UnreadableRecord for a damaged or newer record, UsageError where there is none."""
        try:
            data = self._cache.get(run_id)
        except (ValueError, OSError, sqlite3.Error) as error:
            raise UnreadableRecord(f"cannot be read: {error}") from None
        if data is None:
            raise UsageError(f"there is no run {run_id!r}", remedy="`gobake runs ls` lists them")
        return from_json(data)

    def read_all(self) -> Iterator[tuple[str, RunRecord | UnreadableRecord]]:
        """Every record by id, oldest first; a damaged one comes as its error and hides no other."""
        for run_id in self.ids():
            try:
                yield run_id, self.get(run_id)
            except UnreadableRecord as error:
                yield run_id, error

    def events(self, run_id: str) -> str:
        """The raw events, as buildx printed them."""
        try:
            return gzip.decompress(self._events(run_id).read_bytes()).decode(errors="replace")
        except (OSError, EOFError) as error:
            raise UnreadableRecord(f"has no readable events: {error}") from None

    def remove(self, run_id: str) -> None:
        self._cache.delete(run_id)
        self._events(run_id).unlink(missing_ok=True)

    def _events(self, run_id: str) -> Path:
        return self.folder / "events" / f"{run_id}.jsonl.gz"

    def _unwritable(self, error: Exception) -> Unwritable:
        reason = getattr(error, "strerror", None) or str(error)
        return Unwritable(
            f"{self.folder}: the run's record cannot be kept there: {reason}",
            remedy="free or mend the folder; the build itself is not touched",
        )


def dump(record: RunRecord) -> str:
    return json.dumps(to_json(record), indent=2, ensure_ascii=False)
