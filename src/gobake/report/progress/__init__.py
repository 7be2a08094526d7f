"""Progress of a build: live rows on a terminal, plain lines without one, JSON lines for machines, or nothing.

Input is parsed events of the trace; nothing here depends on Docker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TextIO

from gobake.insight.expected import Expected
from gobake.model import Target
from gobake.report.progress.lines import Json, Plain, Quiet
from gobake.report.progress.rows import shown
from gobake.trace.events import Event
from gobake.trace.hostwork import HostWork
from gobake.trace.names import StepKind, StepName
from gobake.trace.stalls import Stall

if TYPE_CHECKING:
    from gobake.runs.record import RetryRecord

KINDS = ("auto", "tty", "plain", "json", "quiet")

__all__ = ["KINDS", "Display", "Progress", "make_progress", "shown", "worth_showing"]


class Progress(Protocol):
    """Shows a build. Use it as a context manager, which restores the terminal."""

    def __enter__(self) -> object: ...
    def __exit__(self, *_: object) -> None: ...
    def update(self, events: Sequence[Event]) -> None: ...
    def say(self, text: str) -> None: ...
    def stall(self, stall: Stall, text: str) -> None: ...
    def retry(self, retry: RetryRecord, number: int, most: int) -> None: ...  # the build is repeated in a moment
    def host(self, work: HostWork) -> None: ...  # what this machine's Go compiles before the build
    def expect(self, expected: Expected) -> None: ...  # what earlier runs tell of this one


class Display(Progress, Protocol):
    """The progress from `make_progress`, with explicit start and finish besides entering and leaving the context."""

    def start(self) -> None: ...
    def finish(self, outcome: str) -> None: ...  # done, failed or interrupted; shows totals


def make_progress(
    kind: str, targets: Sequence[Target], stream: TextIO, color: str, *, began: float | None = None
) -> Display:
    """The progress for ``kind``; `auto` is `tty` on a terminal and `plain` elsewhere.

    ``targets``: none if only this machine's Go works. ``began``: when the run began, in seconds since the epoch; its
    times count from there. The events show which stages the targets share.
    """
    if kind == "auto":
        kind = "tty" if stream.isatty() else "plain"
    if kind == "tty":
        from gobake.report.console import console_for  # rich is imported only when used
        from gobake.report.progress.table import Table

        return Table(targets, console_for(stream, color), began=began)
    if kind == "json":
        return Json(targets, stream)
    return Plain(targets, stream, began=began) if kind == "plain" else Quiet()


def worth_showing(name: StepName) -> bool:
    """Whether to show a vertex: steps, results and caches, but not BuildKit's housekeeping."""
    return name.kind.counts or name.kind in (StepKind.EXPORT_IMAGE, StepKind.EXPORT_CACHE, StepKind.IMPORT_CACHE)
