"""One screen of figures for people, after a build."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from msgspec.structs import replace
from rich.console import Console
from rich.text import Text

from gobake.insight.account import Account
from gobake.insight.card import RunSummary
from gobake.insight.trend import Trend
from gobake.report import figures_words as words
from gobake.report.console import console_for, print_table, print_text
from gobake.report.quantities import share_text
from gobake.runs.outcomes import RunOutcome
from gobake.text.layout import Table
from gobake.text.printable import one_line

_BAR = 20  # characters
_LABEL = 7
_CAUSES = 3
_IMAGES = 4  # that grew or shrank
_PATH = 3  # steps of the critical path
_ROWS = 6  # of services; --format json has all


def print_report(account: Account, *, color: str) -> None:
    """Print hit rates, time, savings, caches, trend, causes, services and sizes; then the comparison."""
    card = account.card
    console = console_for(sys.stdout, color)
    style = {RunOutcome.DONE: "bold green", RunOutcome.FAILED: "bold red"}.get(card.run.outcome, "bold yellow")
    print_text(console, one_line(words.title(card)), style)
    if card.run.failure:
        print_text(console, one_line(card.run.failure), "red")
    _rate(console, "steps", card.steps.hit_rate, words.steps_line(card.steps))
    _rate(console, "Go", card.go.hit_rate if card.go else None, words.go_line(card))
    for at, line in enumerate(words.host_lines(card)):
        _line(console, "host" if at == 0 else "", line.removeprefix("host: "))
    _line(console, "time", words.time_line(card))
    _line(console, "saved", words.saved_line(card), "red" if (card.saved or 0.0) < 0 else "")
    for at, line in enumerate(words.path_lines(card, _PATH)):
        _line(console, "path" if at == 0 else "", line, "dim")
    for at, line in enumerate(words.retry_lines(card)):
        _line(console, "again" if at == 0 else "", line, "yellow")
    for at, line in enumerate(words.cache_lines(card)):
        _line(console, "caches" if at == 0 else "", line)
    for at, line in enumerate(words.growth_lines(account, _IMAGES)):
        _line(console, "size" if at == 0 else "", line)
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
    print_table(console, words.runs_table(summaries))
    for trend in trends:
        for line in words.trend_lines(trend):
            print_text(console, one_line(line), _change_style(line))


def _parts(console: Console, account: Account) -> None:
    card = account.card
    console.print()
    _table(console, words.part_table("SERVICE", card.services, card), _ROWS)
    if len(card.platforms) > 1:
        _table(console, words.part_table("PLATFORM", card.platforms, card), _ROWS)
    if len(card.strategies) > 1:
        _table(console, words.part_table("STRATEGY", card.strategies, card), 8)
    if any(t.sizes for t in card.targets):
        _table(console, words.size_table(card, 8), _ROWS)


def _compared(console: Console, account: Account) -> None:
    assert account.compared
    found = account.compared
    branch = f" of {found.branch}" if found.branch else ""
    console.print()
    print_text(console, one_line(f"compared with run {found.other}{branch}"), "bold")
    table = words.comparison_table(found)
    styles = [{"better": "green", "worse": "red"}.get(row[-1], "") for row in table.rows]
    print_table(console, table, styles)


def _rate(console: Console, name: str, rate: float | None, line: str) -> None:
    style = "dim" if rate is None else "green" if rate >= 0.8 else "yellow" if rate >= 0.4 else "red"
    filled = 0 if rate is None else min(_BAR, max(0, round(rate * _BAR)))
    bar = Text.assemble(("█" * filled, style), ("░" * (_BAR - filled), "dim"))
    share = Text(f" {share_text(rate):>8}  ", style=style)
    head = Text.assemble((f"{name:<{_LABEL}}", "bold"), bar, share)
    print_text(console, one_line(line), head=head, indent=_LABEL)


def _line(console: Console, name: str, line: str, style: str = "") -> None:
    print_text(console, one_line(line), style, head=Text(f"{name:<{_LABEL}}", "bold"), indent=_LABEL)


def _table(console: Console, table: Table, most: int) -> None:
    """Print a table; rows beyond ``most`` are only counted."""
    print_table(console, replace(table, rows=table.rows[:most]))
    if len(table.rows) > most:
        print_text(console, f"and {len(table.rows) - most} more: --format json", "dim")


def _change_style(line: str) -> str:
    return "red" if line.startswith("worse") else "green" if line.startswith("better") else ""
