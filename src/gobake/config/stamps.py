"""Texts with placeholders that are linked into a program: `{version} of {date}`. No configuration, no git."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gobake.model import Service, Stamp

# placeholder -> the variable of the bake file and the build argument that hold its value. The order is that of how
# often they change, and so that of the stages that link them in.
ARGUMENTS = {
    "version": "VERSION",
    "dirty": "DIRTY",
    "branch": "BRANCH",
    "date": "CREATED",
    "short_revision": "SHORT_REVISION",
    "revision": "REVISION",
}
GO = "go"  # the Go that compiles says it itself
PLACEHOLDERS = (*ARGUMENTS, GO)
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[^{}]+|[{}]")


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A part of a stamp's text."""

    literal: str = ""
    placeholder: str = ""  # one of PLACEHOLDERS, or "" for a literal


class WrongPlaceholder(ValueError):
    """A text that means no stamp; ``word``: what stands in the braces, None for a brace alone."""

    def __init__(self, word: str | None) -> None:
        super().__init__(word)
        self.word = word


def pieces(text: str) -> tuple[Piece, ...]:
    """``{{`` and ``}}`` mean braces. Raises WrongPlaceholder."""
    return tuple(_pieces(text))


def _pieces(text: str) -> Iterator[Piece]:
    for match in _PIECE.finditer(text):
        found, word = match[0], match[1]
        if found in ("{{", "}}"):
            yield Piece(literal=found[0])
        elif word is not None:
            if word not in PLACEHOLDERS:
                raise WrongPlaceholder(word)
            yield Piece(placeholder=word)
        elif found in "{}":
            raise WrongPlaceholder(None)
        else:
            yield Piece(literal=found)


def argument(service: Service, placeholder: str) -> str:
    """The build argument of a placeholder: modules of one project have versions of their own."""
    return service.version_variable if placeholder == "version" else ARGUMENTS[placeholder]


def arguments(service: Service) -> tuple[str, ...]:
    """The build arguments that are linked into a service's program, those that change least first."""
    found = {p.placeholder for stamp in service.stamps for p in pieces(stamp.text) if p.placeholder}
    names = tuple(argument(service, name) for name in ARGUMENTS if name in found)
    return (*names, service.vcs_variable) if service.vcs else names


def filled(service: Service, stamp: Stamp, values: Mapping[str, str], go: str) -> str:
    """The text with its values. ``values``: by build argument."""
    texts = (
        p.literal or (go if p.placeholder == GO else values.get(argument(service, p.placeholder), ""))
        for p in pieces(stamp.text)
    )
    return "".join(texts)


def quoted(text: str) -> str:
    """One word of -ldflags, where a word may be quoted by either kind of quotes and nothing is escaped
    (cmd/internal/quoted). Raises ValueError for a text with both."""
    if "'" in text and '"' in text:
        raise ValueError(text)
    return f'"{text}"' if "'" in text else f"'{text}'"


def all_arguments(services: Iterable[Service]) -> tuple[str, ...]:
    """What the stamps of some services use, each once."""
    return tuple(dict.fromkeys(name for service in services for name in arguments(service)))
