"""`gobake compare` as Markdown, for pull requests and pages."""

from __future__ import annotations

from collections.abc import Iterator

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
from gobake.report.markdown import escaped, table_lines


def as_markdown(found: Comparison, *, details: bool) -> str:
    return "\n".join(_lines(found, details=details))


def _lines(found: Comparison, *, details: bool) -> Iterator[str]:
    yield from (f"### {escaped(heading(found))}", "")
    if details:
        for choice in found.choices:
            yield from _details(choice)
    else:
        yield from table_lines(sizes(found))
        scanned = all_vulnerabilities(found)
        yield from ("", *table_lines(scanned)) if scanned.rows else ()
        yield from ("", "Recommended:", "")
        yield from (f"- {escaped(short_advice(choice))}" for choice in found.choices)
    if told := scan_lines(found):
        yield ""
        yield from (f"- {escaped(text)}" for text in told)
    if found.left_out:
        yield ""
        yield from (f"- left out: {escaped(text)}" for text in found.left_out)


def _details(choice: Choice) -> Iterator[str]:
    yield from (f"#### {escaped(title(choice))}", "")
    for _, table in tables(choice):
        yield from table_lines(table)
        yield ""
    if notes := start_lines(choice):
        yield from (*(f"- {escaped(note)}" for note in notes), "")
    if choice.advice:
        first, *others = advice_lines(choice.advice)
        yield from (f"**{escaped(first)}**", "")
        yield from (f"- {escaped(line.strip())}" for line in others)
        yield ""
