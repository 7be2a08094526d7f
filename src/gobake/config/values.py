"""What gobake.yaml says, as frozen values; None where it says nothing.

What holds where nothing was said is decided later (model.py's defaults, and what Go and Git tell).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gobake.config.cache_values import CacheConfig
from gobake.config.gate_values import GateConfig
from gobake.errors import Where
from gobake.model import ExtraFile, HealthCheck, Platform, Strategy

# Targets, groups and stages of the generated files.
RESERVED_NAMES = ("all", "compile", "default", "go", "trace", *Strategy, "include", "exclude")
SERVICE_LISTS = ("include", "exclude")  # keys of `services` that are patterns, and no service's name

MAX_BYTES = 1 << 20

# Mappings of a service complete those of `defaults` key by key; everything else replaces what `defaults` says.
_MERGED = frozenset(("build_env", "env", "labels", "stamps"))
_OWN = frozenset(("name", "where", "places", "package", "binaries"))


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class BinaryConfig:
    """A command in the image of a service."""

    package: str  # what Go calls the program, ./path from the project's folder, or an import path
    name: str | None = None  # of the file in the image


@dataclass(frozen=True, kw_only=True)
class ServiceConfig:
    """The settings of one service, or those of `defaults` (which has no name and no package)."""

    name: str
    where: Where  # of its key, for errors that concern it as a whole
    package: str | None = None  # ./cmd/api from the project's folder, or an import path
    strategy: Strategy | None = None
    strategies: tuple[Strategy, ...] | None = None
    platforms: tuple[Platform, ...] | None = None
    tags: tuple[str, ...] | None = None
    build_tags: tuple[str, ...] | None = None
    ldflags: str | None = None
    trimpath: bool | None = None
    build_env: Mapping[str, str] | None = None  # environment of the compile
    version_stamp: str | None = None
    stamps: Mapping[str, str] | None = None  # variable -> text with placeholders
    vcs: bool | None = None
    entrypoint: tuple[str, ...] | None = None
    args: tuple[str, ...] | None = None
    ports: tuple[str, ...] | None = None  # 8080, 53/udp
    user: str | None = None  # uid or uid:gid
    labels: Mapping[str, str] | None = None
    env: Mapping[str, str] | None = None  # environment of the image
    files: tuple[ExtraFile, ...] | None = None
    workdir: str | None = None
    health: str | None = None
    zoneinfo: bool | None = None
    base: str | None = None  # a reference, or ./path of a Dockerfile
    data: tuple[str, ...] | None = None
    tmp: bool | None = None
    volumes: tuple[str, ...] | None = None
    healthcheck: HealthCheck | None = None
    binaries: tuple[BinaryConfig, ...] | None = None
    # by key below the service's own
    places: Mapping[str, Where] = field(default_factory=_nothing, repr=False, compare=False)

    def where_of(self, key: str) -> Where:
        """The place of ``package``, ``env.HOME`` or ``files.0``; where it is unsaid, of the nearest key above it."""
        return _nearest(self.places, key) or replace(self.where, key=f"{self.where.key}.{key}")


class Services(tuple[ServiceConfig, ...]):
    """What `services` says: settings by name, and patterns over the commands that Go finds."""

    include: tuple[str, ...] = ()  # services whatever the rules say
    exclude: tuple[str, ...] = ()  # no services, unless asked for

    @classmethod
    def of(cls, named: Iterable[ServiceConfig], include: Iterable[str] = (), exclude: Iterable[str] = ()) -> Services:
        made = cls(named)
        made.include, made.exclude = tuple(include), tuple(exclude)
        return made


@dataclass(frozen=True, kw_only=True)
class Token:
    """Where a token for a host is found; never the token itself."""

    variable: str  # of the environment
    username: str | None = None


@dataclass(frozen=True, kw_only=True)
class PrivateConfig:
    """How private modules are reached: names of files and variables of whoever builds."""

    netrc: str | None = None  # a file, or `none`
    tokens: Mapping[str, Token] | None = None  # by host
    ssh: str | None = None  # agent, none, or the file of a key
    ssh_hosts: tuple[str, ...] | None = None  # [user@]host[:port] whose repositories come over SSH
    known_hosts: str | None = None  # a file
    ca_bundle: str | None = None  # a file, or `none`
    proxy: bool | None = None


@dataclass(frozen=True, kw_only=True)
class HistoryConfig:
    """Where the records of runs are kept."""

    folder: str | None = None  # as written, seen from gobake.yaml


@dataclass(frozen=True, kw_only=True)
class Config:
    """A whole gobake.yaml."""

    file: Path
    name: str | None = None  # of the project
    registry: str | None = None  # prefix of image names, without a slash at its end
    go: str | None = None  # X.Y or X.Y.Z, as written
    source_url: str | None = None
    version: str | None = None
    include: tuple[str, ...] = ()
    prebuilt: str | None = None
    provenance: str | None = None  # false, min or max
    discover: bool  # also build the main packages that no service names
    bases: Mapping[str, str] = field(default_factory=_nothing)
    private: PrivateConfig = field(default_factory=PrivateConfig)
    cache: CacheConfig = field(default_factory=CacheConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    history: HistoryConfig = field(default_factory=HistoryConfig)
    defaults: ServiceConfig
    services: Services = field(default_factory=Services)
    # by dotted key from the top
    places: Mapping[str, Where] = field(default_factory=_nothing, repr=False, compare=False)

    def where_of(self, key: str) -> Where:
        """The place of a dotted key such as ``services.api.package``.

        Where a service does not say it, that of ``defaults``, else that of the nearest key above it.
        """
        if key in self.places:
            return self.places[key]
        for service in self.services:
            prefix = f"services.{service.name}."
            inherited = f"defaults.{key.removeprefix(prefix)}"
            if key.startswith(prefix) and inherited in self.places:
                return self.places[inherited]
        return _nearest(self.places, key) or Where(file=self.file, key=key)


def merged(service: ServiceConfig, defaults: ServiceConfig) -> ServiceConfig:
    """The service with what it leaves unsaid taken from ``defaults``; labels and environments are joined key by key."""
    joined: dict[str, Any] = {}
    inherited: dict[str, Where] = {}
    for name in (f.name for f in fields(ServiceConfig) if f.name not in _OWN):
        own, common = getattr(service, name), getattr(defaults, name)
        if common is None or (own is not None and name not in _MERGED):
            continue
        joined[name] = common if own is None else MappingProxyType({**common, **own})
        inherited |= {k: w for k, w in defaults.places.items() if k == name or k.startswith(f"{name}.")}
    return replace(service, **joined, places=MappingProxyType({**inherited, **service.places}))


def _nearest(places: Mapping[str, Where], key: str) -> Where | None:
    """The place of ``key`` or of the nearest key above it, under the name that was asked for."""
    above = key
    while above:
        if above in places:
            where = places[above]
            return replace(where, key=where.key + key.removeprefix(above))
        above = above.rpartition(".")[0]
    return None
