"""JSON files that a command writes beside what it prints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from gobake.errors import Unwritable, UsageError
from gobake.files import atomic


def require_folder(option: str, file: Path | None) -> None:
    """Refuse a file whose folder is missing, before any work is done for it. Raises UsageError."""
    if file and not file.absolute().parent.is_dir():
        raise UsageError(f"{option} {file}: there is no such folder", remedy="make it first")


def write_json(option: str, file: Path, data: Mapping[str, object]) -> None:
    """Write a file that an option names, whole. Raises Unwritable; what was done stays done."""
    try:
        atomic.write_in_tree(file, json.dumps(dict(data), indent=2) + "\n")
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unwritable(f"{option} {file} cannot be written: {reason}", remedy="name a file elsewhere") from None
