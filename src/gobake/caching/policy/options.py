"""What the command line says of caches."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


class CacheOptions(Struct, frozen=True, kw_only=True):
    """What the command line says of caches; "" where it says nothing."""

    policy: str = ""  # a name or a file
    store: str = ""
    said_from: Path = Path()  # the folder that relative paths are seen from
