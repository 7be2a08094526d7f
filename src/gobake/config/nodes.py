"""The nodes of a YAML document with their places; independent of the YAML library."""

from __future__ import annotations

from dataclasses import dataclass

_NULLS = frozenset(("", "~", "null", "Null", "NULL"))


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A position in the text; line and column count from 1."""

    line: int
    column: int


@dataclass(frozen=True, kw_only=True)
class Scalar:
    """Text as written, without its quotes."""

    text: str
    plain: bool  # written without quotes
    spot: Spot

    @property
    def null(self) -> bool:
        return self.plain and self.text in _NULLS


@dataclass(frozen=True, kw_only=True)
class Items:
    """A list."""

    nodes: tuple[Node, ...]
    spot: Spot


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A key and its value in a table."""

    key: Scalar
    value: Node


@dataclass(frozen=True, kw_only=True)
class Table:
    """A mapping with distinct keys; entries from `<<` come after the table's own."""

    entries: tuple[Entry, ...]
    spot: Spot


Node = Scalar | Items | Table
