"""What is known of a key, and the reader for mappings with such keys.

A key stands in one place: as an annotation of the field that holds its value. fields_of() reads it from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, get_type_hints

from msgspec import Struct
from msgspec.structs import asdict, replace

from gobake.config.kinds import Kind
from gobake.config.reading import At
from gobake.config.spelling import meant, shown


class Key(Struct, frozen=True, kw_only=True):
    """A key of gobake.yaml, for the parser, the schema, the reference and `gobake init`; its name is the field's."""

    kind: Kind[Any]
    about: str  # one or two sentences
    example: str  # a value in YAML's flow style
    default: str | None = None  # a fixed default, in YAML's flow style
    otherwise: str = ""  # a description of any other default
    required: bool = False
    shared: bool = True  # for keys of a service: also allowed in `defaults`


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


def fields_of(values: type[Struct]) -> tuple[Field, ...]:
    """Return the keys of a struct in order: its fields that are annotated with a Key."""
    hints = get_type_hints(values, include_extras=True)
    keys = ((name, key) for name in values.__struct_fields__ for key in getattr(hints[name], "__metadata__", ()))
    return tuple(Field(name=name, **asdict(key)) for name, key in keys if isinstance(key, Key))


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
