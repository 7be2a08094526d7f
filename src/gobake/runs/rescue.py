"""Reads what is left in a damaged database of records."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gobake.foreign.checks import LONGEST_JSON, Unfit
from gobake.runs.disk import FILE, ROWS, key_of, value_of


def rescued(folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield keys and values. The table is read from both ends, because reading stops at a damaged page."""
    seen: set[int] = set()
    for order in ("ASC", "DESC"):
        database = sqlite3.connect(f"{(folder / FILE).absolute().as_uri()}?mode=ro", uri=True)
        try:
            for rowid, key, raw, *row in database.execute(f"{ROWS} {order}", (LONGEST_JSON,)):
                if rowid in seen:
                    break
                seen.add(rowid)
                try:
                    found = value_of(*row)
                except Unfit:
                    continue
                if (name := key_of(key, raw)) is not None:
                    yield name, found
        except sqlite3.Error:
            pass
        finally:
            database.close()
