"""The grammars of values in a configuration, with messages for frequent mistakes."""

from __future__ import annotations

import re
from collections.abc import Callable

from gobake.config import patterns, stamps
from gobake.config.kinds import Grammar, Kind, Schema, choice
from gobake.config.reading import At
from gobake.config.spelling import meant, shown
from gobake.errors import UsageError
from gobake.model import Platform, Strategy

# Names of targets, groups and stages in the generated files.
RESERVED_NAMES = ("all", "compile", "default", "go", "trace", *Strategy, "include", "exclude")
SERVICE_LISTS = ("include", "exclude")  # keys of `services` that hold patterns and are not service names

# Suggested in messages and allowed by the schema; model.Platform decides which platforms are valid.
ARCHITECTURES = "386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x".split()
_OTHER_NAMES = "x86_64 x86-64 aarch64 armhf i386".split()
_HIGHEST_ID = 2**31 - 1  # Docker's limit for user and group ids


def _avoiding(wrong: str, what: str, remedy: str) -> Callable[[At, str], None]:
    """Return a check that explains one frequent mistake."""

    def check(at: At, value: str) -> None:
        if re.search(wrong, value):
            raise at.refuse(f"{shown(value)} {what}", remedy)

    return check


COMPRESSIONS = ("zstd", "gzip", "estargz", "uncompressed")  # of layers, as BuildKit names them


# ---- names


def _without_password(at: At, value: str) -> None:
    """Refuse a login; the message does not show it."""
    if re.match("[^/]*//[^/]*@", value):
        raise at.refuse("holds a user or password", "everyone who has the image could read it: leave it away")


def _service_name(at: At, value: str) -> None:
    if value in RESERVED_NAMES:
        raise at.refuse(f"a service cannot be called {shown(value)}", "gobake's own targets have that name")


SERVICE_NAME = Grammar(
    says="name of a service",
    pattern=patterns.COMPONENT,
    remedy="it becomes an image's name: lower-case letters and digits, with single . _ or - between them",
    longest=128,
    check=_service_name,
)
PROJECT_NAME = Grammar(
    says="name of a project",
    pattern=patterns.PROJECT_NAME,
    remedy="lower-case letters and digits with - between them, not after branch- or untrusted-",
)
REGISTRY = Grammar(
    says="prefix of image names",
    pattern=patterns.REGISTRY,
    remedy="such as ghcr.io/acme or localhost:5000/shop, in lower case",
    check=_avoiding("://", "is a URL", "leave https:// away"),
    tidy=lambda value: value.rstrip("/"),
)
REGISTRIES = Grammar(
    says="prefix of image names",
    pattern=rf"{patterns.REGISTRY}(?:,{patterns.REGISTRY})*",
    remedy=REGISTRY.remedy,
)
REFERENCE = Grammar(
    says="image reference",
    pattern=patterns.REFERENCE,
    remedy="such as alpine:3.22 or gcr.io/distroless/static-debian12@sha256:..., in lower case",
    check=_avoiding("://", "is a URL", "leave https:// away"),
)
TAG = Grammar(
    says="image tag",
    pattern=patterns.TAG,
    remedy="letters, digits, _ . and -, at most 128 of them",
    number={"type": "number", "minimum": 0},
)
TAG_TEMPLATE = Grammar(
    says="image tag",
    pattern=patterns.TAG_TEMPLATE,
    remedy="letters, digits, _ . and -, at most 128 of them, and {{version}}, {{major}}, {{minor}}, {{patch}}, "
    "{{sha}}, {{branch}} or {{date}}",
    longest=128,
    number={"type": "number", "minimum": 0},
)
TAG_GLOB = Grammar(
    says="pattern of image tags",
    pattern=patterns.TAG_GLOB,
    remedy="such as v* or [0-9]*.[0-9]*.[0-9]*",
    number={"type": "number", "minimum": 0},
)
GO_VERSION = Grammar(
    says="Go version",
    pattern=patterns.GO_VERSION,
    remedy="such as 1.26 or 1.26.3",
    number={"type": "number", "exclusiveMinimum": 1, "exclusiveMaximum": 2},
    check=_avoiding("^go", "begins with go", "write the number alone: 1.26"),
)
URL = Grammar(
    says="web address",
    pattern=patterns.URL,
    remedy="such as https://github.com/acme/shop",
    check=_without_password,
)


