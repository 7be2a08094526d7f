"""Formats amounts of bytes, for every room that speaks of them."""

from __future__ import annotations

UNKNOWN = "unknown"


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
