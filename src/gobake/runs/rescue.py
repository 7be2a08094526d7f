"""What can still be read of a damaged database of records."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gobake.foreign.checks import LONGEST_JSON
from gobake.runs.disk import PlainDisk

_ROWS = """SELECT rowid, key, raw, mode, filename, CASE WHEN length(value) <= ? THEN value END
FROM Cache NOT INDEXED ORDER BY rowid"""


def rescued(folder: Path) -> Iterator[tuple[str, Any]]:
    """Keys and values. A damaged page ends a walk through the table: it is walked from both of its ends."""
    disk = PlainDisk(str(folder))
    seen: set[int] = set()
    for order in ("ASC", "DESC"):
        database = sqlite3.connect(f"{(folder / 'cache.db').absolute().as_uri()}?mode=ro", uri=True)
        try:
            for rowid, key, raw, mode, filename, value in database.execute(f"{_ROWS} {order}", (LONGEST_JSON,)):
                if rowid in seen:
                    break
                seen.add(rowid)
                name = disk.get(key, raw)
                try:
                    found = disk.fetch(mode, filename, value, False)
                except (ValueError, OSError):
                    continue
                if isinstance(name, str):
                    yield name, found
        except sqlite3.Error:
            pass
        finally:
            database.close()
