"""One screen of figures for people, after a build."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from gobake.insight.account import Account
from gobake.insight.card import RunSummary
from gobake.insight.trend import Trend
from gobake.report import figures_words as words
from gobake.report.console import console_for
from gobake.report.quantities import share_text
from gobake.runs.outcomes import RunOutcome
from gobake.text.printable import one_line

_BAR = 20  # characters
_CAUSES = 3
_PATH = 3  # steps of the critical path
_ROWS = 6  # of services; --format json has all


def print_report(account: Account, *, color: str) -> None:
    """Print hit rates, time, savings, caches, trend, causes, services and sizes; then the comparison."""
    card = account.card
    console = console_for(sys.stdout, color)
    style = {RunOutcome.DONE: "bold green", RunOutcome.FAILED: "bold red"}.get(card.run.outcome, "bold yellow")
    console.print(_text(words.title(card), style))
    if card.run.failure:
        console.print(_text(card.run.failure, "red"))
    _rate(console, "steps", card.steps.hit_rate, words.steps_line(card.steps))
    _rate(console, "Go", card.go.hit_rate if card.go else None, words.go_line(card))
    for at, line in enumerate(words.host_lines(card)):
        _line(console, "host" if at == 0 else "", line.removeprefix("host: "))
    _line(console, "time", words.time_line(card))
    _line(console, "saved", words.saved_line(card), "red" if card.saved and card.saved.seconds < 0 else "")
    for at, line in enumerate(words.path_lines(card, _PATH)):
        _line(console, "path" if at == 0 else "", line, "dim")
    for at, line in enumerate(words.cache_lines(card)):
        _line(console, "caches" if at == 0 else "", line)
    for at, line in enumerate(words.trend_lines(account.trend) if account.trend else ()):
        _line(console, "trend" if at == 0 else "", line, _change_style(line))
    for at, line in enumerate(words.cause_lines(account, _CAUSES)):
        _line(console, "why" if at == 0 else "", line, "yellow")
    _parts(console, account)
    if account.compared:
        _compared(console, account)


def print_runs(summaries: Sequence[RunSummary], trends: Sequence[Trend], *, color: str) -> None:
    """Print the last runs, newest first, and the trend of each branch."""
    console = console_for(sys.stdout, color)
    _table(console, words.runs_table(summaries), left=4)
    for trend in trends:
        for line in words.trend_lines(trend):
            console.print(_text(line, _change_style(line)), soft_wrap=True)


def _parts(console: Console, account: Account) -> None:
    card = account.card
    console.print()
    _table(console, words.part_table("SERVICE", card.services, card), most=_ROWS)
    if len(card.platforms) > 1:
        _table(console, words.part_table("PLATFORM", card.platforms, card), most=_ROWS)
    if len(card.strategies) > 1:
        _table(console, words.part_table("STRATEGY", card.strategies, card), most=8)
    if any(t.sizes for t in card.targets):
        _table(console, words.size_table(card, 8), most=_ROWS)


def _compared(console: Console, account: Account) -> None:
    assert account.compared
    found = account.compared
    branch = f" of {found.branch}" if found.branch else ""
    console.print()
    console.print(_text(f"compared with run {found.other}{branch}", "bold"))
    table = words.comparison_table(found)
    styles = [{"better": "green", "worse": "red"}.get(row[-1], "") for row in table.rows]
    _table(console, table, styles=styles)


def _rate(console: Console, name: str, rate: float | None, line: str) -> None:
    style = "dim" if rate is None else "green" if rate >= 0.8 else "yellow" if rate >= 0.4 else "red"
    filled = 0 if rate is None else min(_BAR, max(0, round(rate * _BAR)))
    bar = Text.assemble(("█" * filled, style), ("░" * (_BAR - filled), "dim"))
    share = Text(f" {share_text(rate):>8}  ", style=style)
    console.print(Text.assemble((f"{name:<7}", "bold"), bar, share, _text(line)), soft_wrap=True)


def _line(console: Console, name: str, line: str, style: str = "") -> None:
    console.print(Text.assemble((f"{name:<7}", "bold"), _text(line, style)), soft_wrap=True)


def _table(
    console: Console, table: words.Table, *, left: int = 1, most: int = 10_000, styles: Sequence[str] = ()
) -> None:
    """Print a table. ``left``: number of left-aligned columns; rows beyond ``most`` are only counted."""
    grid = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for at, column in enumerate(table.columns):
        grid.add_column(_text(column), justify="left" if at < left else "right", no_wrap=at > 0, overflow="fold")
    for at, row in enumerate(table.rows[:most]):
        grid.add_row(*map(_text, row), style=styles[at] if at < len(styles) else "")
    console.print(grid)
    if len(table.rows) > most:
        console.print(_text(f"and {len(table.rows) - most} more: --format json", "dim"))


def _change_style(line: str) -> str:
    return "red" if line.startswith("worse") else "green" if line.startswith("better") else ""


def _text(text: str, style: str = "") -> Text:
    """A record's text, without control sequences."""
    return Text(one_line(text), style=style)
