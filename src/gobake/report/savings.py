"""What choices about a program save or cost, as a table and in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from gobake.report.quantities import count_text, size_text
from gobake.size.choices import Choice, Compiles
from gobake.size.values import Saving, Savings
from gobake.text.layout import Table

_FAILED = "does not build"


def table(savings: Savings) -> Table:
    """A row per choice, and first what ships."""
    rows = [_row(one, savings.shipped) for one in (savings.shipped, *savings.choices)]
    columns = ("choice", "program", "more", "compressed", "more", "seconds", "compiled")
    return Table(columns=columns, rows=tuple(rows))


def _row(one: Saving, shipped: Saving) -> tuple[str, ...]:
    if one.bytes is None:
        return (one.change, _FAILED, "", "", "", f"{one.seconds:.1f}", "")
    return (
        one.change,
        size_text(one.bytes),
        "" if one is shipped else _more(one.bytes, shipped.bytes),
        size_text(one.compressed_bytes),
        "" if one is shipped else _more(one.compressed_bytes, shipped.compressed_bytes),
        f"{one.seconds:.1f}",
        f"{one.compiled} of {one.packages}",
    )


def _more(now: int | None, before: int | None) -> str:
    more = (now or 0) - (before or 0)
    return ("+" if more > 0 else "-" if more else "") + size_text(abs(more))


def notes(savings: Savings) -> list[str]:
    """What the table does not say."""
    found = [f"{one.change}: {one.error}" for one in savings.choices if one.error]
    if not savings.same:
        found.append(
            "the program in the image was built of other sources or values: the differences are to what is built now"
        )
    if tags := savings.further_tags:
        found.append(
            f"{count_text(len(tags), 'build tag')} not measured: {', '.join(tags)}; name them: --choices tags={tags[0]}"
        )
    return found


def announcement(choices: Sequence[Choice]) -> str:
    """What is going to be built."""
    words = f"{count_text(len(choices), 'choice')} to build, beside the program as it ships"
    again = [choice.change for choice in choices if choice.compiles is Compiles.ALL]
    if again:
        words += f"; all packages are compiled again: {', '.join(again)}"
    return words


def beginning(choice: Choice, number: int, count: int) -> str:
    """Said before a choice is built."""
    what = {Compiles.NOTHING: "compiles nothing"}.get(choice.compiles, f"compiles {choice.compiles}")
    return f"{number} of {count}: {choice.change} {what}"
