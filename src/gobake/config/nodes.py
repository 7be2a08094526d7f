"""The nodes of a YAML document with their places, and the same as JSON. It knows no YAML."""

from __future__ import annotations

from typing import Any

from gobake.dataclass import dataclass

_NULLS = frozenset(("", "~", "null", "Null", "NULL"))


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A position in the text; both count from 1."""

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
    """A mapping; no key is there twice, and what `<<` brings stands behind the table's own entries."""

    entries: tuple[Entry, ...]
    spot: Spot


Node = Scalar | Items | Table


def to_json(node: Node | None) -> Any:
    """A list of what it is, its place and its content; None of an empty document."""
    if node is None:
        return None
    place = (node.spot.line, node.spot.column)
    if isinstance(node, Scalar):
        return ["scalar", *place, node.text, node.plain]
    if isinstance(node, Items):
        return ["items", *place, [to_json(item) for item in node.nodes]]
    return ["table", *place, [[to_json(entry.key), to_json(entry.value)] for entry in node.entries]]


def from_json(value: Any) -> Node | None:
    """Raises ValueError for what is not of to_json."""
    return None if value is None else _node(value)


def _node(value: Any) -> Node:
    match value:
        case ["scalar", int(line), int(column), str(text), bool(plain)]:
            return Scalar(text=text, plain=plain, spot=Spot(line=line, column=column))
        case ["items", int(line), int(column), list(items)]:
            return Items(nodes=tuple(map(_node, items)), spot=Spot(line=line, column=column))
        case ["table", int(line), int(column), list(entries)]:
            return Table(entries=tuple(map(_entry, entries)), spot=Spot(line=line, column=column))
    raise ValueError("it is no node")


def _entry(value: Any) -> Entry:
    match value:
        case [key, node]:
            name = _node(key)
            if isinstance(name, Scalar):
                return Entry(key=name, value=_node(node))
    raise ValueError("it is no entry of a table")
