"""The only door to the terminal for lines and texts: what a terminal would obey stays inside.

Names of folders, services and branches, the words of registries and of Go: any of them may hold escapes that move the
cursor, set a window's title or turn the direction of text around. Tables and colours of rich have a door of the same
kind, report/console.py.
"""

from __future__ import annotations

import sys
from typing import TextIO


def say(line: str = "", *, err: bool = False, nl: bool = True, fg: str = "", bold: bool = False) -> None:
    """One line, whatever is in it."""
    from gobake.text.printable import flat  # with all of `trace`: a run that says nothing does without

    if fg or bold:
        import click  # knows terminals, and whether a user wants colours

        click.secho(flat(line), err=err, nl=nl, fg=fg or None, bold=bold or None)
        return
    write(flat(line) + ("\n" if nl else ""), sys.stderr if err else sys.stdout)


def show(text: str, *, err: bool = False, nl: bool = True) -> None:
    """A document: whoever made it has seen to it that a value stays on its line. JSON is the same before and after, for
    it escapes whatever would be taken out."""
    from gobake.text.printable import printable

    write(printable(text) + ("\n" if nl else ""), sys.stderr if err else sys.stdout)


def write(text: str, stream: TextIO) -> None:
    """An encoding that lacks a letter is no reason to fail. Raises OSError and ValueError for a reader that is gone."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()
