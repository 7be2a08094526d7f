"""The only way to print tables and colours to a terminal or a replacement. text/say.py prints lines of text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from gobake.text.printable import printable


class _Console(Console):
    """A console that passes only rich's own control sequences to the terminal, and prints a text as one line, perhaps
    wrapped by rich."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        if isinstance(renderable, Text) and "\n" in renderable.plain:
            renderable = Text(" ").join(renderable.split("\n"))
        for segment in super().render(renderable, options):
            if segment.control or (segment.text.isascii() and segment.text.isprintable()):
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)


def console_for(stream: TextIO, color: str) -> Console:
    """A rich console that obeys --color and NO_COLOR."""
    return _Console(
        file=stream,
        width=None if stream.isatty() else 120,
        force_terminal=True if color == "always" else None,
        no_color=color == "never" or None,
        highlight=False,
        soft_wrap=False,
    )
