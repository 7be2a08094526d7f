"""Arranges tables and prose for the width of a terminal. Without a width (a pipe, a file), a row or a text is one line,
so that grep and awk can read it. Names are never cut, and words are never broken.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import IO

from msgspec import Struct

_GAP = 2  # between columns
_INDENT = 2  # of the columns that continue a row
_LEAST = 20  # columns of any terminal
_UNITS = re.compile(r"(?<=\d) (?=(?:s|ms|B|kB|MB|GB)\b|%|→|±)|(?<=[→±]) (?=\S)")  # a figure stays with its unit
_GLUE = "\u00a0"
_WORD = re.compile(r"(?:[^ ,]|,(?=\d))*(?:,(?! )|,? +|$)")


class Table(Struct, frozen=True, kw_only=True):
    """A table of texts, each on one line."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1  # columns that are aligned to the left, from the first; the others are figures
    words: frozenset[str] = frozenset()  # further columns that are aligned to the left
    alike: bool = False  # the columns to the right tell the same of different things, and may stand below each other


class Line(Struct, frozen=True, kw_only=True):
    """A printed line of a table."""

    text: str
    row: int | None  # None: of the header


def width_of_terminal(stream: IO[str]) -> int | None:
    """Return the columns of the terminal that a stream writes to; None if it is no terminal. COLUMNS wins."""
    if not stream.isatty():
        return None
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said):
        return max(int(said), _LEAST)
    try:
        return max(os.get_terminal_size(stream.fileno()).columns or 80, _LEAST)
    except (OSError, ValueError):
        return 80


def cells(text: str) -> int:
    """Return the columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text
    )


# ---- prose


def wrapped(text: str, width: int | None, indent: int = 0, used: int = 0) -> list[str]:
    """Break a text between its words; the lines after the first are indented.

    ``used``: columns of the first line that are taken. A word that is wider than the terminal has its own line.
    """
    if width is None or used + cells(text) <= width:
        return [text]
    lines, line, room = list[str](), "", width - used
    for word in _words(text):
        if line.strip() and cells(line + word.rstrip()) > room:
            lines.append(line.rstrip())
            line, room = "", width - indent
        elif not line and not lines and used and cells(word.rstrip()) > room and cells(word.rstrip()) <= width - indent:
            lines.append("")
            room = width - indent
        line += word
    lines.append(line.rstrip())
    return [(" " * indent if at else "") + one.replace(_GLUE, " ") for at, one in enumerate(lines)]


def _words(text: str) -> list[str]:
    """Return the words, each with the spaces after it; a list without spaces may break after its commas."""
    return [word for word in _WORD.findall(_UNITS.sub(_GLUE, text)) if word]


# ---- tables


def arranged(table: Table, width: int | None) -> list[Line]:
    """Return the lines of a table.

    What does not fit into the width is folded: the columns of a row go on in the next line, in columns of their own. If
    they are alike, the table is repeated for the columns that are left.
    """
    if not table.rows:
        return []
    widths = [max(map(cells, column)) for column in zip(table.columns, *table.rows, strict=True)]
    if width is None or _total(widths, range(len(widths))) <= width:
        return _block(table, [list(range(len(widths)))], widths, width)
    if table.alike and _total(widths, range(table.left)) + _GAP + max(widths[table.left :], default=0) <= width:
        keys = list(range(table.left))
        parts = _filled(widths, range(table.left, len(widths)), width, keys)
        return [line for part in parts for line in _block(table, [part], widths, width)]
    return _block(table, _folded(widths, width), widths, width)


def _total(widths: Sequence[int], columns: Collection[int]) -> int:
    return sum(widths[at] for at in columns) + _GAP * (len(columns) - 1)


def _filled(widths: Sequence[int], columns: Collection[int], width: int, keys: list[int]) -> list[list[int]]:
    """Spread columns over as few lines as they need, each of which begins with the keys."""
    lines = [list(keys)]
    for at in columns:
        if len(lines[-1]) > len(keys) and _total(widths, [*lines[-1], at]) > width:
            lines.append(list(keys))
        lines[-1].append(at)
    return lines


def _folded(widths: Sequence[int], width: int) -> list[list[int]]:
    first = _filled(widths, range(len(widths)), width, [])[0]
    rest = range(len(first), len(widths))
    return [first, *_filled(widths, rest, width - _INDENT, [])]


def _block(table: Table, lines: list[list[int]], widths: Sequence[int], width: int | None) -> list[Line]:
    found = []
    for number, row in enumerate((table.columns, *table.rows)):
        for at, columns in enumerate(lines):
            if at and not any(row[column] for column in columns):
                continue
            indent = _INDENT if at else 0
            text = _joined(table, row, columns, widths)
            room = None if width is None else width - indent
            texts = [text] if len(columns) > 1 else wrapped(row[columns[0]], room, _INDENT)
            found += [Line(text=" " * indent + one, row=number - 1 if number else None) for one in texts]
    return found


def _joined(table: Table, row: Sequence[str], columns: Sequence[int], widths: Sequence[int]) -> str:
    parts = []
    for at in columns:
        space = " " * (widths[at] - cells(row[at]))
        is_left = at < table.left or table.columns[at] in table.words
        parts.append(row[at] + space if is_left else space + row[at])
    return (" " * _GAP).join(parts).rstrip()
