"""Formats and parses amounts of bytes, for every room that speaks of them."""

from __future__ import annotations

import re

UNKNOWN = "unknown"
_SIZE = re.compile(r"([\d.]+)\s*([kKMGTP]?)(i?)B")
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


def size_in_bytes(text: str) -> int | None:
    """Parse 3.346GiB, 512kB, 20 GB; None if invalid."""
    match = _SIZE.fullmatch(text.strip())
    if not match:
        return None
    return int(float(match[1]) * (1024 if match[3] else 1000) ** _POWERS[match[2].upper()])


def size_text(count: int | None) -> str:
    """A size in decimal units, as `docker images` prints them; "unknown" for None."""
    if count is None:
        return UNKNOWN
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            whole = unit == "B" or value >= 100  # three digits are enough
            return f"{value:.0f} {unit}" if whole else f"{value:.3g} {unit}"
        value /= 1000
    raise AssertionError


def more_text(count: int) -> str:
    """A difference of sizes with its sign: `+412 kB`."""
    return ("-" if count < 0 else "+") + size_text(abs(count))
