"""`services` and `defaults`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from msgspec.structs import replace

from gobake.config.fields import Field, object_schema, read_fields
from gobake.config.kinds import Kind, Schema, items
from gobake.config.reading import At
from gobake.config.service import SERVICE_FIELDS, ServiceConfig
from gobake.config.spelling import shown
from gobake.config.words import PATTERN, RESERVED_NAMES, SERVICE_LISTS, SERVICE_NAME
from gobake.errors import ConfigError, Where
from gobake.model import Strategy, bake_name


class Services(tuple[ServiceConfig, ...]):
    """The content of `services`: settings of services, and patterns for the commands that Go finds."""

    include: tuple[str, ...] = ()  # commands that are services whatever the rules say
    exclude: tuple[str, ...] = ()  # commands that are not services unless asked for

    @classmethod
    def of(cls, named: Iterable[ServiceConfig], include: Iterable[str] = (), exclude: Iterable[str] = ()) -> Services:
        """Create the value."""
        made = cls(named)
        made.include, made.exclude = tuple(include), tuple(exclude)
        return made


def _read_defaults(at: At) -> ServiceConfig:
    own = {field.name: "every service has its own: write it there" for field in SERVICE_FIELDS if not field.shared}
    return _settings(at, "", at.where, _SHARED, own)


_SHARED = tuple(field for field in SERVICE_FIELDS if field.shared)
# It may be null, as in a file where only comments follow `defaults:`.
defaults_kind: Kind[ServiceConfig] = Kind(
    read=_read_defaults, described=lambda: object_schema(_SHARED, empty=True), says="settings of all services"
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


def _read_services(at: At) -> Services:
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
        configs.append(_settings(apart, name, at_key.where, SERVICE_FIELDS, {}))
        at.places.update(apart.places)
    _no_collisions(names)
    return Services.of(configs, **lists_of)


def _services_schema() -> Schema:
    return {
        "type": "object",
        "minProperties": 1,
        "properties": {field.name: field.schema for field in LIST_FIELDS},
        "propertyNames": {**SERVICE_NAME.kind.schema, "not": {"enum": _REFUSED}},
        "additionalProperties": object_schema(SERVICE_FIELDS, empty=True),
    }


services_kind: Kind[Services] = Kind(
    read=_read_services, described=_services_schema, says="name of a service -> its settings"
)


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
