"""Time limits for stalled transfers: when to report them, when again, and when to give up."""

from __future__ import annotations

import re
from collections.abc import Mapping

TELL_SECONDS = 20.0
AGAIN_SECONDS = 60.0
GIVE_UP_SECONDS = 300.0
VARIABLE = "GOBAKE_STALL_TIMEOUT"
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def seconds_of(text: str) -> float | None:
    """Parse 90, 90s, 5m or 1h to seconds; `none` (no limit) gives 0, anything else None."""
    match = re.fullmatch(r"([0-9]{1,6})([smh]?)", text)
    if match:
        return float(match[1]) * _UNITS[match[2]]
    return 0.0 if text == "none" else None


def limit_of(environment: Mapping[str, str]) -> float:
    """Return the limit in seconds from the environment, else the default; 0 for no limit."""
    seconds = seconds_of(environment.get(VARIABLE, ""))
    return GIVE_UP_SECONDS if seconds is None else seconds
