"""What was found out once and need not be asked again: small JSON files in the user's cache folder.

A memory may cost time, never correctness. Whoever reads one shows the evidence that it depends on; what is missing,
damaged, or was found under other evidence is not remembered, and is asked again. Evidence is kept as a digest only: it
may hold what nobody else should read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gobake import __version__
from gobake.files import whole
from gobake.files.old import delete_older
from gobake.paths import cache_folder

_KEEP_SECONDS = 30 * 24 * 3600


_empty = False  # whether nothing is recalled at this moment


@contextlib.contextmanager
def empty() -> Iterator[None]:
    """As on a machine that remembers nothing: all is asked again, in this process, until it is left."""
    global _empty
    before, _empty = _empty, True
    try:
        yield
    finally:
        _empty = before


def recall(kind: str, key: object, evidence: object) -> Any | None:
    """What was remembered of ``key`` under this very evidence; None where nothing was."""
    if _empty:
        return None
    try:
        kept = json.loads(whole.unsealed(_file(kind, key).read_bytes()))
        return kept["value"] if kept["evidence"] == _digest(evidence) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def remember(kind: str, key: object, evidence: object, value: object) -> None:
    """Keep it for the next run; a folder that cannot be written keeps nothing."""
    file = _file(kind, key)
    with contextlib.suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        whole.write(file, whole.sealed(json.dumps({"evidence": _digest(evidence), "value": value})))
        delete_older(file.parent.iterdir(), _KEEP_SECONDS)


def forget(kind: str, key: object) -> None:
    with contextlib.suppress(OSError):
        _file(kind, key).unlink()


def _file(kind: str, key: object) -> Path:
    return cache_folder() / "memory" / f"{kind}-{_digest(key)[:24]}.json"


def _digest(value: object) -> str:
    """Of values whose repr tells all that is in them: text, numbers, tuples, structs."""
    return hashlib.sha256(repr((__version__, value)).encode("utf-8", "surrogateescape")).hexdigest()