# ---- what Go compiles


def _inside(at: At, value: str) -> None:
    if value.startswith("/"):
        raise at.refuse(f"{shown(value)} is absolute", "write it relative to the folder of gobake.yaml")
    if ".." in re.split(r"[/\\]", value):
        raise at.refuse(f"{shown(value)} leaves the project", "name something below the folder of gobake.yaml")


def _package(at: At, value: str) -> None:
    if "..." in value:
        raise at.refuse(f"{shown(value)} is a pattern", "name one package; every service has its own")
    _inside(at, value)


PACKAGE = Grammar(
    says="Go package",
    pattern=patterns.PACKAGE,
    remedy="such as ./cmd/api or github.com/acme/shop/cmd/api",
    check=_package,
    tidy=lambda value: value.rstrip("/"),
)
BUILD_TAG = Grammar(
    says="build tag",
    pattern=patterns.BUILD_TAG,
    remedy="one word of letters, digits, _ and .",
    number={"type": "number", "minimum": 0},
)
STAMP = Grammar(says="Go variable", pattern=patterns.STAMP, remedy="package.variable, such as main.version", empty=True)
VERSION = Grammar(
    says="version",
    pattern=patterns.VERSION,
    remedy="such as v1.2.3: printable text without { and }, and with one kind of quotes at most",
    longest=200,
    number={"type": "number", "minimum": 0},
)


def _read_stamp_text(at: At) -> str:
    value = at.text()
    try:
        literals = "".join(piece.literal for piece in stamps.pieces(value))
        stamps.quoted(literals)
    except stamps.WrongPlaceholder as error:
        if error.word is None:
            raise at.refuse(
                f"{shown(value)} has a brace without its other half", "write {{ or }} for a brace"
            ) from None
        raise at.refuse(
            f"there is no placeholder {shown('{' + error.word + '}')}",
            f"{meant(error.word, stamps.PLACEHOLDERS)}; write {{{{ for a brace",
        ) from None
    except ValueError:
        raise at.refuse(
            f"{shown(value)} holds both kinds of quotes", "go build -ldflags can pass only one kind in a value"
        ) from None
    return value


_BRACED = rf"(?:[^{{}}]|\{{\{{|\}}\}}|\{{(?:{'|'.join(stamps.PLACEHOLDERS)})\}})*"
_STAMP_SCHEMA: Schema = {
    "type": ["string", "number", "boolean"],
    "pattern": rf"^{patterns.ONE_KIND_OF_QUOTES}{_BRACED}$",
}
stamp_text: Kind[str] = Kind(read=_read_stamp_text, described=lambda: _STAMP_SCHEMA, says="text with placeholders")


# ---- caches

POLICY = Grammar(
    says="cache policy", pattern=patterns.POLICY, remedy="a name such as ci-branch, or a file such as ./ci/cache.yaml"
)


def _store(at: At, value: str) -> None:
    scheme, url, _ = value.partition("://")
    if url and scheme in ("http", "https"):
        raise at.refuse(f"{shown(value)} is a URL", "leave https:// away")
    if url:
        remedy = "write a repository such as ghcr.io/acme/shop-cache, or a folder such as ./cache"
        if scheme == "s3":
            remedy += "; S3 holds layer caches alone, with a backend in `layers`"
        raise at.refuse(f"{shown(value)} is neither a registry's repository nor a folder", remedy)


STORE = Grammar(
    says="cache store",
    pattern=patterns.STORE,
    remedy="a repository without tag, such as ghcr.io/acme/shop-cache, or a folder that begins with ., / or ~/",
    check=_store,
    tidy=lambda value: value.rstrip("/") or "/",
)
BRANCH = Grammar(says="branch", pattern=patterns.BRANCH, remedy="a name as Git has it, without refs/heads/")
ATTRIBUTE = Grammar(
    says="attribute of a cache backend", pattern=patterns.ATTRIBUTE, remedy="without blanks, commas or quotes"
)
SIZE = Grammar(
    says="size",
    pattern=patterns.SIZE,
    remedy="a number with a unit, such as 4GB or 500MiB",
    number={"type": "number", "minimum": 0},
)


# ---- records

HISTORY_FOLDER = Grammar(
    says="folder",
    pattern=patterns.HOST_FILE,
    remedy="such as ./.gobake/history or ~/gobake, without commas, quotes or blanks at its ends",
    longest=1000,
)


