"""A row of the table of keys, and the reader for mappings with such keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gobake.config.kinds import Kind
from gobake.config.reading import At
from gobake.config.spelling import meant, shown


class Field(Struct, frozen=True, kw_only=True):
    """One key of gobake.yaml, for the parser, the schema, the reference and `gobake init`."""

    name: str
    kind: Kind[Any]
    about: str  # one or two sentences
    example: str  # a value in YAML's flow style
    default: str | None = None  # a fixed default, in YAML's flow style
    otherwise: str = ""  # a description of any other default
    required: bool = False
    shared: bool = True  # for keys of a service: also allowed in `defaults`

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
