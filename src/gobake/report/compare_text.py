"""`gobake compare` as text: tables and a recommendation. Does not use rich, whose import takes as long as the rest."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from gobake.choosing.account import Choice, Comparison
from gobake.report.compare_words import (
    advice_lines,
    all_vulnerabilities,
    heading,
    scan_lines,
    short_advice,
    sizes,
    start_lines,
    tables,
    title,
)
from gobake.text.layout import Table, arranged, wrapped
from gobake.text.printable import one_line

_INDENT = 2


def lines(found: Comparison, width: int | None, *, details: bool) -> list[str]:
    """Return the comparison. ``details``: of each service; without them, the sizes of all in one table."""
    output = wrapped(one_line(heading(found)), width, _INDENT)
    if not details:
        output += ["", *_table(sizes(found), width)]
        scanned = all_vulnerabilities(found)
        output += ["", *_table(scanned, width)] if scanned.rows else []
        output += ["", "recommended:"]
        for choice in found.choices:
            output += [f"  {line}" for line in wrapped(one_line(short_advice(choice)), width and width - 2, _INDENT)]
    else:
        for choice in found.choices:
            output += ["", *_details(choice, width, named=len(found.choices) > 1)]
    if told := scan_lines(found):
        output.append("")
        output += [line for text in told for line in wrapped(one_line(text), width, _INDENT)]
    if found.left_out:
        output.append("")
        output += [line for text in found.left_out for line in wrapped(one_line(f"left out: {text}"), width, _INDENT)]
    return output


def _details(choice: Choice, width: int | None, *, named: bool) -> Iterator[str]:
    if named:
        yield from (one_line(title(choice)), "")
    for at, (_, table) in enumerate(tables(choice)):
        yield from ("",) if at else ()
        yield from _table(table, width)
    yield from (line for note in start_lines(choice) for line in wrapped(one_line(note), width, _INDENT))
    if choice.advice:
        yield ""
        for line in advice_lines(choice.advice):
            indent = len(line) - len(line.lstrip())
            yield from wrapped(" " * indent + one_line(line.lstrip()), width, indent + _INDENT)


def _table(table: Table, width: int | None) -> list[str]:
    plain = tuple(tuple(map(one_line, row)) for row in table.rows)
    return [line.text for line in arranged(replace(table, rows=plain), width)]
