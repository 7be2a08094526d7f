"""Stamps: texts with placeholders that are linked into a program, such as `{version} of {date}`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from gobake.model import Service, Stamp

# Placeholder -> bake variable and build argument with its value. The order, from rare to frequent changes, is that of
# the stages that link them in.
ARGUMENTS = {
    "version": "VERSION",
    "dirty": "DIRTY",
    "branch": "BRANCH",
    "date": "CREATED",
    "short_revision": "SHORT_REVISION",
    "revision": "REVISION",
}
GO = "go"  # the version of the Go that compiles, which it reports itself
PLACEHOLDERS = (*ARGUMENTS, GO)
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[^{}]+|[{}]")


class Piece(Struct, frozen=True, kw_only=True):
    """A part of a stamp's text."""

    literal: str = ""
    placeholder: str = ""  # one of PLACEHOLDERS, or "" for a literal


class WrongPlaceholder(ValueError):
    """An invalid placeholder. ``word``: the text in the braces; None for an unmatched brace."""

    def __init__(self, word: str | None) -> None:
        super().__init__(word)
        self.word = word


def pieces(text: str) -> tuple[Piece, ...]:
    """Split a text into literals and placeholders; ``{{`` and ``}}`` are braces. Raises WrongPlaceholder."""
    return tuple(_pieces(text))


def _pieces(text: str) -> Iterator[Piece]:
    for match in _PIECE.finditer(text):
        part, word = match[0], match[1]
        if part in ("{{", "}}"):
            yield Piece(literal=part[0])
        elif word is not None:
            if word not in PLACEHOLDERS:
                raise WrongPlaceholder(word)
            yield Piece(placeholder=word)
        elif part in "{}":
            raise WrongPlaceholder(None)
        else:
            yield Piece(literal=part)


def argument(service: Service, placeholder: str) -> str:
    """Return the build argument of a placeholder; each module of a project has its own version."""
    return service.version_variable if placeholder == "version" else ARGUMENTS[placeholder]


def arguments(service: Service) -> tuple[str, ...]:
    """Return the build arguments linked into a service's program; those that change least come first."""
    used = {p.placeholder for stamp in service.stamps for p in pieces(stamp.text) if p.placeholder}
    names = tuple(argument(service, name) for name in ARGUMENTS if name in used)
    return (*names, service.vcs_variable) if service.vcs else names


def filled(service: Service, stamp: Stamp, values: Mapping[str, str], go: str) -> str:
    """Return a stamp's text with its values. ``values``: by build argument; ``go``: the Go version."""
    texts = (
        p.literal or (go if p.placeholder == GO else values.get(argument(service, p.placeholder), ""))
        for p in pieces(stamp.text)
    )
    return "".join(texts)


def quoted(text: str) -> str:
    """Quote one word of -ldflags, which allows either kind of quotes but no escapes (cmd/internal/quoted).

    Raises ValueError for a text with both kinds of quotes.
    """
    if "'" in text and '"' in text:
        raise ValueError(text)
    return f'"{text}"' if "'" in text else f"'{text}'"


def all_arguments(services: Iterable[Service]) -> tuple[str, ...]:
    """Return the build arguments of all these services, each once."""
    return tuple(dict.fromkeys(name for service in services for name in arguments(service)))
