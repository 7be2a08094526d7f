"""Kinds of values: for each its reader, its JSON schema and its name in the reference.

A kind knows no keys; keys name their kinds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar

from msgspec import Struct

from gobake.config.nodes import Scalar
from gobake.config.patterns import PRINTABLE
from gobake.config.reading import At
from gobake.config.spelling import meant, shown

T = TypeVar("T")
Schema = Mapping[str, object]

LONGEST = 4096  # characters of texts with a grammar: names, references, paths
_TRUE = ("true", "True", "TRUE")
_FALSE = ("false", "False", "FALSE")


class Kind(Struct, Generic[T], frozen=True, kw_only=True):
    """A kind of value."""

    read: Callable[[At], T]  # raises ConfigError
    described: Callable[[], Schema]  # lazy, because a build does not need the schema
    says: str  # for the reference: "text", "list of platforms"

    @property
    def schema(self) -> Schema:
        """The JSON schema of such values."""
        return self.described()


class Grammar(Struct, frozen=True, kw_only=True):
    """Text that must match a pattern."""

    says: str  # for messages and the reference: "image tag"
    pattern: str
    remedy: str = ""
    longest: int = LONGEST
    empty: bool = False  # "" is allowed too, to turn a default off
    number: Schema | None = None  # schema of the numbers that YAML parsers make of such text
    check: Callable[[At, str], None] | None = None  # runs first, for mistakes with their own messages
    tidy: Callable[[str], str] = str  # normalises values that mean the same

    def admit(self, at: At, value: str) -> str:
        """Return the normalised value. Raises ConfigError at its place."""
        if self.empty and not value:
            return value
        if self.check:
            self.check(at, value)
        if len(value) > self.longest or not re.fullmatch(self.pattern, value):
            raise at.refuse(f"{shown(value)} is no {self.says}", self.remedy)
        return self.tidy(value)

    @property
    def kind(self) -> Kind[str]:
        """The kind of such texts."""
        return Kind(read=lambda at: self.admit(at, at.text()), described=self._schema, says=self.says)

    def _schema(self) -> Schema:
        schema: Schema = {
            "type": "string",
            "pattern": f"^(?:{self.pattern}){'?' if self.empty else ''}$",
            "maxLength": self.longest,
        }
        return {"anyOf": [schema, self.number]} if self.number else schema


def verbatim(says: str = "text", *, least: int = 0) -> Kind[str]:
    """Any single line of text, taken literally: quotes, ``$`` and backslashes have no special meaning."""

    def read(at: At) -> str:
        value = at.text()
        if len(value) < least:
            raise at.refuse("must not be empty")
        return value

    schema: dict[str, object] = {"type": ["string", "number", "boolean"], "pattern": f"^{PRINTABLE}$"}
    return Kind(read=read, described=lambda: {**schema, "minLength": least} if least else schema, says=says)


def choice(says: str, words: Collection[str], make: Callable[[str], T]) -> Kind[T]:
    """One of several words."""

    def read(at: At) -> T:
        value = at.text()
        if value not in words:
            raise at.refuse(f"{shown(value)} is no {says}", meant(value, words))
        return make(value)

    # unquoted, `false` reaches a schema as a boolean
    values: list[object] = [*words, *([False] if "false" in words else [])]
    return Kind(read=read, described=lambda: {"enum": values}, says=says)


def boolean() -> Kind[bool]:
    def read(at: At) -> bool:
        value = at.text()
        plain = isinstance(at.node, Scalar) and at.node.plain
        if not plain or value not in _TRUE + _FALSE:
            raise at.refuse(
                f"must be true or false, not the text {shown(value)}", "write true or false, without quotes"
            )
        return value in _TRUE

    return Kind(read=read, described=lambda: {"type": "boolean"}, says="true or false")


def whole(*, least: int, most: int, says: str) -> Kind[int]:
    """A whole number within limits."""

    def read(at: At) -> int:
        value = at.text()
        if not re.fullmatch("[0-9]{1,12}", value) or not least <= int(value) <= most:
            raise at.refuse(f"{shown(value)} is no number of {says} from {least} to {most}")
        return int(value)

    schema = {"type": "integer", "minimum": least, "maximum": most}
    return Kind(read=read, described=lambda: schema, says=f"number of {says}")


def items(kind: Kind[T], says: str, *, repeats: bool = False, least: int = 0) -> Kind[tuple[T, ...]]:
    """A list of values; without ``repeats`` they must be distinct. ``least``: the minimum length, 0 or 1."""

    def read(at: At) -> tuple[T, ...]:
        values: list[T] = []
        seen: set[T] = set()
        for item in at.items():
            value = kind.read(item)
            if not repeats and value in seen:
                raise item.refuse(f"{shown(str(value))} is listed twice", "take one of them out")
            seen.add(value)
            values.append(value)
        if len(values) < least:
            raise at.refuse("must not be empty")
        return tuple(values)

    def schema() -> Schema:
        unique = {} if repeats else {"uniqueItems": True}
        return {"type": "array", "items": kind.schema, **unique, **({"minItems": least} if least else {})}

    return Kind(read=read, described=schema, says=f"list of {says}")


def mapping(
    name: str,
    pattern: str,
    value: Kind[T],
    says: str,
    *,
    refused: Mapping[str, str] = MappingProxyType({}),
    remedy: str = "",
) -> Kind[Mapping[str, T]]:
    """A mapping from the user's names to values. ``refused``: names that cannot be set here, and why."""
    names = Grammar(says=name, pattern=pattern, remedy=remedy).kind

    def read(at: At) -> Mapping[str, T]:
        values: dict[str, T] = {}
        for key, at_key, at_value in at.entries():
            names.read(at_key)
            if key in refused:
                raise at_key.refuse(f"{key} cannot be set here", refused[key])
            values[key] = value.read(at_value)
        return MappingProxyType(values)

    def schema() -> Schema:
        keys = {**names.schema, **({"not": {"enum": list(refused)}} if refused else {})}
        return {"type": "object", "propertyNames": keys, "additionalProperties": value.schema}

    return Kind(read=read, described=schema, says=says)
