"""What is known of a key, and the reader for mappings with such keys.

A key stands in one place: as an annotation of the field that holds its value. fields_of() reads it from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar, get_type_hints

from msgspec import Struct
from msgspec.structs import asdict, replace

from gobake.config.kinds import Kind
from gobake.config.reading import At
from gobake.config.spelling import meant, shown

Made = TypeVar("Made", bound=Struct)


class Key(Struct, frozen=True, kw_only=True):
    """A key of gobake.yaml, for the parser, the schema, the reference and `gobake init`; its name is the field's."""

    kind: Kind[Any]
    about: str  # one or two sentences
    example: str  # a value in YAML's flow style
    default: str | None = None  # a fixed default, in YAML's flow style
    otherwise: str = ""  # a description of any other default
    required: bool = False
    shared: bool = True  # for keys of a service: also allowed in `defaults`
    spelled: str = ""  # the key, where it is a keyword of Python and the field has another name


class Field(Key, frozen=True, kw_only=True):
    """A key with its name."""

    name: str

    @property
    def schema(self) -> dict[str, object]:
        """The JSON schema of the value."""
        described: dict[str, object] = {**self.kind.schema, "title": self.name, "description": self._description}
        if self.default is not None:
            import yaml  # slow to import

            described["default"] = yaml.safe_load(self.default)
        return described

    @property
    def _description(self) -> str:
        return f"{self.about} Without it: {self.otherwise}." if self.otherwise else self.about


@cache
def fields_of(values: type[Struct]) -> tuple[Field, ...]:
    """Return the keys of a struct in order: its fields that are annotated with a Key."""
    return tuple(Field(name=key.spelled or name, **asdict(key)) for name, key in _keys(values))


def _keys(values: type[Struct]) -> Iterator[tuple[str, Key]]:
    hints = get_type_hints(values, include_extras=True)
    for name in values.__struct_fields__:
        yield from ((name, key) for key in getattr(hints[name], "__metadata__", ()) if isinstance(key, Key))


def section(values: type[Made], says: str) -> Kind[Made]:
    """The kind of a mapping whose keys are the fields of a struct."""

    def read(at: At) -> Made:
        given = read_fields(at, fields_of(values))
        names = {key.spelled: name for name, key in _keys(values) if key.spelled}
        return values(**{names.get(key, key): value for key, value in given.items()})

    return Kind(read=read, described=lambda: object_schema(fields_of(values)), says=says)


def read_fields(at: At, fields: Sequence[Field], elsewhere: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
    """Read the values of a mapping by key. Raises ConfigError.

    ``elsewhere``: remedies for keys that belong elsewhere.
    """
    known = {field.name: field for field in fields}
    values: dict[str, Any] = {}
    for name, at_key, at_value in at.entries():
        if name not in known:
            raise at_key.refuse(f"unknown key {shown(name)}", elsewhere.get(name) or meant(name, known))
        field = known[name]
        values[name] = field.kind.read(replace(at_value, example=f"{name}: {field.example}"))
    for field in fields:
        if field.required and field.name not in values:
            raise at.refuse(f"{field.name} is missing", f"such as `{field.name}: {field.example}`")
    return values


def object_schema(fields: Sequence[Field], *, empty: bool = False) -> dict[str, object]:
    """Return the JSON schema of a mapping. ``empty``: it may also be null."""
    described: dict[str, object] = {
        "type": ["object", "null"] if empty else "object",
        "properties": {field.name: field.schema for field in fields},
        "additionalProperties": False,
    }
    required = [field.name for field in fields if field.required]
    return {**described, "required": required} if required else described
