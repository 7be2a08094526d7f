"""Cache options of the command line."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


class CacheOptions(Struct, frozen=True, kw_only=True):
    """Cache options of the command line; "" for an option that was not given."""

    policy: str = ""  # a name or a file
    store: str = ""
    said_from: Path = Path()  # the folder that relative paths start from
