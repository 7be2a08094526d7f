"""Deletes files and folders that have not been used for a while."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterable
from pathlib import Path


def delete_older(places: Iterable[Path], seconds: float) -> None:
    """Delete those files and folders that were not written to for ``seconds``. Another run may delete them at the same
    time. Raises OSError if a file cannot be deleted."""
    before = time.time() - seconds
    for place in places:
        with contextlib.suppress(FileNotFoundError):
            if place.lstat().st_mtime >= before:
                continue
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place, ignore_errors=True)
            else:
                place.unlink()
