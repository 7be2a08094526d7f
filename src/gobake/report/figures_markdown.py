"""A run's figures as the summary of a CI job: the essential first, details folded, always less than 60 lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gobake.insight.account import Account
from gobake.insight.card import RunSummary
from gobake.insight.trend import Trend
from gobake.report import figures_words as words
from gobake.report.markdown import escaped, row_line, table_lines
from gobake.report.quantities import share_text
from gobake.runs.outcomes import RunOutcome
from gobake.text.layout import Table

MOST_LINES = 60
_FRAME = 7  # lines of a folded table besides its rows
_CAUSES = 4
_RUNS = 40
_BRANCHES = 8


def as_markdown(account: Account) -> str:
    lines = list(_head(account))
    tables = list(_tables(account))
    left = MOST_LINES - 1 - len(lines) - _FRAME * len(tables)
    for at, (summary, table) in enumerate(tables):  # the last one gets all lines that are left
        rows = min(len(table.rows), left // max(2, len(tables) - at) if at < len(tables) - 1 else left)
        lines += _folded(summary, table, rows)
        left -= rows
    return "\n".join(lines) + "\n"


def runs_as_markdown(summaries: Sequence[RunSummary], trends: Sequence[Trend]) -> str:
    """The last runs, newest first, and the trend of each branch."""
    lines = ["### gobake: the last runs", "", *table_lines(words.runs_table(summaries), _RUNS), ""]
    lines += [f"- {escaped(line)}" for trend in trends[:_BRANCHES] for line in words.trend_lines(trend)]
    return "\n".join(lines[: MOST_LINES - 1]) + "\n"


def _head(account: Account) -> Iterator[str]:
    card = account.card
    mark = {RunOutcome.DONE: "✅", RunOutcome.FAILED: "❌"}.get(card.run.outcome, "⚠️")
    yield f"### {mark} gobake: {escaped(words.title(card))}"
    yield ""
    if card.run.failure:
        yield f"{escaped(card.run.failure, 400)}"
        yield ""
    yield "| figure | rate | details |"
    yield "|---|---:|---|"
    yield from (row_line(row) for row in _headline(account))
    yield ""
    notes = [f"trend: {line}" for line in (words.trend_lines(account.trend) if account.trend else ())]
    notes += [f"size: {line}" for line in words.growth_lines(account, _CAUSES)]
    notes += [f"why: {line}" for line in words.cause_lines(account, _CAUSES)]
    if notes:
        yield from (f"- {escaped(line)}" for line in notes)
        yield ""


def _tables(account: Account) -> Iterator[tuple[str, Table]]:
    card = account.card
    if account.compared:
        branch = f" of {account.compared.branch}" if account.compared.branch else ""
        yield f"compared with run {account.compared.other}{branch}", words.comparison_table(account.compared)
    if (images := words.image_table(card.run)).rows:
        yield "images", images
    yield "by service", words.part_table("SERVICE", card.services, card)
    if any(t.sizes for t in card.targets):
        yield "sizes, compressed", words.size_table(card, 8)


def _headline(account: Account) -> Iterator[tuple[str, str, str]]:
    card = account.card
    yield "steps", share_text(card.steps.hit_rate), words.steps_line(card.steps)
    yield "Go", share_text(card.go.hit_rate if card.go else None), words.go_line(card)
    for at, line in enumerate(words.host_lines(card)):
        yield "host" if at == 0 else "", "", line.removeprefix("host: ")
    yield "time", "", words.time_line(card)
    yield "saved", "", words.saved_line(card)
    for at, line in enumerate(words.retry_lines(card)):
        yield "again" if at == 0 else "", "", line
    for at, line in enumerate(words.cache_lines(card)[:4]):
        yield "caches" if at == 0 else "", "", line


def _folded(summary: str, table: Table, most: int) -> Iterator[str]:
    yield f"<details><summary>{escaped(summary)}</summary>"
    yield ""
    yield from table_lines(table, most)
    yield ""
    yield "</details>"
