"""`gobake compare` as text: tables and a recommendation. Does not use rich, whose import takes as long as the rest."""

from __future__ import annotations

from collections.abc import Iterator

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
from gobake.text.layout import Table, arranged, wrapped
from gobake.text.printable import one_line

_INDENT = 2


def lines(found: Comparison, width: int | None, *, details: bool) -> list[str]:
    """Return the comparison. ``details``: of each service; without them, the sizes of all in one table."""
    output = wrapped(one_line(heading(found)), width, _INDENT)
    if not details:
        output += ["", *_table(sizes(found), width), "", "recommended:"]
        for choice in found.choices:
            output += [f"  {line}" for line in wrapped(one_line(short_advice(choice)), width and width - 2, _INDENT)]
    else:
        for choice in found.choices:
            output += ["", *_details(choice, width, named=len(found.choices) > 1)]
    if found.left_out:
        output.append("")
        output += [line for text in found.left_out for line in wrapped(one_line(f"left out: {text}"), width, _INDENT)]
    return output


def _details(choice: Choice, width: int | None, *, named: bool) -> Iterator[str]:
    if named:
        yield from (one_line(title(choice)), "")
    yield from _table(weights(choice), width)
    yield ""
    yield from _table(contents(choice), width)
    if choice.advice:
        yield ""
        for line in advice_lines(choice.advice):
            indent = len(line) - len(line.lstrip())
            yield from wrapped(" " * indent + one_line(line.lstrip()), width, indent + _INDENT)


def _table(cells: Cells, width: int | None) -> list[str]:
    columns, rows = cells
    plain = tuple(tuple(map(one_line, row)) for row in rows)
    table = Table(columns=tuple(columns), rows=plain, words=WORDS, alike=True)
    return [line.text for line in arranged(table, width)]
