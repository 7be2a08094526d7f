"""Formats shares, sizes and times, in one way for all reports, tables and lists."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from math import floor

from gobake.text.amounts import UNKNOWN as UNKNOWN
from gobake.text.amounts import size_text as size_text

_LATEST = 4e9  # seconds since the epoch; later times are beyond some time zone tables


def count_text(count: int, noun: str) -> str:
    """`1 target`, `2 targets`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def moment_text(seconds: float) -> str:
    """Seconds since the epoch as local time, to the minute; times out of range become its nearest limit."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(min(max(seconds, 0.0), _LATEST)))


def rfc3339(seconds: float) -> str:
    """Seconds since the epoch as UTC in RFC 3339, for JSON; times out of range become its nearest limit."""
    moment = datetime.fromtimestamp(min(max(seconds, 0.0), _LATEST), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_GO_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,9})?) ?(?:Z|([+-]\d\d):?(\d\d))(?: \w+)?")


def rfc3339_of(text: str) -> str | None:
    """A time as Go prints it (`2026-11-29 00:04:58.98 +0000 UTC`) in RFC 3339; None for anything else."""
    match = _GO_TIME.fullmatch(text)
    if not match:
        return None
    zone = f"{match[3]}:{match[4]}" if match[3] else "Z"
    return f"{match[1]}T{match[2]}{'Z' if zone == '+00:00' else zone}"


def seconds_text(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else f"{seconds:.1f} s"


def instead_text(seconds: float, cold: float) -> str:
    """`26.5 s instead of about 177 s`."""
    return f"{seconds_text(seconds)} instead of about {f'{cold:.0f} s' if cold >= 10 else seconds_text(cold)}"


def share_text(share: float | None) -> str:
    """A percentage, rounded down to a tenth as in the gate: 99.96 % is not 100 %, and 79.97 % is not 80 %."""
    if share is None:
        return UNKNOWN
    tenths = floor(share * 1000 + 1e-6)
    if tenths in (0, 1000):
        return "<0.1 %" if tenths < share * 1000 else f"{tenths // 10} %"
    return f"{tenths / 10:.1f} %"
