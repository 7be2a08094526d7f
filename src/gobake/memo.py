"""Remembered answers: small JSON files in the user's cache folder.

A memory may cost time, never correctness. A reader passes the evidence that the answer depends on. An answer that is
missing, damaged or has other evidence does not count. Evidence is stored only as a digest, because it may be
confidential.
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


_empty = False  # whether memories are ignored now


@contextlib.contextmanager
def empty() -> Iterator[None]:
    """Ignore all memories within the context, in this process, as on a new machine."""
    global _empty
    before, _empty = _empty, True
    try:
        yield
    finally:
        _empty = before


def recall(kind: str, key: object, evidence: object) -> Any | None:
    """Return what was remembered of ``key`` under the same evidence, or None."""
    if _empty:
        return None
    try:
        kept = json.loads(whole.unsealed(_file(kind, key).read_bytes()))
        return kept["value"] if kept["evidence"] == _digest(evidence) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def remember(kind: str, key: object, evidence: object, value: object) -> None:
    """Store it for later runs; does nothing if the folder is not writable."""
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
    """Hash a value whose repr is complete: text, numbers, tuples, structs."""
    return hashlib.sha256(repr((__version__, value)).encode("utf-8", "surrogateescape")).hexdigest()
