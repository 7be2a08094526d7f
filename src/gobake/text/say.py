"""Writes lines and documents to the terminal, without anything that a terminal would interpret.

Names of folders, services and branches and messages of registries and Go may contain escapes that move the cursor, set
the window title or reverse the text. All output goes through here; rich's tables go through report/console.py.
"""

from __future__ import annotations

import sys
from typing import TextIO

_COLORS = {"red": "31", "yellow": "33", "dim": "2"}
_INDENT = 4  # of what does not fit into a terminal's line
_SHORT = 60  # fits every terminal, or nearly


def say(line: str = "", *, err: bool = False, fg: str = "", bold: bool = False, head: str = "") -> None:
    """Print a text as one line; a terminal gets it broken between words. `show` prints what is to be copied.

    ``head``: stands before it, and alone has the colour.
    """
    from gobake.text.printable import flat  # a run without output does not need it

    stream, text, head = sys.stderr if err else sys.stdout, flat(line), flat(head)
    if len(head) + len(text) > _SHORT and stream.isatty():
        from gobake.text.layout import width_of_terminal, wrapped

        lines = wrapped(text, width_of_terminal(stream), _INDENT, len(head))
    else:
        lines = [text]
    if fg or bold:
        from gobake.text.color import colored

        if colored(stream) and head:
            head = painted(head, fg=fg, bold=bold)
        elif colored(stream):
            lines = [painted(one, fg=fg, bold=bold) for one in lines]
    write(head + "\n".join(lines) + "\n", stream)


def painted(text: str, *, fg: str = "", bold: bool = False) -> str:
    """Return a line in colour, for `write`."""
    from gobake.text.printable import flat

    codes = ";".join([*(["1"] if bold else []), *([_COLORS[fg]] if fg else [])])
    return f"\x1b[{codes}m{flat(text)}\x1b[0m" if codes else flat(text)


def show(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print a document. Its author makes sure that each value stays on its line.

    JSON is printed unchanged: it escapes every character that would be removed.
    """
    from gobake.text.printable import printable

    write(printable(text) + ("\n" if nl else ""), sys.stderr if err else sys.stdout)


def write(text: str, stream: TextIO) -> None:
    """Write the text; characters that the stream's encoding lacks become `?`.

    Raises OSError or ValueError when the reader has gone.
    """
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()
