"""Formats shares, sizes and times, in one way for all reports, tables and lists."""

from __future__ import annotations

import time
from math import floor

UNKNOWN = "unknown"
_LATEST = 4e9  # seconds since the epoch; later times are beyond some time zone tables


def count_text(count: int, noun: str) -> str:
    """`1 target`, `2 targets`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def moment_text(seconds: float) -> str:
    """Seconds since the epoch as local time, to the minute; times out of range become its nearest limit."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(min(max(seconds, 0.0), _LATEST)))


def seconds_text(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else f"{seconds:.1f} s"


def share_text(share: float | None) -> str:
    """A percentage, rounded down to a tenth as in the gate: 99.96 % is not 100 %, and 79.97 % is not 80 %."""
    if share is None:
        return UNKNOWN
    tenths = floor(share * 1000 + 1e-6)
    if tenths in (0, 1000):
        return "<0.1 %" if tenths < share * 1000 else f"{tenths // 10} %"
    return f"{tenths / 10:.1f} %"


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
