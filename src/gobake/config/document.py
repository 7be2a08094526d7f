"""Parses YAML into nodes with their places. It knows YAML and its traps, but no key of gobake.yaml.

A scalar stays the written text (`1.20`, `no`, `8080`); the key's kind decides what it means. PyYAML's events are
composed without recursion, so that neither deep nesting nor aliases of aliases ("billion laughs") exceed the limits
below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import yaml

from gobake.config.nodes import Entry, Items, Node, Scalar, Spot, Table
from gobake.config.spelling import printable, shown
from gobake.config.values import MAX_BYTES
from gobake.errors import ConfigError, Where

MAX_DEPTH = 50
MAX_WEIGHT = 100_000  # nodes with aliases expanded; a text counts one more for each 64 characters
_MERGE = "<<"


class _Mark(Protocol):
    line: int  # from 0
    column: int


def compose(text: bytes, file: Path) -> Node | None:
    """Return the root node; None for an empty file. Raises ConfigError unless it is one valid YAML document."""
    composer = _Composer(file=file)
    for event in _events(_decoded(text, file), file):
        composer.take(event)
    return composer.root


def _decoded(text: bytes, file: Path) -> str:
    if len(text) > MAX_BYTES:
        raise ConfigError(
            f"is larger than {MAX_BYTES >> 20} MiB", where=Where(file=file), remedy="is this the right file?"
        )
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = text[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        raise ConfigError(
            f"byte 0x{text[error.start]:02x} is not UTF-8",
            where=Where(file=file, line=line, column=column),
            remedy="save the file as UTF-8",
        ) from None


def _events(text: str, file: Path) -> Iterator[yaml.Event]:
    """Yield PyYAML's events; all its exceptions become a ConfigError with a position."""
    try:
        loader = yaml.SafeLoader(text)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        where = Where(file=file, line=before.count("\n") + 1, column=len(before) - before.rfind("\n"))
        code = error.character if isinstance(error.character, int) else ord(error.character)
        raise ConfigError(f"character U+{code:04X} is not allowed", where=where, remedy="take it out") from None
    try:
        while loader.check_event():
            yield loader.get_event()  # type: ignore[no-untyped-call]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or loader.get_mark()
        raise _not_yaml(error, file, mark) from None
    except (ValueError, OverflowError):  # \UFFFFFFFF, and numbers without end in a %YAML line
        raise ConfigError("a number is too large for YAML", where=_where(file, _spot(loader.get_mark()))) from None
    finally:
        loader.dispose()


def _not_yaml(error: yaml.MarkedYAMLError, file: Path, mark: _Mark) -> ConfigError:
    problem = " ".join((error.problem or "syntax error").split())
    where = _where(file, _spot(mark))
    if r"'\t'" in problem:
        return ConfigError("a tab where YAML wants blanks", where=where, remedy="indent with blanks")
    context = f" {' '.join(error.context.split())}" if error.context else ""
    return ConfigError(f"is not YAML: {problem}{context}", where=where, remedy="check indentation, quotes and colons")


def _spot(mark: _Mark) -> Spot:
    return Spot(line=mark.line + 1, column=mark.column + 1)


def _where(file: Path, spot: Spot, key: str = "") -> Where:
    return Where(file=file, line=spot.line, column=spot.column, key=key)


@dataclass(kw_only=True)
class _Open:
    """A list or table whose end event is still to come."""

    table: bool
    spot: Spot
    anchor: str | None
    nodes: list[Node] = field(default_factory=list)  # in a table: key, value, key, value ...
    weight: int = 1


@dataclass(kw_only=True)
class _Composer:
    """Builds one tree from events."""

    file: Path
    root: Node | None = None
    open: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[Node, int] | None] = field(default_factory=dict)  # None while its node is open
    documents: int = 0

    def take(self, event: yaml.Event) -> None:
        assert event.start_mark is not None  # the parser's events always have one
        spot = _spot(event.start_mark)
        if isinstance(event, yaml.NodeEvent):
            self._take_node(event, spot)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close()
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise self._error(
                    "a second document begins here", spot, "keep everything in one document, without `---`"
                )

    def _take_node(self, event: yaml.NodeEvent, spot: Spot) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._follow(event.anchor or "", spot)
            return
        tag = getattr(event, "tag", None)
        if tag is not None:
            tag = tag.replace("tag:yaml.org,2002:", "!!", 1)
            raise self._error(f"tag {shown(tag)} is not allowed", spot, "write the plain value")
        if isinstance(event, yaml.ScalarEvent):
            node = Scalar(text=event.value, plain=event.style is None, spot=spot)
            self._add(node, 1 + len(node.text) // 64, event.anchor, spot)
            return
        if len(self.open) >= MAX_DEPTH:
            raise self._error(f"is nested more than {MAX_DEPTH} levels deep", spot)
        if event.anchor:
            self.anchors[event.anchor] = None
        self.open.append(_Open(table=isinstance(event, yaml.MappingStartEvent), spot=spot, anchor=event.anchor))

    def _follow(self, anchor: str, spot: Spot) -> None:
        if anchor not in self.anchors:
            raise self._error(f"alias {shown('*' + anchor)} has no anchor", spot, "put the anchor before it")
        target = self.anchors[anchor]
        if target is None:
            raise self._error(f"alias {shown('*' + anchor)} stands inside of what it names", spot, "write it out")
        self._add(*target, None, spot)

    def _close(self) -> None:
        done = self.open.pop()
        node = self._table(done) if done.table else Items(nodes=tuple(done.nodes), spot=done.spot)
        self._add(node, done.weight, done.anchor, done.spot)

    def _add(self, node: Node, weight: int, anchor: str | None, spot: Spot) -> None:
        if anchor:
            self.anchors[anchor] = (node, weight)
        if not self.open:
            self.root = node
            return
        parent = self.open[-1]
        parent.nodes.append(node)
        parent.weight += weight
        if parent.weight > MAX_WEIGHT:
            raise self._error(
                f"holds more than {MAX_WEIGHT} values once aliases are followed", spot, "use fewer of them"
            )

    def _table(self, done: _Open) -> Table:
        own: dict[str, Entry] = {}
        merges: list[Node] = []
        for key, value in zip(done.nodes[::2], done.nodes[1::2], strict=True):
            if not isinstance(key, Scalar):
                raise self._error("a key must be text, not a list or mapping", key.spot)
            if key.plain and key.text == _MERGE:
                merges.append(value)
            if key.text in own:
                first = own[key.text].key.spot.line
                raise self._error(f"key {shown(key.text)} is given twice", key.spot, f"line {first} has it", key.text)
            own[key.text] = Entry(key=key, value=value)
        if merges:
            del own[_MERGE]
            for table in self._merged(merges[0]):
                for entry in table.entries:
                    own.setdefault(entry.key.text, entry)
        return Table(entries=tuple(own.values()), spot=done.spot)

    def _merged(self, value: Node) -> list[Table]:
        tables = value.nodes if isinstance(value, Items) else (value,)
        mappings = [table for table in tables if isinstance(table, Table)]
        if len(mappings) < len(tables):
            raise self._error("<< takes a mapping, or a list of them", value.spot, "write `<<: *anchor`", _MERGE)
        return mappings

    def _error(self, what: str, spot: Spot, remedy: str = "", key: str = "") -> ConfigError:
        above = [o.nodes[-1] for o in self.open if o.table and len(o.nodes) % 2]
        path = [node.text for node in above if isinstance(node, Scalar)] + ([key] if key else [])
        return ConfigError(what, where=_where(self.file, spot, ".".join(map(printable, path))), remedy=remedy)
