"""A value of the document with its place; kinds read from it and report errors through it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gobake.config.nodes import Items, Node, Scalar, Spot, Table
from gobake.config.patterns import UNPRINTABLE
from gobake.config.spelling import printable, shown
from gobake.errors import ConfigError, Where


class At(Struct, frozen=True, kw_only=True):
    """A node with its dotted key. Reading entries and items records their places for later stages."""

    file: Path
    node: Node
    key: str = ""
    spot: Spot  # the position for errors: a scalar itself, the key of a list or mapping
    example: str = ""  # a correct line, the default remedy
    places: dict[str, Where] = {}

    @property
    def where(self) -> Where:
        return Where(file=self.file, line=self.spot.line, column=self.spot.column, key=self.key)

    @property
    def nothing(self) -> bool:
        """Whether the value is missing or null."""
        return isinstance(self.node, Scalar) and self.node.null

    def refuse(self, what: str, remedy: str = "") -> ConfigError:
        """Return the error for this value; the default remedy is an example."""
        fallback = f"such as `{self.example}`" if self.example else ""
        return ConfigError(what, where=self.where, remedy=remedy or fallback)

    def text(self) -> str:
        """Return a scalar's text: one line of printable characters. Raises ConfigError."""
        if not isinstance(self.node, Scalar):
            raise self.refuse(f"must be one value, not {_named(self.node)}")
        if self.nothing:
            raise self.refuse("has no value")
        text = self.node.text
        odd = UNPRINTABLE.search(text)
        if odd:
            folded = odd.start() == len(text) - 1 and odd[0] == "\n"
            remedy = "begin it with `>-`, not with `>` or `|`" if folded else "write it as one line of printable text"
            name = "a line break" if odd[0] in "\r\n\u2028\u2029" else f"the character U+{ord(odd[0]):04X}"
            raise self.refuse(f"holds {name}", remedy)
        return text

    def items(self) -> tuple[At, ...]:
        """Return the items of a list. Raises ConfigError."""
        if not isinstance(self.node, Items):
            raise self.refuse(f"must be a list, not {_named(self.node)}" if not self.nothing else "has no value")
        return tuple(
            self._below(f"{self.key}.{number}", node, node.spot) for number, node in enumerate(self.node.nodes)
        )

    def entries(self) -> tuple[tuple[str, At, At], ...]:
        """Return (name, key, value) of a mapping's entries; names are printable text. Raises ConfigError."""
        if not isinstance(self.node, Table):
            raise self.refuse(f"must be a mapping, not {_named(self.node)}" if not self.nothing else "has no value")
        return tuple(self._entry(entry.key, entry.value) for entry in self.node.entries)

    def _entry(self, key: Scalar, value: Node) -> tuple[str, At, At]:
        path = f"{self.key}.{printable(key.text)}".removeprefix(".")
        at_key = replace(self, node=key, key=path, spot=key.spot)
        if key.null:
            raise at_key.refuse("a key is missing", "write it in quotes if it is meant as text")
        pointed = value.spot if isinstance(value, Scalar) and not value.null else key.spot
        return at_key.text(), at_key, self._below(path, value, pointed)

    def _below(self, path: str, node: Node, spot: Spot) -> At:
        below = replace(self, node=node, key=path, spot=spot)
        self.places[path] = below.where
        return below


def _named(node: Node) -> str:
    if isinstance(node, Scalar):
        return f"the text {shown(node.text)}"
    return "a list" if isinstance(node, Items) else "a mapping"


def nearest_place(places: Mapping[str, Where], key: str) -> Where | None:
    """Return the place of ``key`` or of the nearest key above it, labelled with ``key``."""
    above = key
    while above:
        if above in places:
            where = places[above]
            return where.of(where.key + key.removeprefix(above))
        above = above.rpartition(".")[0]
    return None
