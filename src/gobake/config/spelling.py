"""Formats the user's words for messages, and suggests the word that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable

from gobake.config.patterns import UNPRINTABLE
from gobake.text.nearest import nearest

_LONGEST = 60


def printable(text: str) -> str:
    """Return the text on one line, with unprintable characters escaped."""
    return UNPRINTABLE.sub(lambda odd: f"\\u{ord(odd[0]):04x}", text)


def shown(text: str) -> str:
    """Return the text on one line, quoted and shortened."""
    return f"'{printable(text if len(text) <= _LONGEST else text[:_LONGEST] + '…')}'"


def meant(word: str, choices: Iterable[str]) -> str:
    """Return a remedy: the nearest choice, or all of them."""
    words = tuple(choices)
    near = nearest(word.lower(), words) if len(word) <= _LONGEST else None
    return f"did you mean '{near}'?" if near else f"one of {', '.join(words)}"
