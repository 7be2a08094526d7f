"""`gobake compare` as Markdown, for pull requests and pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gobake.choosing.account import Choice, Comparison
from gobake.report.compare_words import (
    WORDS,
    Cells,
    advice_lines,
    contents,
    heading,
    short_advice,
    sizes,
    title,
    weights,
)
from gobake.report.markdown import escaped


def as_markdown(found: Comparison, *, details: bool) -> str:
    return "\n".join(_lines(found, details=details))


def _lines(found: Comparison, *, details: bool) -> Iterator[str]:
    yield from (f"### {escaped(heading(found))}", "")
    if details:
        for choice in found.choices:
            yield from _details(choice)
    else:
        yield from _table(sizes(found))
        yield from ("", "Recommended:", "")
        yield from (f"- {escaped(short_advice(choice))}" for choice in found.choices)
    if found.left_out:
        yield ""
        yield from (f"- left out: {escaped(text)}" for text in found.left_out)


def _details(choice: Choice) -> Iterator[str]:
    yield from (f"#### {escaped(title(choice))}", "")
    yield from _table(weights(choice))
    yield ""
    yield from _table(contents(choice))
    yield ""
    if choice.advice:
        first, *others = advice_lines(choice.advice)
        yield from (f"**{escaped(first)}**", "")
        yield from (f"- {escaped(line.strip())}" for line in others)
        yield ""


def _table(cells: Cells) -> Iterator[str]:
    columns, rows = cells
    yield _row([column.lower() for column in columns])
    yield _row(["---" if at == 0 or column in WORDS else "---:" for at, column in enumerate(columns)])
    yield from (_row([escaped(cell) for cell in row]) for row in rows)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
