"""The words that the live display and plain lines have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gobake.report.progress.rows import Row, RowState
from gobake.report.quantities import count_text, size_text
from gobake.trace.transfers import Transfer

if TYPE_CHECKING:
    from gobake.runs.record import RetryRecord


def retry_text(retry: RetryRecord, number: int, most: int) -> str:
    """`failed to push ...: 503 Service Unavailable; building again in 2 s (1 of 3)`"""
    return f"{retry.reason}; building again in {retry.waited:.0f} s ({number} of {most})"


def packages_text(row: Row) -> str:
    """`147 of 265 packages`; before the first, how many modules have come."""
    if row.packages:
        return f"{row.packages} of {row.of} packages" if row.of else count_text(row.packages, "package")
    if row.modules and row.state is RowState.WORKING:
        return f"downloading modules, {row.modules} so far"
    return f"0 of {row.of} packages" if row.of else ""


def seconds_left_text(seconds: float) -> str:
    """An estimate, rounded as estimates are: `20 s`, `3 min`."""
    if seconds >= 90:
        return f"{seconds / 60:.0f} min"
    return f"{max(1.0, seconds):.0f} s" if seconds < 10 else f"{round(seconds / 5) * 5} s"


def transfer_text(moved: Transfer) -> str:
    """`45.2 MB of 120 MB`."""
    if moved.doing:
        return moved.doing
    if moved.unpacking:
        return f"unpacking {size_text(moved.current)}"
    return size_text(moved.current) + (f" of {size_text(moved.total)}" if moved.total else "")


def speed_text(speed: float) -> str:
    """`12 MB/s`; "" if nothing moves."""
    return f"{size_text(int(speed))}/s" if speed >= 1 else ""
