"""`services`, `defaults` and the files of a service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from types import MappingProxyType

from msgspec.structs import replace

from gobake.config import patterns
from gobake.config.fields import Field, object_schema, read_fields
from gobake.config.kinds import Kind, Schema, items
from gobake.config.nodes import Scalar
from gobake.config.reading import At
from gobake.config.spelling import shown
from gobake.config.values import RESERVED_NAMES, SERVICE_LISTS, ServiceConfig, Services
from gobake.config.words import PATTERN, SERVICE_NAME, SOURCE, TARGET
from gobake.errors import ConfigError, Where
from gobake.model import ExtraFile, Strategy, bake_name

# ---- files

FILE_FIELDS = (
    Field(
        name="source",
        kind=SOURCE.kind,
        about="A file or folder of the project, relative to the folder of gobake.yaml.",
        example="config/app.toml",
        required=True,
    ),
    Field(
        name="target",
        kind=TARGET.kind,
        about="The absolute path that it has in the image.",
        example="/etc/app.toml",
        required=True,
    ),
)


def _read_file(at: At) -> ExtraFile:
    """Read ``source:target`` or a mapping with the two."""
    if not isinstance(at.node, Scalar):
        given = read_fields(at, FILE_FIELDS)
        return ExtraFile(source=PurePosixPath(given["source"]), target=PurePosixPath(given["target"]))
    value = at.text()
    source, colon, target = value.partition(":/")
    if not colon:
        raise at.refuse(f"{shown(value)} names no absolute target", "write source:/path/in/the/image")
    return ExtraFile(
        source=PurePosixPath(SOURCE.admit(at, source)), target=PurePosixPath(TARGET.admit(at, f"/{target}"))
    )


file: Kind[ExtraFile] = Kind(
    read=_read_file,
    described=lambda: {"oneOf": [{"type": "string", "pattern": f"^{patterns.FILE}$"}, object_schema(FILE_FIELDS)]},
    says="files",
)


# ---- services and defaults


def defaults_kind(fields: Sequence[Field]) -> Kind[ServiceConfig]:
    """Return the kind of `defaults`. It may be null, as in a file where only comments follow `defaults:`."""
    shared = tuple(field for field in fields if field.shared)
    own = {field.name: "every service has its own: write it there" for field in fields if not field.shared}
    return Kind(
        read=lambda at: _settings(at, "", at.where, shared, own),
        described=lambda: object_schema(shared, empty=True),
        says="settings of all services",
    )


LIST_FIELDS = (
    Field(
        name="include",
        kind=items(PATTERN.kind, "patterns"),
        about="Commands that are services whatever the repository tells of them: folders, import paths or names.",
        example="[./cmd/gen, ./tools/...]",
        default="[]",
    ),
    Field(
        name="exclude",
        kind=items(PATTERN.kind, "patterns"),
        about="Commands that are no services unless they are asked for by name or folder.",
        example='["./examples/...", "*-gen"]',
        default="[]",
    ),
)


def services_kind(fields: Sequence[Field]) -> Kind[Services]:
    """Return the kind of `services`."""

    def read(at: At) -> Services:
        entries = at.entries()
        if not entries:
            raise at.refuse("names no service", "leave the key away, and gobake finds the services")
        names: dict[str, At] = {}
        configs = []
        lists = {field.name: field for field in LIST_FIELDS}
        lists_of: dict[str, tuple[str, ...]] = {}
        for name, at_key, at_value in entries:
            if name in lists:
                lists_of[name] = lists[name].kind.read(replace(at_value, example=f"{name}: {lists[name].example}"))
                continue
            SERVICE_NAME.admit(at_key, name)
            names[name] = at_key
            apart = replace(at_value, places={})
            configs.append(_settings(apart, name, at_key.where, fields, {}))
            at.places.update(apart.places)
        _no_collisions(names)
        return Services.of(configs, **lists_of)

    def schema() -> Schema:
        return {
            "type": "object",
            "minProperties": 1,
            "properties": {field.name: field.schema for field in LIST_FIELDS},
            "propertyNames": {**SERVICE_NAME.kind.schema, "not": {"enum": _REFUSED}},
            "additionalProperties": object_schema(fields, empty=True),
        }

    return Kind(read=read, described=schema, says="name of a service -> its settings")


_REFUSED = [name for name in RESERVED_NAMES if name not in SERVICE_LISTS]


def _settings(at: At, name: str, where: Where, fields: Sequence[Field], elsewhere: Mapping[str, str]) -> ServiceConfig:
    values = {} if at.nothing else read_fields(at, fields, elsewhere)
    prefix = f"{at.key}."
    places = {key.removeprefix(prefix): where for key, where in at.places.items() if key.startswith(prefix)}
    return ServiceConfig(name=name, where=where, places=MappingProxyType(places), **values)


def _no_collisions(names: dict[str, At]) -> None:
    """Refuse names that collide in the bake file, where `.` becomes `_` and targets are named SERVICE-STRATEGY."""
    baked: dict[str, str] = {}
    for name, at in names.items():
        other = baked.setdefault(bake_name(name), name)
        if other != name:
            raise _collision(at, name, other, f"both are {bake_name(name)} in the bake file")
    for name, at in names.items():
        for strategy in Strategy:
            base = bake_name(name).removesuffix(f"-{strategy}")
            if base != bake_name(name) and base in baked:
                raise _collision(at, name, baked[base], f"it is the name of {baked[base]} in {strategy}")


def _collision(at: At, name: str, other: str, why: str) -> ConfigError:
    return at.refuse(f"{shown(name)} cannot stand beside the service {shown(other)}: {why}", "rename one of them")
