"""A whole gobake.yaml as a frozen value, with its keys; None for what is not set.

Defaults are applied later (model.py's defaults, and answers of Go and Git).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from msgspec import Struct

from gobake.config import words
from gobake.config.bases import bases_kind
from gobake.config.caches import CacheConfig, cache_kind
from gobake.config.fields import Key, fields_of
from gobake.config.gates import GateConfig, gate_kind
from gobake.config.history import HistoryConfig, history_kind
from gobake.config.kinds import boolean, items
from gobake.config.private import PrivateConfig, private_kind
from gobake.config.pushing import PushConfig, push_kind
from gobake.config.reading import nearest_place
from gobake.config.service import ServiceConfig
from gobake.config.services import Services, defaults_kind, services_kind
from gobake.errors import Where

MAX_BYTES = 1 << 20

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Config(Struct, frozen=True, kw_only=True):
    """A whole gobake.yaml."""

    file: Path
    name: Annotated[
        str | None,
        Key(
            kind=words.PROJECT_NAME.kind,
            about="The project's name: caches and records go by it.",
            example="shop",
            otherwise="the name of the Go module, or of a workspace's folder",
        ),
    ] = None
    registry: Annotated[
        str | None,
        Key(
            kind=words.REGISTRY.kind,
            about="What stands before every image's name. --registry on the command line wins.",
            example="ghcr.io/acme",
            otherwise="nothing",
        ),
    ] = None
    go: Annotated[
        str | None,
        Key(
            kind=words.GO_VERSION.kind,
            about="The Go version that compiles.",
            example='"1.26"',
            otherwise="what go.mod and go.work ask for",
        ),
    ] = None
    source_url: Annotated[
        str | None,
        Key(
            kind=words.URL.kind,
            about="Where the source is (the label org.opencontainers.image.source).",
            example="https://github.com/acme/shop",
            otherwise="the address of Git's remote `origin`",
        ),
    ] = None
    version: Annotated[
        str | None,
        Key(
            kind=words.VERSION.kind,
            about="The version of all services: in stamps and in the label org.opencontainers.image.version. --version "
            "on the command line wins.",
            example="v1.2.3",
            otherwise="--tag where it is a version, else Git's tags",
        ),
    ] = None
    include: Annotated[
        tuple[str, ...],
        Key(
            kind=items(words.INCLUDE.kind, "patterns"),
            about="Patterns of further files and folders that the compile reads, as Go and the ignore file read them.",
            example="[schema/*.graphql]",
            default="[]",
        ),
    ] = ()
    prebuilt: Annotated[
        str | None,
        Key(
            kind=words.PREBUILT.kind,
            about="Where the strategy prebuilt finds binaries; {service}, {os}, {arch} and {variant} are filled in.",
            example="out/{arch}/{service}",
            default='"dist/{service}-{os}-{arch}"',
        ),
    ] = None
    provenance: Annotated[
        str | None,
        Key(
            kind=words.provenance,
            about="BuildKit's attestation of how the image was made: false, min or max.",
            example="min",
            default='"false"',
        ),
    ] = None
    discover: Annotated[
        bool,
        Key(
            kind=boolean(),
            about="Make services too of the commands that `services` does not name and that the repository ships.",
            example="true",
            otherwise="only without `services`",
        ),
    ]
    bases: Annotated[
        Mapping[str, str],
        Key(
            kind=bases_kind,
            about="The images that gobake builds upon; for debian, alpine and distroless also a Dockerfile of the "
            "project, such as ./build/base.Dockerfile. --base on the command line wins.",
            example="{alpine: alpine:3.21}",
            otherwise="the public ones",
        ),
    ] = _NOTHING
    private: Annotated[
        PrivateConfig,
        Key(
            kind=private_kind,
            about="How private modules are reached: names of files and variables of whoever builds, never a secret.",
            example="{tokens: {git.example.com: GIT_TOKEN}}",
            otherwise="as the Go of this machine reaches them",
        ),
    ] = PrivateConfig()
    cache: Annotated[
        CacheConfig,
        Key(
            kind=cache_kind,
            about="Where caches are kept beside the builder, and by which policy.",
            example="{store: ghcr.io/acme/shop-cache}",
            otherwise="what fits the environment",
        ),
    ] = CacheConfig()
    gate: Annotated[
        GateConfig,
        Key(
            kind=gate_kind,
            about="What the caches and images of a run must reach: a build that falls short ends with exit code 5.",
            example="{min_hit_rate: 80%, exempt: [first-run]}",
            otherwise="no limits",
        ),
    ] = GateConfig()
    push: Annotated[
        PushConfig,
        Key(
            kind=push_kind,
            about="Where --push brings images beside `registry`, and which tags never move.",
            example='{immutable: ["v*"]}',
            otherwise="to `registry` alone, and every tag may move",
        ),
    ] = PushConfig()
    history: Annotated[
        HistoryConfig,
        Key(
            kind=history_kind,
            about="Where the records of runs are kept on the machine that builds.",
            example="{folder: ./.gobake/history}",
            otherwise="in the data folder of whoever builds",
        ),
    ] = HistoryConfig()
    defaults: Annotated[
        ServiceConfig,
        Key(
            kind=defaults_kind,
            about="Settings of all services, unless a service says otherwise.",
            example="{platforms: [linux/amd64, linux/arm64]}",
            otherwise="gobake's own",
        ),
    ]
    services: Annotated[
        Services,
        Key(
            kind=services_kind,
            about="The commands that become images; `include` and `exclude` are patterns over those that Go finds.",
            example="{api: {package: ./cmd/api}}",
            otherwise="the commands that the repository ships (docs/services.md)",
        ),
    ] = Services()
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
        return nearest_place(self.places, key) or Where(file=self.file, key=key)


TOP_FIELDS = fields_of(Config)
