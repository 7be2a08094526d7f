"""The word that was probably meant, where one was misspelt."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST = 200  # characters: the search takes the square of them


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that is most like the word; None where none is."""
    import difflib  # for who has misspelt something

    near = difflib.get_close_matches(word, tuple(choices), n=1) if len(word) <= _LONGEST else []
    return near[0] if near else None


def did_you_mean(word: str, choices: Iterable[str], otherwise: str) -> str:
    """A remedy: the nearest choice, else what is said otherwise."""
    near = nearest(word, choices)
    return f"did you mean {near}?" if near else otherwise