# ---- paths


def _absolute(at: At, value: str) -> None:
    if not value.startswith("/"):
        raise at.refuse(f"{shown(value)} is not absolute", "begin it with /")
    if ".." in value.split("/"):
        raise at.refuse(f"{shown(value)} holds ..", "write the path that is meant")


SOURCE = Grammar(
    says="path of one file or folder of the project",
    pattern=patterns.SOURCE,
    remedy="such as config/app.toml; without wildcards and backslashes",
    check=_inside,
)
TARGET = Grammar(
    says="path in the image",
    pattern=patterns.ABSOLUTE_PATH,
    remedy="the whole path that it has there, such as /etc/app.toml, without a slash at its end",
    check=_absolute,
)
WORKDIR = Grammar(
    says="folder in the image",
    pattern=patterns.FOLDER,
    remedy="such as /data",
    empty=True,
    check=_absolute,
    tidy=lambda value: value.rstrip("/") or "/",
)
INCLUDE = Grammar(
    says="pattern of files",
    pattern=patterns.INCLUDE,
    remedy="such as assets/**/*.json: *, ? and [a-z] stand for signs of a name, ** for folders",
    check=_inside,
    tidy=lambda value: value.removeprefix("./"),
)
PATTERN = Grammar(
    says="pattern of commands",
    pattern=patterns.COMMANDS,
    remedy="such as ./cmd/gen, ./tools/... or *-gen: a folder, an import path or a name with `...`, * and ?",
)
PREBUILT = Grammar(
    says="pattern of binaries",
    pattern=patterns.PREBUILT,
    remedy="such as dist/{service}-{os}-{arch}: it needs {service} and {arch}, and may have {os} and {variant}",
    check=_inside,
)
HEALTH = Grammar(
    says="path of a web address",
    pattern=patterns.HEALTH,
    remedy="such as /healthz",
    empty=True,
    check=_avoiding("^(?!/)", "does not begin with /", "leave host and port away, such as /healthz"),
)


# ---- numbers


def _port(at: At, value: str) -> None:
    if ":" in value:
        raise at.refuse(f"{shown(value)} maps a port", "write only the port that the program listens on, such as 8080")


def _user(at: At, value: str) -> None:
    if re.search("[A-Za-z]", value):
        raise at.refuse(
            f"{shown(value)} names a user",
            "scratch has no /etc/passwd to look names up in: write numbers, such as 65532:65532",
        )
    if any(part.isdecimal() and int(part) > _HIGHEST_ID for part in value[:30].split(":")):
        raise at.refuse(f"{shown(value)} is too high", f"Docker's highest user and group is {_HIGHEST_ID}")


PORT = Grammar(
    says="port",
    pattern=patterns.PORT,
    remedy="1 to 65535, with /udp or /sctp if it is not TCP",
    number={"type": "integer", "minimum": 1, "maximum": 65535},
    check=_port,
    tidy=lambda value: value.removesuffix("/tcp"),
)
USER = Grammar(
    says="user",
    pattern=patterns.USER,
    remedy="uid or uid:gid, such as 65532:65532",
    number={"type": "integer", "minimum": 0, "maximum": _HIGHEST_ID},
    check=_user,
)


# ---- words for values of the model

strategy: Kind[Strategy] = choice("strategy", tuple(Strategy), Strategy)
provenance: Kind[str] = choice("provenance mode", ("false", "min", "max"), str)


def _read_platform(at: At) -> Platform:
    value = at.text()
    try:
        return Platform.parse(value[:100])
    except UsageError as error:
        likely = meant(value, [f"linux/{arch}" for arch in ARCHITECTURES])
        formed = re.fullmatch("[^/]+(/[^/]+){1,2}", value.strip())
        what = error.what if formed else f"{value[:100]!r} is no platform"
        raise at.refuse(what, likely if likely.startswith("did") else error.remedy) from None


_PLATFORM_SCHEMA: Schema = {
    "type": "string",
    "pattern": f"^linux/(?:{'|'.join([*ARCHITECTURES, *_OTHER_NAMES])})(?:/v[1-8])?$",
    "examples": ["linux/amd64", "linux/arm64", "linux/arm/v7"],
}
platform: Kind[Platform] = Kind(read=_read_platform, described=lambda: _PLATFORM_SCHEMA, says="platform")
