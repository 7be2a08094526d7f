"""The keys of a service, which `defaults` has too."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from msgspec import Struct
from msgspec.structs import replace

from gobake.config import patterns, words
from gobake.config.fields import Key, fields_of
from gobake.config.kinds import boolean, choice, items, mapping, verbatim
from gobake.config.reading import nearest_place
from gobake.config.running import BASE, DATA, BinaryConfig, binary, file, healthcheck, smoke
from gobake.errors import Where
from gobake.model import ExtraFile, HealthCheck, Platform, Smoke, Strategy

_GOBAKES_OWN = {
    "GOOS": "`platforms` says it",
    "GOARCH": "`platforms` says it",
    "GOARM": "`platforms` says it, such as linux/arm/v6",
    "GOCACHE": "gobake keeps that folder in a cache mount",
    "GOMODCACHE": "gobake keeps that folder in a cache mount",
    "GOENV": "it carries the host's own settings into the build",
}

# These mappings of a service are merged with those of `defaults`; all other values replace them.
_MERGED = frozenset(("annotations", "build_env", "env", "labels", "stamps"))
_OWN = frozenset(("name", "where", "places", "package", "binaries"))


class ServiceConfig(Struct, frozen=True, kw_only=True):
    """The settings of one service, or those of `defaults` (which has no name and no package).

    None for what is not set. Defaults are applied later (model.py's defaults, and answers of Go and Git).
    """

    name: str
    where: Where
    package: Annotated[
        str | None,
        Key(
            kind=words.PACKAGE.kind,
            about="The main package: its folder, begun with ./ and seen from gobake.yaml, or its import path.",
            example="./cmd/api",
            otherwise="the main package whose binary has the service's name",
            shared=False,
        ),
    ] = None
    strategy: Annotated[
        Strategy | None,
        Key(
            kind=words.strategy,
            about=f"How `gobake build` makes the image: {', '.join(Strategy)}.",
            example="distroless",
            default="scratch",
        ),
    ] = None
    strategies: Annotated[
        tuple[Strategy, ...] | None,
        Key(
            kind=items(words.strategy, "strategies", least=1),
            about="The strategies that `gobake all` builds.",
            example="[scratch, alpine]",
            default=f"[{', '.join(Strategy)}]",
        ),
    ] = None
    platforms: Annotated[
        tuple[Platform, ...] | None,
        Key(
            kind=items(words.platform, "platforms"),
            about="What the image is for, as BuildKit names it. --platform on the command line wins.",
            example="[linux/amd64, linux/arm64]",
            otherwise="the builder's own platform",
        ),
    ] = None
    tags: Annotated[
        tuple[str, ...] | None,
        Key(
            kind=items(words.TAG_TEMPLATE.kind, "image tags"),
            about="Further tags of the image in its chosen strategy, beside that of --tag. {{version}}, {{major}}, "
            "{{minor}} and {{patch}} of a release, {{sha}}, {{branch}} and {{date}} are filled in (docs/push.md).",
            example='["{{major}}.{{minor}}"]',
            default="[]",
        ),
    ] = None
    build_tags: Annotated[
        tuple[str, ...] | None,
        Key(
            kind=items(words.BUILD_TAG.kind, "build tags"),
            about="Build constraints that hold: go build -tags.",
            example="[netgo, osusergo]",
            default="[]",
        ),
    ] = None
    ldflags: Annotated[
        str | None,
        Key(
            kind=verbatim("flags of the linker"),
            about='Flags of the linker: go build -ldflags. "" keeps symbols and debug information.',
            example='"-s -w -X main.channel=stable"',
            default='"-s -w"',
        ),
    ] = None
    trimpath: Annotated[
        bool | None,
        Key(
            kind=boolean(),
            about="Keep the build's paths out of the binary: go build -trimpath.",
            example="false",
            default="true",
        ),
    ] = None
    build_env: Annotated[
        Mapping[str, str] | None,
        Key(
            kind=mapping("name of a variable", patterns.VARIABLE, verbatim(), "name -> text", refused=_GOBAKES_OWN),
            about="The compile's environment, such as CGO_ENABLED (0 unless set here), GOEXPERIMENT or CC. No secrets.",
            example='{CGO_ENABLED: "1", CC: musl-gcc}',
            default="{}",
        ),
    ] = None
    version_stamp: Annotated[
        str | None,
        Key(
            kind=words.STAMP.kind,
            about='Short for `stamps: {VARIABLE: "{version}"}`: a string variable that gets the version. "" for none.',
            example="main.version",
            default='""',
        ),
    ] = None
    stamps: Annotated[
        Mapping[str, str] | None,
        Key(
            kind=mapping(
                "Go variable", patterns.STAMP, words.stamp_text, "variable -> text", remedy=words.STAMP.remedy
            ),
            about="String variables and what they get, linked in late: another commit compiles nothing. {version}, "
            "{revision}, {short_revision}, {date} (of the commit), {dirty} (true or false), {branch} and {go} are "
            "filled in. Those of a service come to those of `defaults`.",
            example='{main.version: "{version}", main.commit: "{revision}", main.builtBy: gobake}',
            default="{}",
        ),
    ] = None
    vcs: Annotated[
        bool | None,
        Key(
            kind=boolean(),
            about="Tell the program its commit and its module's version as a plain `go build` does "
            "(debug.ReadBuildInfo, go version -m), linked in late: another commit compiles nothing.",
            example="true",
            default="false",
        ),
    ] = None
    entrypoint: Annotated[
        tuple[str, ...] | None,
        Key(
            kind=items(verbatim(least=1), "words", repeats=True),
            about="What the container starts, word by word; no shell reads it.",
            example='["/usr/local/bin/api", "serve"]',
            otherwise="the binary",
        ),
    ] = None
    args: Annotated[
        tuple[str, ...] | None,
        Key(
            kind=items(verbatim(), "words", repeats=True),
            about="Arguments unless `docker run` gives others (CMD).",
            example='["--listen", ":8080"]',
            default="[]",
        ),
    ] = None
    ports: Annotated[
        tuple[str, ...] | None,
        Key(
            kind=items(words.PORT.kind, "ports"),
            about="The ports that the program listens on (EXPOSE).",
            example="[8080, 53/udp]",
            default="[]",
        ),
    ] = None
    user: Annotated[
        str | None,
        Key(
            kind=words.USER.kind,
            about="uid or uid:gid that the program runs as; numbers, because scratch has no /etc/passwd.",
            example='"1000:1000"',
            default='"65532:65532"',
        ),
    ] = None
    labels: Annotated[
        Mapping[str, str] | None,
        Key(
            kind=mapping("label", patterns.LABEL, verbatim(), "name -> text"),
            about="Labels of the image. Those of a service come to those of `defaults`.",
            example="{com.acme.team: payments}",
            default="{}",
        ),
    ] = None
    annotations: Annotated[
        Mapping[str, str] | None,
        Key(
            kind=mapping("annotation", patterns.ANNOTATION, verbatim(), "name -> text"),
            about="Annotations of the manifests and of the index of all platforms; `index:NAME` or `manifest:NAME` for "
            "one of the two. Those of a service come to those of `defaults`.",
            example='{"index:com.acme.team": payments}',
            default="{}",
        ),
    ] = None
    compression: Annotated[
        str | None,
        Key(
            kind=choice("compression", words.COMPRESSIONS, str),
            about="How the image's new layers are compressed in its registry; those of its base stay as they are.",
            example="zstd",
            otherwise="BuildKit's: gzip",
        ),
    ] = None
    env: Annotated[
        Mapping[str, str] | None,
        Key(
            kind=mapping("name of a variable", patterns.VARIABLE, verbatim(), "name -> text"),
            about="Environment of the image. That of a service comes to that of `defaults`. No secrets.",
            example="{GOMEMLIMIT: 256MiB}",
            default="{}",
        ),
    ] = None
    files: Annotated[
        tuple[ExtraFile, ...] | None,
        Key(
            kind=items(file, "files"),
            about="Files and folders of the project that go into the image: source:target, or a mapping of the two.",
            example='["config/app.toml:/etc/app.toml"]',
            default="[]",
        ),
    ] = None
    workdir: Annotated[
        str | None,
        Key(
            kind=words.WORKDIR.kind,
            about='The folder that the program starts in; `user` may write it. "" for that of the base image.',
            example="/data",
            default='""',
        ),
    ] = None
    health: Annotated[
        str | None,
        Key(
            kind=words.HEALTH.kind,
            about='The HTTP path that answers when the service is well; kept as a label. "" for none.',
            example="/healthz",
            default='""',
        ),
    ] = None
    zoneinfo: Annotated[
        bool | None,
        Key(
            kind=boolean(),
            about="Bring Go's time zone database into images without one, for time.LoadLocation.",
            example="true",
            default="false",
        ),
    ] = None
    base: Annotated[
        str | None,
        Key(
            kind=BASE.kind,
            about="What the image of the chosen strategy is built upon, in place of that in `bases`: a reference, or "
            "a Dockerfile of the project, built in the same bake. For alpine, debian-slim and distroless.",
            example="./build/base.Dockerfile",
            otherwise="that of the strategy",
        ),
    ] = None
    data: Annotated[
        tuple[str, ...] | None,
        Key(
            kind=items(DATA.kind, "folders"),
            about="Folders that `user` may write, also where a fresh named volume is mounted over them.",
            example="[/data]",
            default="[]",
        ),
    ] = None
    tmp: Annotated[
        bool | None,
        Key(
            kind=boolean(),
            about="A /tmp that everybody may write (mode 1777). Only images without a distribution lack one.",
            example="true",
            default="false",
        ),
    ] = None
    volumes: Annotated[
        tuple[str, ...] | None,
        Key(
            kind=items(DATA.kind, "folders"),
            about="Folders that get a volume of their own where `docker run` mounts none (VOLUME); `user` may "
            "write them.",
            example="[/data]",
            default="[]",
        ),
    ] = None
    healthcheck: Annotated[
        HealthCheck | None,
        Key(
            kind=healthcheck,
            about="How Docker finds out whether the program is well (HEALTHCHECK). Kubernetes has probes of its own.",
            example='{command: ["/usr/local/bin/api", "-health"], interval: 10s}',
            otherwise="none",
        ),
    ] = None
    smoke: Annotated[
        Smoke | None,
        Key(
            kind=smoke,
            about="How --smoke and `gobake compare --run` start the image, and what they ask.",
            example="{env: {STORE: memory}, path: /readyz}",
            otherwise="as the image says, by `health` and `ports`",
        ),
    ] = None
    binaries: Annotated[
        tuple[BinaryConfig, ...] | None,
        Key(
            kind=items(binary, "commands", least=1),
            about="Several commands in one image, instead of `package`. The first is what the container starts.",
            example="[etcd, etcdctl, {package: ./etcdutl, name: util}]",
            otherwise="the one of `package`",
            shared=False,
        ),
    ] = None
    places: Mapping[str, Where] = MappingProxyType({})

    def where_of(self, key: str) -> Where:
        """Return the place of ``package``, ``env.HOME`` or ``files.0``; if not set, of the nearest key above it."""
        return nearest_place(self.places, key) or self.where.of(f"{self.where.key}.{key}")


SERVICE_FIELDS = fields_of(ServiceConfig)


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
