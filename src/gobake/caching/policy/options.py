"""What the command line says of caches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class CacheOptions:
    """What the command line says of caches; "" where it says nothing."""

    policy: str = ""  # a name or a file
    store: str = ""
    said_from: Path = Path()  # the folder that relative paths are seen from
