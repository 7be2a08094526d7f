"""Remembers which projects were trusted on this machine, by folder and by the settings that were shown.

It is one small private file in the user's data folder. A damaged or missing file counts as empty.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gobake.config.values import Config
from gobake.errors import Unwritable
from gobake.paths import data_folder
from gobake.trust.keys import meaning, wants

_MOST = 4 << 20  # bytes


def file() -> Path:
    """Return the path of the file."""
    return data_folder() / "trust.json"


def is_trusted(root: Path, tree: Config | None) -> bool:
    """Whether the project in this folder was trusted with its present settings."""
    entry = _read().get(_place(root))
    return isinstance(entry, dict) and entry.get("wants") == _digest(tree)


def trust(root: Path, tree: Config | None) -> None:
    """Remember that the project is trusted with its present settings. Raises Unwritable."""
    _write({**_read(), _place(root): {"wants": _digest(tree), "said": int(time.time())}})


def forget(root: Path) -> bool:
    """Forget a project. Return whether it was trusted. Raises Unwritable."""
    known = dict(_read())
    if known.pop(_place(root), None) is None:
        return False
    _write(known)
    return True


def _digest(tree: Config | None) -> str:
    """Return a digest of the settings that need trust, whatever their order; the same for none and for no file."""
    return hashlib.sha256((meaning(tree) if wants(tree) else "").encode()).hexdigest()


def _place(root: Path) -> str:
    return str(root.resolve())


def _read() -> Mapping[str, Any]:
    try:
        with file().open("rb") as stream:
            entries = json.loads(stream.read(_MOST))
    except (OSError, ValueError, RecursionError):
        return {}
    return entries if isinstance(entries, dict) else {}


def _write(known: Mapping[str, Any]) -> None:
    place = file()
    part = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
            json.dump(known, stream, indent=1)
        part.replace(place)
    except OSError as error:
        raise Unwritable(
            f"{place} cannot be written: {error.strerror}", remedy="set XDG_DATA_HOME to a writable folder"
        ) from None
