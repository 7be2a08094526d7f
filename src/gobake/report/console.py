"""The only way to print tables and colours to a terminal or a replacement. text/say.py prints lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from gobake.text.color import colored
from gobake.text.layout import Table, arranged, cells, width_of_terminal, wrapped
from gobake.text.printable import one_line, printable


class _Console(Console):
    """A console that passes only rich's own control sequences to the terminal, and prints a text as one line."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        if isinstance(renderable, Text) and "\n" in renderable.plain:
            renderable = Text(" ").join(renderable.split("\n"))
        for segment in super().render(renderable, options):
            if segment.control or (segment.text.isascii() and segment.text.isprintable()):
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)


def console_for(stream: TextIO, color: str) -> Console:
    """A rich console that obeys --color and NO_COLOR: without colours it is neither bold nor dim."""
    wants = colored(stream, color)
    return _Console(
        file=stream,
        width=None if stream.isatty() else 120,
        force_terminal=True if color == "always" else None,
        color_system="auto" if wants else None,
        no_color=not wants,
        highlight=False,
        soft_wrap=False,
    )


def print_text(console: Console, text: str, style: str = "", *, head: str | Text = "", indent: int = 4) -> None:
    """Print a text, broken between words on a terminal.

    ``head``: what stands before it. ``indent``: of the lines after the first.
    """
    head = Text(head) if isinstance(head, str) else head
    lines = wrapped(text, width_of_terminal(console.file), indent, cells(head.plain))
    console.print(Text.assemble(head, (lines[0], style)), soft_wrap=True)  # the head's style is its own
    for line in lines[1:]:
        console.print(Text(line, style=style), soft_wrap=True)


def print_table(console: Console, table: Table, styles: Sequence[str] = ()) -> None:
    """Print a table, folded where the terminal is too narrow. ``styles``: of its rows."""
    clean = Table(
        columns=tuple(map(one_line, table.columns)),
        rows=tuple(tuple(map(one_line, row)) for row in table.rows),
        left=table.left,
        words=table.words,
        alike=table.alike,
    )
    for line in arranged(clean, width_of_terminal(console.file)):
        style = "bold" if line.row is None else styles[line.row] if line.row < len(styles) else ""
        console.print(Text(line.text, style=style), soft_wrap=True)
