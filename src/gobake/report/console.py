"""The terminal, or what stands in for it: the door for tables and colours. Lines of text have text/say.py."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from gobake.text.printable import printable


class _Console(Console):
    """Whatever a text says, the terminal obeys rich alone; and a text is one line, though rich may wrap it."""

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
