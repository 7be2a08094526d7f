"""The class of every key of gobake.yaml, and the selection of trusted settings by class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from gobake.config.caches import Backend
from gobake.config.service import ServiceConfig
from gobake.config.services import Services
from gobake.config.values import Config
from gobake.errors import Where
from gobake.model import is_dockerfile


class KeyClass(StrEnum):
    """What a key decides."""

    IMAGE = "describes the image"
    TALKS = "chooses whom gobake contacts"
    WRITES = "decides who may write"
    GATE = "weakens a gate"


EVERY_CLASS = frozenset(KeyClass)
# By section or key: the longest matching name counts. `*` is any service.
CLASSES: Mapping[str, KeyClass] = MappingProxyType(
    {
        "name": KeyClass.IMAGE,
        "registry": KeyClass.TALKS,
        "go": KeyClass.IMAGE,
        "source_url": KeyClass.IMAGE,
        "version": KeyClass.IMAGE,
        "include": KeyClass.IMAGE,
        "prebuilt": KeyClass.IMAGE,
        "provenance": KeyClass.IMAGE,
        "discover": KeyClass.IMAGE,
        "bases": KeyClass.TALKS,
        "private": KeyClass.TALKS,
        "cache.policy": KeyClass.WRITES,
        "cache.store": KeyClass.TALKS,
        "cache.main_branch": KeyClass.WRITES,
        "cache.branches": KeyClass.WRITES,
        "cache.layers": KeyClass.WRITES,
        "cache.layers.backends": KeyClass.TALKS,
        "cache.seeds": KeyClass.WRITES,
        "gate": KeyClass.GATE,
        "push": KeyClass.WRITES,
        "push.registries": KeyClass.TALKS,
        "history": KeyClass.WRITES,
        "defaults": KeyClass.IMAGE,
        "defaults.base": KeyClass.TALKS,
        "defaults.tags": KeyClass.WRITES,
        "services": KeyClass.IMAGE,
        "services.*.base": KeyClass.TALKS,
        "services.*.tags": KeyClass.WRITES,
    }
)


def class_of(key: str) -> KeyClass | None:
    """Return the class of a dotted key, such as ``cache.store`` or ``services.api.tags``; None if it has none."""
    words = key.split(".")
    if words[0] == "services" and len(words) > 2:
        words[1] = "*"
    while words:
        if kind := CLASSES.get(".".join(words)):
            return kind
        words.pop()
    return None


class Want(Struct, frozen=True, kw_only=True):
    """A key of a tree's gobake.yaml that does more than describe images."""

    key: str
    kind: KeyClass
    where: Where
    text: str  # the value, as gobake understands it


def wants(config: Config | None) -> tuple[Want, ...]:
    """Return the settings of a configuration that do more than describe images, sorted by key; only innermost keys."""
    if config is None:
        return ()
    settings = []
    for key, where in config.places.items():
        kind = class_of(key)
        if kind in (None, KeyClass.IMAGE) or any(other.startswith(f"{key}.") for other in config.places):
            continue
        text = _value(config, key)
        if (key.startswith("bases.") or key.endswith(".base")) and is_dockerfile(text):
            continue  # a Dockerfile of the project, which `docker build` would build too
        settings.append(Want(key=key, kind=kind or KeyClass.IMAGE, where=where, text=text))
    return tuple(sorted(settings, key=lambda want: want.key))


def meaning(config: Config | None) -> str:
    """Return one text that changes with any setting of a configuration that does more than describe images."""
    if config is None:
        return ""
    services = [(s.name, s.base, s.tags) for s in (config.defaults, *config.services) if s.base or s.tags]
    cache, private = config.cache, config.private
    values = (
        *(config.registry, sorted(config.bases.items()), services, config.history.folder, config.push),
        *(cache.policy, cache.store, cache.main_branch, sorted(cache.branches.items()), cache.layers, cache.seeds),
        *(private.netrc, sorted((private.tokens or {}).items()), private.ssh, private.ssh_hosts),
        *(private.known_hosts, private.ca_bundle, private.proxy),
    )
    return repr(values)


def _value(config: Config, key: str) -> str:
    """Return the value of a dotted key as text; "" if there is none. Names may contain dots."""
    value: object = config
    rest = key
    while rest:
        if isinstance(value, Services):
            name = max((s.name for s in value if rest == s.name or rest.startswith(f"{s.name}.")), key=len, default="")
            value = next((s for s in value if s.name == name), None)
        elif isinstance(value, Mapping):
            name = max((str(k) for k in value if rest == k or rest.startswith(f"{k}.")), key=len, default="")
            value = value.get(name)
        elif isinstance(value, tuple):
            name, _, _ = rest.partition(".")
            value = value[int(name)] if name.isdigit() and int(name) < len(value) else None
        elif isinstance(value, Backend):
            name = rest
            value = {"type": value.type, **dict(value.attributes)}.get(rest)
        else:
            name, _, _ = rest.partition(".")
            value = getattr(value, name, None)
        if value is None or not name:
            return ""
        rest = rest[len(name) + 1 :]
    return _words(value)


def _words(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_words(one)}" for key, one in value.items())
    if isinstance(value, (tuple, frozenset)):
        return ", ".join(sorted(map(_words, value)) if isinstance(value, frozenset) else map(_words, value))
    return str(getattr(value, "variable", value))


def taken(tree: Config | None, other: Config | None, allowed: Iterable[KeyClass]) -> Config | None:
    """Return the effective configuration: the allowed classes of the tree's, and the rest of ``other``.

    ``other``: a configuration from outside of the tree. Settings of neither are unset.
    """
    allowed = frozenset(allowed)
    if allowed >= EVERY_CLASS or (tree is None and other is None):
        return tree
    mine = tree or _nothing_said(other)
    theirs = other or _nothing_said(mine)

    def of(kind: KeyClass) -> Config:
        return mine if kind in allowed else theirs

    talks, writes = of(KeyClass.TALKS), of(KeyClass.WRITES)
    layers = replace(writes.cache.layers, backends=talks.cache.layers.backends)
    return replace(
        mine,
        registry=talks.registry,
        bases=_bases(mine, talks),
        private=talks.private,
        cache=replace(writes.cache, store=talks.cache.store, layers=layers),
        # a pull request cannot weaken its target branch's gate; without such a gate its own applies
        gate=of(KeyClass.GATE).gate if other else mine.gate,
        push=replace(writes.push, registries=talks.push.registries),
        history=writes.history,
        defaults=_service(mine.defaults, talks.defaults, writes.defaults),
        services=Services.of(
            (_service(s, _named(talks, s.name), _named(writes, s.name)) for s in mine.services),
            mine.services.include,
            mine.services.exclude,
        ),
    )


def _nothing_said(of: Config | None) -> Config:
    assert of is not None
    unsaid = ServiceConfig(name="", where=Where(file=of.file, key="defaults"))
    return Config(file=of.file, discover=True, defaults=unsaid)


def _bases(mine: Config, talks: Config) -> Mapping[str, str]:
    """Return the bases: Dockerfiles of the tree belong to it, references come from ``talks``."""
    own = {name: base for name, base in mine.bases.items() if is_dockerfile(base)}
    return MappingProxyType({**talks.bases, **own})


def _named(config: Config, name: str) -> ServiceConfig | None:
    return next((service for service in config.services if service.name == name), None)


def _service(mine: ServiceConfig, talks: ServiceConfig | None, writes: ServiceConfig | None) -> ServiceConfig:
    own = mine.base if mine.base and is_dockerfile(mine.base) else None
    base = own or (talks.base if talks else None)
    return replace(mine, base=base, tags=writes.tags if writes else None)
