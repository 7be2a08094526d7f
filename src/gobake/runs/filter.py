"""Selects runs of a history by branch, service, builder, outcome and time. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from msgspec import Struct

from gobake.errors import UsageError
from gobake.runs.summary import RunSummary

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGE = re.compile(r"([0-9]{1,6})([mhdw])")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MINUTE = re.compile(rf"{_DAY.pattern}[T ][0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}})?(?:Z|[+-][0-9]{{2}}:[0-9]{{2}})?")


class Choice(Struct, frozen=True, kw_only=True):
    """Conditions that must all hold; empty ones are ignored."""

    branch: str = ""
    service: str = ""
    builder: str = ""
    outcome: str = ""
    since: float | None = None  # seconds since the epoch
    until: float | None = None  # exclusive

    def admits(self, run: RunSummary) -> bool:
        return (
            self.branch in ("", run.branch)
            and self.builder in ("", run.builder)
            and self.outcome in ("", run.outcome)
            and (not self.service or self.service in run.services)
            and (self.since is None or run.started >= self.since)
            and (self.until is None or run.started < self.until)
        )


def moment(text: str, option: str, now: float, *, ends: bool = False) -> float:
    """Parse a day, a minute or an age such as 7d into seconds since the epoch; times are local without a time zone.

    ``ends``: return the end of a day instead, so that --until 2026-11-25 includes that day. Raises UsageError.
    """
    try:
        if age := _AGE.fullmatch(text):
            return now - timedelta(**{_UNITS[age[2]]: int(age[1])}).total_seconds()
        if _DAY.fullmatch(text):
            return (datetime.fromisoformat(text) + timedelta(days=1 if ends else 0)).timestamp()
        if _MINUTE.fullmatch(text):
            return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        pass  # the 31st of February, the year 0
    raise UsageError(
        f"{option}: invalid date {text!r}",
        remedy="write 2026-11-25, 2026-11-25T14:30, or an age such as 7d, 12h or 30m",
    )
