"""The table of keys of gobake.yaml, from which parser, JSON schema, reference and `gobake init` are made."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gobake.config import patterns, words
from gobake.config.caches import cache_kind
from gobake.config.fields import Field, object_schema, read_fields
from gobake.config.gates import gate_kind
from gobake.config.history import history_kind
from gobake.config.kinds import Kind, boolean, items, mapping, verbatim
from gobake.config.private import private
from gobake.config.reading import At
from gobake.config.running import BASE, RUNNING_FIELDS
from gobake.config.services import defaults_kind, file, services_kind
from gobake.model import Strategy

_GOBAKES_OWN = {
    "GOOS": "`platforms` says it",
    "GOARCH": "`platforms` says it",
    "GOARM": "`platforms` says it, such as linux/arm/v6",
    "GOCACHE": "gobake keeps that folder in a cache mount",
    "GOMODCACHE": "gobake keeps that folder in a cache mount",
    "GOENV": "it carries the host's own settings into the build",
}

SERVICE_FIELDS = (
    Field(
        name="package",
        kind=words.PACKAGE.kind,
        about="The main package: its folder, begun with ./ and seen from gobake.yaml, or its import path.",
        example="./cmd/api",
        otherwise="the main package whose binary has the service's name",
        shared=False,
    ),
    Field(
        name="strategy",
        kind=words.strategy,
        about=f"How `gobake build` makes the image: {', '.join(Strategy)}.",
        example="distroless",
        default="scratch",
    ),
    Field(
        name="strategies",
        kind=items(words.strategy, "strategies", least=1),
        about="The strategies that `gobake all` builds.",
        example="[scratch, alpine]",
        default=f"[{', '.join(Strategy)}]",
    ),
    Field(
        name="platforms",
        kind=items(words.platform, "platforms"),
        about="What the image is for, as BuildKit names it. --platform on the command line wins.",
        example="[linux/amd64, linux/arm64]",
        otherwise="the builder's own platform",
    ),
    Field(
        name="tags",
        kind=items(words.TAG.kind, "image tags"),
        about="Further tags of the image in its chosen strategy, beside that of --tag.",
        example="[stable]",
        default="[]",
    ),
    Field(
        name="build_tags",
        kind=items(words.BUILD_TAG.kind, "build tags"),
        about="Build constraints that hold: go build -tags.",
        example="[netgo, osusergo]",
        default="[]",
    ),
    Field(
        name="ldflags",
        kind=verbatim("flags of the linker"),
        about='Flags of the linker: go build -ldflags. "" keeps symbols and debug information.',
        example='"-s -w -X main.channel=stable"',
        default='"-s -w"',
    ),
    Field(
        name="trimpath",
        kind=boolean(),
        about="Keep the build's paths out of the binary: go build -trimpath.",
        example="false",
        default="true",
    ),
    Field(
        name="build_env",
        kind=mapping("name of a variable", patterns.VARIABLE, verbatim(), "name -> text", refused=_GOBAKES_OWN),
        about="The compile's environment, such as CGO_ENABLED (0 unless set here), GOEXPERIMENT or CC. No secrets.",
        example='{CGO_ENABLED: "1", CC: musl-gcc}',
        default="{}",
    ),
    Field(
        name="version_stamp",
        kind=words.STAMP.kind,
        about='Short for `stamps: {VARIABLE: "{version}"}`: a string variable that gets the version. "" for none.',
        example="main.version",
        default='""',
    ),
    Field(
        name="stamps",
        kind=mapping("Go variable", patterns.STAMP, words.stamp_text, "variable -> text", remedy=words.STAMP.remedy),
        about="String variables and what they get, linked in late: another commit compiles nothing. {version}, "
        "{revision}, {short_revision}, {date} (of the commit), {dirty} (true or false), {branch} and {go} are filled "
        "in. Those of a service come to those of `defaults`.",
        example='{main.version: "{version}", main.commit: "{revision}", main.builtBy: gobake}',
        default="{}",
    ),
    Field(
        name="vcs",
        kind=boolean(),
        about="Tell the program its commit and its module's version as a plain `go build` does "
        "(debug.ReadBuildInfo, go version -m), linked in late: another commit compiles nothing.",
        example="true",
        default="false",
    ),
    Field(
        name="entrypoint",
        kind=items(verbatim(least=1), "words", repeats=True),
        about="What the container starts, word by word; no shell reads it.",
        example='["/usr/local/bin/api", "serve"]',
        otherwise="the binary",
    ),
    Field(
        name="args",
        kind=items(verbatim(), "words", repeats=True),
        about="Arguments unless `docker run` gives others (CMD).",
        example='["--listen", ":8080"]',
        default="[]",
    ),
    Field(
        name="ports",
        kind=items(words.PORT.kind, "ports"),
        about="The ports that the program listens on (EXPOSE).",
        example="[8080, 53/udp]",
        default="[]",
    ),
    Field(
        name="user",
        kind=words.USER.kind,
        about="uid or uid:gid that the program runs as; numbers, because scratch has no /etc/passwd.",
        example='"1000:1000"',
        default='"65532:65532"',
    ),
    Field(
        name="labels",
        kind=mapping("label", patterns.LABEL, verbatim(), "name -> text"),
        about="Labels of the image. Those of a service come to those of `defaults`.",
        example="{com.acme.team: payments}",
        default="{}",
    ),
    Field(
        name="env",
        kind=mapping("name of a variable", patterns.VARIABLE, verbatim(), "name -> text"),
        about="Environment of the image. That of a service comes to that of `defaults`. No secrets.",
        example="{GOMEMLIMIT: 256MiB}",
        default="{}",
    ),
    Field(
        name="files",
        kind=items(file, "files"),
        about="Files and folders of the project that go into the image: source:target, or a mapping of the two.",
        example='["config/app.toml:/etc/app.toml"]',
        default="[]",
    ),
    Field(
        name="workdir",
        kind=words.WORKDIR.kind,
        about='The folder that the program starts in; `user` may write it. "" for that of the base image.',
        example="/data",
        default='""',
    ),
    Field(
        name="health",
        kind=words.HEALTH.kind,
        about='The HTTP path that answers when the service is well; kept as a label. "" for none.',
        example="/healthz",
        default='""',
    ),
    Field(
        name="zoneinfo",
        kind=boolean(),
        about="Bring Go's time zone database into images without one, for time.LoadLocation.",
        example="true",
        default="false",
    ),
    *RUNNING_FIELDS,
)

BASE_FIELDS = (
    Field(
        name="go",
        kind=words.REFERENCE.kind,
        about="Compiles, and is the image of single-stage.",
        example="golang:1.26-alpine",
        otherwise="golang in the version that the project asks for",
    ),
    Field(
        name="debian",
        kind=BASE.kind,
        about="Below debian-slim.",
        example="debian:bookworm-slim",
        default="debian:trixie-slim",
    ),
    Field(
        name="alpine",
        kind=BASE.kind,
        about="Below alpine and prebuilt.",
        example="alpine:3.21",
        default="alpine:3.22",
    ),
    Field(
        name="distroless",
        kind=BASE.kind,
        about="Below distroless.",
        example="gcr.io/distroless/base-debian12",
        default="gcr.io/distroless/static-debian12",
    ),
    Field(
        name="upx",
        kind=words.REFERENCE.kind,
        about="Where upx is looked for, or installed with apk or apt-get.",
        example="debian:trixie-slim",
        default="alpine:3.22",
    ),
)


def _read_bases(at: At) -> Mapping[str, str]:
    return MappingProxyType(read_fields(at, BASE_FIELDS))


TOP_FIELDS = (
    Field(
        name="name",
        kind=words.PROJECT_NAME.kind,
        about="The project's name: caches and records go by it.",
        example="shop",
        otherwise="the name of the Go module, or of a workspace's folder",
    ),
    Field(
        name="registry",
        kind=words.REGISTRY.kind,
        about="What stands before every image's name. --registry on the command line wins.",
        example="ghcr.io/acme",
        otherwise="nothing",
    ),
    Field(
        name="go",
        kind=words.GO_VERSION.kind,
        about="The Go version that compiles.",
        example='"1.26"',
        otherwise="what go.mod and go.work ask for",
    ),
    Field(
        name="source_url",
        kind=words.URL.kind,
        about="Where the source is (the label org.opencontainers.image.source).",
        example="https://github.com/acme/shop",
        otherwise="the address of Git's remote `origin`",
    ),
    Field(
        name="version",
        kind=words.VERSION.kind,
        about="The version of all services: in stamps and in the label org.opencontainers.image.version. --version on "
        "the command line wins.",
        example="v1.2.3",
        otherwise="--tag where it is a version, else Git's tags",
    ),
    Field(
        name="include",
        kind=items(words.INCLUDE.kind, "patterns"),
        about="Patterns of further files and folders that the compile reads, as Go and the ignore file read them.",
        example="[schema/*.graphql]",
        default="[]",
    ),
    Field(
        name="prebuilt",
        kind=words.PREBUILT.kind,
        about="Where the strategy prebuilt finds binaries; {service}, {os}, {arch} and {variant} are filled in.",
        example="out/{arch}/{service}",
        default='"dist/{service}-{os}-{arch}"',
    ),
    Field(
        name="provenance",
        kind=words.provenance,
        about="BuildKit's attestation of how the image was made: false, min or max.",
        example="min",
        default='"false"',
    ),
    Field(
        name="discover",
        kind=boolean(),
        about="Make services too of the commands that `services` does not name and that the repository ships.",
        example="true",
        otherwise="only without `services`",
    ),
    Field(
        name="bases",
        kind=Kind(read=_read_bases, described=lambda: object_schema(BASE_FIELDS), says="name -> image reference"),
        about="The images that gobake builds upon; for debian, alpine and distroless also a Dockerfile of the project, "
        "such as ./build/base.Dockerfile. --base on the command line wins.",
        example="{alpine: alpine:3.21}",
        otherwise="the public ones",
    ),
    Field(
        name="private",
        kind=private,
        about="How private modules are reached: names of files and variables of whoever builds, never a secret.",
        example="{tokens: {git.example.com: GIT_TOKEN}}",
        otherwise="as the Go of this machine reaches them",
    ),
    Field(
        name="cache",
        kind=cache_kind,
        about="Where caches are kept beside the builder, and by which policy.",
        example="{store: ghcr.io/acme/shop-cache}",
        otherwise="what fits the environment",
    ),
    Field(
        name="gate",
        kind=gate_kind,
        about="What the caches of a run must reach: a build that falls short ends with exit code 5.",
        example="{min_hit_rate: 80%, exempt: [first-run]}",
        otherwise="no limits",
    ),
    Field(
        name="history",
        kind=history_kind,
        about="Where the records of runs are kept on the machine that builds.",
        example="{folder: ./.gobake/history}",
        otherwise="in the data folder of whoever builds",
    ),
    Field(
        name="defaults",
        kind=defaults_kind(SERVICE_FIELDS),
        about="Settings of all services, unless a service says otherwise.",
        example="{platforms: [linux/amd64, linux/arm64]}",
        otherwise="gobake's own",
    ),
    Field(
        name="services",
        kind=services_kind(SERVICE_FIELDS),
        about="The commands that become images; `include` and `exclude` are patterns over those that Go finds.",
        example="{api: {package: ./cmd/api}}",
        otherwise="the commands that the repository ships (docs/services.md)",
    ),
)
