"""The content of gobake.yaml as frozen values; None for what is not set.

Defaults are applied later (model.py's defaults, and answers of Go and Git).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gobake.config.cache_values import CacheConfig
from gobake.config.gate_values import GateConfig
from gobake.errors import Where
from gobake.model import ExtraFile, HealthCheck, Platform, Strategy

# Names of targets, groups and stages in the generated files.
RESERVED_NAMES = ("all", "compile", "default", "go", "trace", *Strategy, "include", "exclude")
SERVICE_LISTS = ("include", "exclude")  # keys of `services` that hold patterns and are not service names

MAX_BYTES = 1 << 20

# These mappings of a service are merged with those of `defaults`; all other values replace them.
_MERGED = frozenset(("build_env", "env", "labels", "stamps"))
_OWN = frozenset(("name", "where", "places", "package", "binaries"))
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class BinaryConfig(Struct, frozen=True, kw_only=True):
    """A command in the image of a service."""

    package: str  # Go's name of the program, ./path relative to the project's folder, or an import path
    name: str | None = None  # file name in the image


class ServiceConfig(Struct, frozen=True, kw_only=True):
    """The settings of one service, or those of `defaults` (which has no name and no package)."""

    name: str
    where: Where  # place of its key, for errors about it as a whole
    package: str | None = None  # ./cmd/api relative to the project's folder, or an import path
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
    # by key relative to the service
    places: Mapping[str, Where] = _NOTHING

    def where_of(self, key: str) -> Where:
        """Return the place of ``package``, ``env.HOME`` or ``files.0``; if not set, of the nearest key above it."""
        return _nearest(self.places, key) or self.where.of(f"{self.where.key}.{key}")


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


class Token(Struct, frozen=True, kw_only=True):
    """The place of a token for a host; never the token itself."""

    variable: str  # name of the environment variable
    username: str | None = None


class PrivateConfig(Struct, frozen=True, kw_only=True):
    """How to reach private modules: names of the user's files and variables."""

    netrc: str | None = None  # a file, or `none`
    tokens: Mapping[str, Token] | None = None  # by host
    ssh: str | None = None  # `agent`, `none`, or a key file
    ssh_hosts: tuple[str, ...] | None = None  # [user@]host[:port] of repositories fetched over SSH
    known_hosts: str | None = None  # a file
    ca_bundle: str | None = None  # a file, or `none`
    proxy: bool | None = None


class HistoryConfig(Struct, frozen=True, kw_only=True):
    """Where the records of runs are kept."""

    folder: str | None = None  # as written, relative to gobake.yaml


class Config(Struct, frozen=True, kw_only=True):
    """A whole gobake.yaml."""

    file: Path
    name: str | None = None  # of the project
    registry: str | None = None  # prefix of image names, without a trailing slash
    go: str | None = None  # X.Y or X.Y.Z, as written
    source_url: str | None = None
    version: str | None = None
    include: tuple[str, ...] = ()
    prebuilt: str | None = None
    provenance: str | None = None  # false, min or max
    discover: bool  # also build the main packages that no service names
    bases: Mapping[str, str] = _NOTHING
    private: PrivateConfig = PrivateConfig()
    cache: CacheConfig = CacheConfig()
    gate: GateConfig = GateConfig()
    history: HistoryConfig = HistoryConfig()
    defaults: ServiceConfig
    services: Services = Services()
    # by full dotted key
    places: Mapping[str, Where] = _NOTHING

    def where_of(self, key: str) -> Where:
        """Return the place of a dotted key such as ``services.api.package``.

        If a service does not set it, that of ``defaults``, else that of the nearest key above it.
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
    """Complete a service's settings by ``defaults``; labels, stamps and environments are merged key by key."""
    joined: dict[str, Any] = {}
    inherited: dict[str, Where] = {}
    for name in sorted(set(ServiceConfig.__struct_fields__) - _OWN):
        own, common = getattr(service, name), getattr(defaults, name)
        if common is None or (own is not None and name not in _MERGED):
            continue
        joined[name] = common if own is None else MappingProxyType({**common, **own})
        inherited |= {k: w for k, w in defaults.places.items() if k == name or k.startswith(f"{name}.")}
    return replace(service, **joined, places=MappingProxyType({**inherited, **service.places}))


def _nearest(places: Mapping[str, Where], key: str) -> Where | None:
    """Return the place of ``key`` or of the nearest key above it, labelled with ``key``."""
    above = key
    while above:
        if above in places:
            where = places[above]
            return where.of(where.key + key.removeprefix(above))
        above = above.rpartition(".")[0]
    return None
