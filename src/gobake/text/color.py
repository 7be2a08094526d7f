"""Whether output has colours: by --color or GOBAKE_COLOR, else by NO_COLOR (https://no-color.org) and the terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TextIO

CHOICES = ("auto", "always", "never")
VARIABLE = "GOBAKE_COLOR"

_chosen = "auto"


def choose(words: Sequence[str], environ: Mapping[str, str]) -> None:
    """Take the choice of a command line, also of one that cannot be parsed: its error has colours or has none too."""
    global _chosen
    found = environ.get(VARIABLE, "")
    for at, word in enumerate(words):
        if word == "--color" and at + 1 < len(words):
            found = words[at + 1]
        elif word.startswith("--color="):
            found = word.partition("=")[2]
    _chosen = found if found in CHOICES else "auto"


def colored(stream: TextIO, choice: str = "") -> bool:
    """Whether to print colours. ``choice``: one of CHOICES; "" for that of the command line."""
    choice = choice or _chosen
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty() or bool(os.environ.get("FORCE_COLOR"))
