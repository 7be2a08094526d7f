"""The nodes of a YAML document with their places; independent of the YAML library."""

from __future__ import annotations

from msgspec import Struct

_NULLS = frozenset(("", "~", "null", "Null", "NULL"))


class Spot(Struct, frozen=True, kw_only=True):
    """A position in the text; line and column count from 1."""

    line: int
    column: int


class Scalar(Struct, frozen=True, kw_only=True):
    """Text as written, without its quotes."""

    text: str
    plain: bool  # written without quotes
    spot: Spot

    @property
    def null(self) -> bool:
        return self.plain and self.text in _NULLS


class Items(Struct, frozen=True, kw_only=True):
    """A list."""

    nodes: tuple[Node, ...]
    spot: Spot


class Entry(Struct, frozen=True, kw_only=True):
    """A key and its value in a table."""

    key: Scalar
    value: Node


class Table(Struct, frozen=True, kw_only=True):
    """A mapping with distinct keys; entries from `<<` come after the table's own."""

    entries: tuple[Entry, ...]
    spot: Spot


Node = Scalar | Items | Table
