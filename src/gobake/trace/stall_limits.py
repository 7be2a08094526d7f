"""How long a transfer may stand still: when it is told, when again, and when it is given up."""

from __future__ import annotations

import re
from collections.abc import Mapping

TELL_SECONDS = 20.0
AGAIN_SECONDS = 60.0
GIVE_UP_SECONDS = 300.0
VARIABLE = "GOBAKE_STALL_TIMEOUT"
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def seconds_of(text: str) -> float | None:
    """Of 90, 90s, 5m, 1h; 0 of `none`, which is no limit; None of what is no time."""
    match = re.fullmatch(r"([0-9]{1,6})([smh]?)", text)
    if match:
        return float(match[1]) * _UNITS[match[2]]
    return 0.0 if text == "none" else None


def limit_of(environment: Mapping[str, str]) -> float:
    told = seconds_of(environment.get(VARIABLE, ""))
    return GIVE_UP_SECONDS if told is None else told
