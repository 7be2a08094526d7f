"""Live progress on a terminal: a row for the compile stages, a row for every service and strategy."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live as RichLive
from rich.table import Table
from rich.text import Text

from gobake.model import Target
from gobake.recipe.stages import CompileStage
from gobake.report.progress import Progress, shown, worth_showing
from gobake.trace import golog
from gobake.trace.events import Event, LogEvent, VertexEvent
from gobake.trace.names import StepKind, StepName, parse_name


def console_for(stream: TextIO, color: str) -> Console:
    """A rich console that obeys --color and NO_COLOR."""
    return Console(
        file=stream,
        width=None if stream.isatty() else 120,
        force_terminal=True if color == "always" else None,
        no_color=color == "never" or None,
        highlight=False,
        soft_wrap=False,
    )


@dataclass(kw_only=True)
class _Row:
    """What is known of one row so far."""

    label: str
    platforms: str
    steps: dict[str, VertexEvent] = field(default_factory=dict)
    names: dict[str, StepName] = field(default_factory=dict)
    exported: bool = False
    packages: dict[str, int] = field(default_factory=dict)  # by step: packages that `go build -v` named

    def counts(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for vertex in self.steps.values():
            if vertex.error:
                found["failed"] += 1
            elif vertex.cached:
                found["reused"] += 1
            elif vertex.completed:
                found["executed"] += 1
        return found

    def current(self) -> tuple[StepName, VertexEvent] | None:
        running = [v for v in self.steps.values() if v.started is not None and v.completed is None]
        if not running:
            return None
        oldest = min(running, key=lambda v: v.started or 0)
        return self.names[oldest.digest], oldest


class Live:
    """Rows that rich redraws ten times a second; the cursor and the terminal are given back at the end."""

    def __init__(self, targets: Sequence[Target], stages: Sequence[CompileStage], stream: TextIO, color: str) -> None:
        self._console = console_for(stream, color)
        self._started = time.time()
        self._stages: dict[str, _Row] = {}
        for stage in stages:
            for name in (stage.name, *([stage.stamp_name] if stage.stamped else [])):
                self._stages[name] = _Row(label=name, platforms="")
        self._rows = {
            t.name: _Row(
                label=f"{t.service.name} {t.strategy}", platforms=",".join(p.arch + p.variant for p in t.platforms)
            )
            for t in targets
        }
        self._single = next(iter(self._rows)) if len(self._rows) == 1 else ""
        self._messages: list[str] = []
        self._live = RichLive(
            console=self._console, get_renderable=self._draw, refresh_per_second=8, vertical_overflow="ellipsis"
        )

    def __enter__(self) -> Progress:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        self._console.print(Text(text))

    def update(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, VertexEvent):
                self._vertex(event)
            elif isinstance(event, LogEvent):
                self._log(event)

    def _vertex(self, event: VertexEvent) -> None:
        name = parse_name(event.name)
        if not worth_showing(name):
            return
        row = self._stages.get(name.stage) or self._rows.get(name.target or self._single)
        if name.kind is StepKind.EXPORT_IMAGE and row:
            row.exported = row.exported or event.completed is not None
        if row:
            row.steps[event.digest] = event
            row.names[event.digest] = name

    def _log(self, event: LogEvent) -> None:
        named = len(golog.parse(event.data).compiled)
        for row in self._stages.values():
            if named and event.vertex in row.steps:
                row.packages[event.vertex] = row.packages.get(event.vertex, 0) + named

    def _draw(self) -> Group:
        table = Table.grid(padding=(0, 2), expand=False)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, style="dim")
        table.add_column(no_wrap=True, justify="right")
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        shown_rows = [*self._stages.values(), *self._rows.values()]
        room = max(4, self._console.height - 3)
        for row in shown_rows if len(shown_rows) <= room else self._busy(shown_rows, room):
            table.add_row(*self._cells(row))
        elapsed = time.time() - self._started
        done = sum(row.exported for row in self._rows.values())
        foot = Text(f"{done} of {len(self._rows)} targets, {elapsed:.1f} s", style="bold")
        return Group(table, foot)

    @staticmethod
    def _busy(rows: Sequence[_Row], room: int) -> list[_Row]:
        """Where the terminal is too low for all rows: those that do something."""
        return sorted(rows, key=lambda row: row.current() is None)[: room - 1]

    def _cells(self, row: _Row) -> tuple[Text, Text, Text, Text]:
        counts = row.counts()
        current = row.current()
        tally = Text()
        if counts["reused"]:
            tally.append(f"{counts['reused']} reused ", style="green")
        if counts["executed"]:
            tally.append(f"{counts['executed']} run ", style="yellow")
        if counts["failed"]:
            state, mark = Text("failed", style="bold red"), Text("✗ ", style="red")
        elif current:
            name, vertex = current
            packages = sum(row.packages.values())
            more = f", {packages} packages compiled" if packages else ""
            state = Text(f"{shown(name, 60)}  {time.time() - (vertex.started or 0):.0f} s{more}")
            mark = Text("▸ ", style="cyan")
        elif row.exported or (row.label in self._stages and row.steps):
            state, mark = Text("ready", style="green"), Text("✓ ", style="green")
        else:
            state, mark = Text("waits" if not row.steps else "", style="dim"), Text("  ")
        return mark + Text(row.label), Text(row.platforms), tally, state
