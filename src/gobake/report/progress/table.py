"""Live progress on a terminal: lines that rich redraws. rows.py decides what they tell, picture.py what fits.

rich requests each picture on its own thread, for the current width and height of the terminal.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from gobake.insight.expected import Expected
from gobake.model import Target
from gobake.report.progress.picture import Screen, Speeds, draw
from gobake.report.progress.rows import Row, RowState, host_row, rows
from gobake.report.progress.wording import retry_text
from gobake.text.printable import printable
from gobake.trace.events import Event, EventLog
from gobake.trace.hostwork import HostWork
from gobake.trace.stalls import Stall
from gobake.trace.steps import steps
from gobake.trace.transfers import transfers

if TYPE_CHECKING:
    from gobake.runs.record import RetryRecord

PICTURES_PER_SECOND = 4
_CHEAP = 0.05  # seconds for reading the log, which is then done for every picture
_SHARE = 10  # else one part of the time


class Table:
    """A line per shared work and per target that works, one for those that wait, and one of totals."""

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
        self._trace, self._moves = steps(self._log), transfers(self._log)
        self._read_at = self._cost = 0.0  # when the log was last read, and how long that took
        self._expected = Expected()
        self._speeds = Speeds()
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
        self.finish("")

    def start(self) -> None:
        if self._targets:  # else what this machine's Go does begins it
            self._live.start()

    def update(self, events: Sequence[Event]) -> None:
        with self._lock:
            self._log.merge(events)
            self._stale = True

    def finish(self, outcome: str) -> None:
        """Stop redrawing. The last picture stays on the terminal, unless all is done: the summary says the same."""
        with self._lock:
            self._log.close()
            self._stale = True
            found = self._rows(self._clock())
        self._live.transient = bool(self._targets) and all(row.state is RowState.DONE for row in found)
        self._live.stop()

    def say(self, text: str) -> None:
        """Print a line above the rows."""
        self._console.print(Text(printable(text)))

    def stall(self, stall: Stall, text: str) -> None:
        self.say(text)

    def retry(self, retry: RetryRecord, number: int, most: int) -> None:
        self.say(retry_text(retry, number, most))

    def host(self, work: HostWork) -> None:
        with self._lock:
            self._hosts[work.platform] = host_row(work)
            self._stale = True
        self._live.start()

    def _may_read(self) -> bool:
        """Whether to read the log again: with hundreds of targets not for every picture."""
        return self._cost < _CHEAP or self._log.closed or time.monotonic() - self._read_at > _SHARE * self._cost

    def expect(self, expected: Expected) -> None:
        """Take what earlier runs tell of this one."""
        with self._lock:
            self._expected = expected

    def picture(self) -> Group:
        """The current picture, in the current size of the terminal."""
        now = self._clock()
        with self._lock:
            found = self._rows(now)
            speeds = self._speeds.of(found, now)
            is_over = self._log.closed
        width, height = self._console.size
        screen = Screen(
            width=width,
            height=height,
            fancy=self._console.encoding.startswith("utf"),
            now=now,
            began=self._began,
            speeds=speeds,
            is_over=is_over,
        )
        return Group(*draw(found, screen))

    def _rows(self, now: float) -> list[Row]:
        if self._stale and self._may_read():
            began = time.monotonic()
            self._trace, self._moves = steps(self._log), transfers(self._log)
            self._stale = False
            self._read_at = time.monotonic()
            self._cost = self._read_at - began
        return [
            *self._hosts.values(),
            *rows(self._trace, self._targets, self._moves, self._expected, now, is_over=self._log.closed),
        ]
