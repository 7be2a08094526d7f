"""Text of others in Markdown: shown literally where it is rendered, and readable where it is not; and tables of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gobake.text.layout import Table
from gobake.text.printable import one_line

# What may begin markup, HTML, mathematics, mentions or links. Signs that are none of it where they stand stay: a colon
# before a blank or a digest, a _ within a name, a quotation mark.
_SPECIAL = re.compile(
    r"[\\`*{}\[\]<>&|#~@$^]"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"
    r"|!(?=\S)|=(?==)|(?<==)="
    r"|:(?=//)|:(?=[\w+-]+:)"  # addresses and emoji
    r"|(?<=www)\.",
    re.IGNORECASE,
)


def escaped(text: str, width: int = 200) -> str:
    """A text as one line that Markdown shows literally; what could be markup becomes an entity."""
    return _SPECIAL.sub(lambda sign: f"&#{ord(sign[0])};", one_line(text, width))


def table_lines(table: Table, most: int | None = None) -> Iterator[str]:
    """The lines of a table. ``most``: rows that are shown."""
    yield row_line([column.lower() for column in table.columns])
    words = [at < table.left or column in table.words for at, column in enumerate(table.columns)]
    yield "|" + "".join("---|" if word else "---:|" for word in words)
    yield from (row_line(row) for row in table.rows[:most])
    if most is not None and len(table.rows) > most:
        yield row_line((f"and {len(table.rows) - most} more", *[""] * (len(table.columns) - 1)))


def row_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(escaped(cell) for cell in cells)} |"
