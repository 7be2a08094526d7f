"""Suggestions for misspelt words."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST = 200  # characters; the search takes quadratic time


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice closest to the word, or None."""
    import difflib  # needed only after a typo

    near = difflib.get_close_matches(word, tuple(choices), n=1) if len(word) <= _LONGEST else []
    return near[0] if near else None


def did_you_mean(word: str, choices: Iterable[str], otherwise: str) -> str:
    """Return a remedy that suggests the nearest choice, or `otherwise` if there is none."""
    near = nearest(word, choices)
    return f"did you mean {near}?" if near else otherwise
