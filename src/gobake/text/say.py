"""Writes lines and documents to the terminal, without anything that a terminal would interpret.

Names of folders, services and branches and messages of registries and Go may contain escapes that move the cursor, set
the window title or reverse the text. All output goes through here; rich's tables go through report/console.py.
"""

from __future__ import annotations

import sys
from typing import TextIO

_COLORS = {"red": "31", "yellow": "33"}


def say(line: str = "", *, err: bool = False, nl: bool = True, fg: str = "", bold: bool = False) -> None:
    """Print a text as one line."""
    from gobake.text.printable import flat  # a run without output does not need it

    stream, text = sys.stderr if err else sys.stdout, flat(line)
    if fg or bold:
        from gobake.text.color import colored

        text = painted(text, fg=fg, bold=bold) if colored(stream) else text
    write(text + ("\n" if nl else ""), stream)


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
