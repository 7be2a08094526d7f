"""Live progress on a terminal: rows that rich redraws. rows.py decides their content.

rich requests each picture on its own thread, for the current width and height of the terminal.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table as Grid
from rich.text import Text

from gobake.model import Target
from gobake.report.progress.rows import Row, RowState, host_row, rows
from gobake.runs.outcomes import Outcome
from gobake.text.printable import printable
from gobake.trace.events import Event, EventLog
from gobake.trace.hostwork import HostWork
from gobake.trace.stalls import Stall
from gobake.trace.steps import steps

PICTURES_PER_SECOND = 4
NARROW, TINY = 90, 60  # terminal columns below which first the platforms, then the counts are left out

_STYLES = {
    RowState.FAILED: "bold red",
    RowState.WORKING: "cyan",
    RowState.CANCELED: "yellow",
    RowState.WAITING: "dim",
    RowState.DONE: "green",
}
_MARKS = {
    RowState.FAILED: ("✗", "x"),
    RowState.WORKING: ("▸", ">"),
    RowState.CANCELED: ("◦", "-"),
    RowState.WAITING: (" ", " "),
    RowState.DONE: ("✓", "*"),
}
_COUNTED = (  # outcome, word, style
    (Outcome.REUSED, "reused", "green"),
    (Outcome.IMPORTED, "imported", "green"),
    (Outcome.UNKNOWN, "cached", "green"),
    (Outcome.SHARED, "shared", "dim"),
    (Outcome.EXECUTED, "run", "yellow"),
)


class Table:
    """A row per shared stage, a row per service and strategy, and a line of totals."""

    def __init__(
        self,
        targets: Sequence[Target],
        console: Console,
        clock: Callable[[], float] = time.time,
        *,
        began: float | None = None,
    ) -> None:
        """``began``: when the run began; None: now."""
        self._targets = targets
        self._console = console
        self._clock = clock
        self._began = clock() if began is None else began
        self._hosts: dict[str, Row] = {}  # what this machine's Go compiles, by platform
        self._log = EventLog()
        self._lock = threading.Lock()  # one thread delivers events, another draws pictures
        self._rows: list[Row] = rows(steps(self._log), targets)
        self._stale = False
        self._live = Live(
            console=console,
            get_renderable=self.picture,
            refresh_per_second=PICTURES_PER_SECOND,
            vertical_overflow="ellipsis",
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def start(self) -> None:
        if self._targets:  # else what this machine's Go does begins it
            self._live.start()

    def update(self, events: Sequence[Event]) -> None:
        with self._lock:
            self._log.merge(events)
            self._stale = True

    def finish(self, outcome: str) -> None:
        """Stop redrawing; the last picture stays on the terminal."""
        with self._lock:
            self._log.close()
            self._stale = True
        self._live.stop()

    def say(self, text: str) -> None:
        """Print a line above the rows."""
        self._console.print(Text(printable(text)))

    def stall(self, stall: Stall, text: str) -> None:
        self.say(text)

    def host(self, work: HostWork) -> None:
        with self._lock:
            self._hosts[work.platform] = host_row(work)
            self._stale = True
        self._live.start()

    def picture(self) -> Group:
        """The current picture, in the current size of the terminal."""
        with self._lock:
            if self._stale:
                self._rows = [*self._hosts.values(), *rows(steps(self._log), self._targets)]
                self._stale = False
            found = self._rows
        width, height = self._console.size
        room = max(1, height - 3)
        picked = _picked(found, room)
        grid = Grid.grid(padding=(0, 2), expand=True)
        grid.add_column(no_wrap=True, overflow="ellipsis", max_width=max(16, width // 3))
        if width >= NARROW:
            grid.add_column(no_wrap=True, overflow="ellipsis", style="dim", max_width=width // 5)
        if width >= TINY:
            grid.add_column(no_wrap=True, justify="right")
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for row in picked:
            grid.add_row(*self._cells(row, width))
        more = len(found) - len(picked)
        return Group(grid, *([Text(f"  and {more} more", style="dim")] if more else []), self._foot(found))

    def _cells(self, row: Row, width: int) -> list[Text]:
        style = _STYLES[row.state]
        cells = [Text(f"{self._mark(row.state)} {printable(row.label)}", style="bold" if row.shared else "")]
        cells[0].stylize(style, 0, 1)
        if width >= NARROW:
            cells.append(Text(printable(row.platforms)))
        if width >= TINY:
            cells.append(_tally(row))
        return [*cells, self._now(row, style)]

    def _now(self, row: Row, style: str) -> Text:
        if row.ended is not None and row.since is not None and row.state is RowState.DONE:
            return Text(f"{row.packages} packages, {row.ended - row.since:.1f} s", style=style)
        if row.state is not RowState.WORKING or not row.now:
            return Text("" if row.state is RowState.WORKING else str(row.state), style=style)
        parts = [printable(row.now)]
        if row.packages:
            parts.insert(0, f"{row.packages} of {row.of} packages" if row.of else f"{row.packages} packages")
        elif row.modules:
            parts = [f"downloading modules, {row.modules} so far"]
        if row.since is not None:
            parts.insert(0, f"{max(0.0, self._clock() - row.since):.0f} s")
        return Text("  ".join(parts))

    def _mark(self, state: RowState) -> str:
        fancy, plain = _MARKS[state]
        return fancy if self._console.encoding.startswith("utf") else plain

    def _foot(self, found: Sequence[Row]) -> Text:
        targets = [row for row in found if not row.shared]
        done = sum(row.state is RowState.DONE for row in targets)
        seconds = f"{self._clock() - self._began:.0f} s"
        return Text(f"{done} of {len(targets)} targets, {seconds}" if targets else seconds, style="bold")


def _tally(row: Row) -> Text:
    """`3/7  2 reused 1 run`"""
    text = Text(f"{row.reached}/{row.total}" if row.total else "")
    for outcome, word, style in _COUNTED:
        if count := row.counts.get(outcome):
            text.append(f"  {count} {word}", style=style)
    return text


def _picked(found: Sequence[Row], room: int) -> list[Row]:
    """The rows that fit, in their order; failed and working ones are kept first."""
    if len(found) <= room:
        return list(found)
    order = list(RowState)
    kept = sorted(range(len(found)), key=lambda at: (order.index(found[at].state), at))[: max(1, room - 1)]
    return [found[at] for at in sorted(kept)]
