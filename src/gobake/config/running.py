"""Kinds of what a program needs at run time: base, folders, health check, binaries, files."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated

from msgspec import Struct

from gobake.config import patterns, words
from gobake.config.fields import Field, Key, fields_of, object_schema, read_fields
from gobake.config.kinds import Grammar, Kind, items, mapping, verbatim, whole
from gobake.config.nodes import Scalar
from gobake.config.reading import At
from gobake.config.spelling import shown
from gobake.model import ExtraFile, HealthCheck, Smoke, is_system_folder

_MADE_AT_START = ("/proc", "/sys", "/dev")
_LINKS = {"/var/run": "/run", "/var/lock": "/run/lock", "/bin": "/usr/bin", "/sbin": "/usr/sbin", "/lib": "/usr/lib"}


def _writable(at: At, value: str) -> None:
    """Refuse folders of the system, and those that are links in a distribution."""
    folder = value.rstrip("/") or "/"
    top = "/" + folder.split("/")[1]
    if folder == "/tmp":
        raise at.refuse("/tmp belongs to everybody", "write `tmp: true`")
    if top in _MADE_AT_START:
        raise at.refuse(f"{shown(value)} is mounted when a container starts", "name another folder, such as /data")
    for link, real in _LINKS.items():
        if folder == link or folder.startswith(f"{link}/"):
            below = folder.removeprefix(link)
            raise at.refuse(f"{link} is a link in Debian's images", f"write {real}{below or '/name'}")
    if is_system_folder(folder):
        raise at.refuse(
            f"{shown(value)} belongs to the system, and is not for the program to write",
            "name a folder of its own, such as /data or /var/lib/name",
        )


def _folder(at: At, value: str) -> None:
    if not value.startswith("/"):
        raise at.refuse(f"{shown(value)} is not absolute", "begin it with /")
    if ".." in value.split("/"):
        raise at.refuse(f"{shown(value)} holds ..", "write the path that is meant")
    if re.fullmatch(patterns.FOLDER, value):
        _writable(at, value)


DATA = Grammar(
    says="folder in the image",
    pattern=patterns.FOLDER,
    remedy="such as /data",
    check=_folder,
    tidy=lambda value: value.rstrip("/") or "/",
)


def _base(at: At, value: str) -> None:
    if "://" in value:
        raise at.refuse(f"{shown(value)} is a URL", "leave https:// away")
    if value.startswith("/"):
        raise at.refuse(f"{shown(value)} is absolute", "write it relative to the folder of gobake.yaml, begun with ./")
    if value.startswith("../") or "/../" in value:
        raise at.refuse(f"{shown(value)} leaves the project", "name a file below the folder of gobake.yaml")
    if "/" in value and not value.startswith("./") and value.rpartition("/")[2].lower().endswith("dockerfile"):
        raise at.refuse(f"{shown(value)} reads as an image reference", f"write ./{value} for the file")


BASE = Grammar(
    says="image reference or Dockerfile",
    pattern=patterns.BASE,
    remedy="such as alpine:3.22, or ./build/base.Dockerfile for a file of the project",
    check=_base,
)
DURATION = Grammar(
    says="duration",
    pattern=patterns.DURATION,
    remedy="a number with a unit, such as 10s, 500ms or 1m30s",
)

# ---- healthcheck

_COMMAND: Kind[tuple[str, ...]] = items(verbatim(least=1), "words", repeats=True, least=1)
HEALTH_FIELDS = (
    Field(
        name="command",
        kind=_COMMAND,
        about="The probe, word by word: a program of the image. It is well where it ends with 0.",
        example='["/usr/local/bin/api", "-health"]',
        required=True,
    ),
    Field(name="interval", kind=DURATION.kind, about="Between two probes.", example="10s", otherwise="Docker's 30s"),
    Field(
        name="timeout",
        kind=DURATION.kind,
        about="After which a probe counts as failed.",
        example="3s",
        otherwise="Docker's 30s",
    ),
    Field(
        name="start_period",
        kind=DURATION.kind,
        about="After the start, in which failures do not count.",
        example="5s",
        otherwise="Docker's 0s",
    ),
    Field(
        name="retries",
        kind=whole(least=1, most=1000, says="probes"),
        about="Failures in a row until the container is unhealthy.",
        example="3",
        otherwise="Docker's 3",
    ),
)
healthcheck: Kind[HealthCheck] = Kind(
    read=lambda at: HealthCheck(**read_fields(at, HEALTH_FIELDS)),
    described=lambda: object_schema(HEALTH_FIELDS),
    says="a probe",
)

# ---- smoke

_TCP_PORT = Grammar(
    says="TCP port",
    pattern=patterns.TCP_PORT,
    remedy="1 to 65535",
    number={"type": "integer", "minimum": 1, "maximum": 65535},
)
SMOKE_FIELDS = (
    Field(
        name="command",
        kind=_COMMAND,
        about="A program of the image with its arguments, word by word, run in place of the service. It has to exit 0.",
        example='["/usr/local/bin/api", "--version"]',
        otherwise="the service is started as the image says",
    ),
    Field(
        name="args",
        kind=items(verbatim(), "words", repeats=True),
        about="Arguments of the service, in place of those of the image.",
        example='["--listen", ":8080", "--store", "memory"]',
        otherwise="those of the image",
    ),
    Field(
        name="env",
        kind=mapping("name of a variable", patterns.VARIABLE, verbatim(), "name -> text"),
        about="Environment beside that of the image. No secrets.",
        example="{STORE: memory}",
        default="{}",
    ),
    Field(
        name="path",
        kind=words.HEALTH.kind,
        about='The HTTP path that has to answer with a status of 200 to 299. "" asks none.',
        example="/readyz",
        otherwise="`health`",
    ),
    Field(
        name="port",
        kind=_TCP_PORT.kind,
        about="The TCP port that is asked, where it is not among `ports`.",
        example="9090",
        otherwise="the TCP ports of `ports`",
    ),
    Field(
        name="timeout",
        kind=DURATION.kind,
        about="The time limit. --smoke-timeout on the command line wins.",
        example="30s",
        otherwise="10s, and 60s where the platform is emulated",
    ),
)


def _read_smoke(at: At) -> Smoke:
    given = read_fields(at, SMOKE_FIELDS)
    given["env"] = tuple(sorted(given.get("env", {}).items()))
    return Smoke(**{**given, "port": int(given.get("port", 0))})


smoke: Kind[Smoke] = Kind(
    read=_read_smoke,
    described=lambda: object_schema(SMOKE_FIELDS),
    says="settings of a start",
)

# ---- binaries

_PROGRAM = Grammar(
    says="name of a program",
    pattern=r"[A-Za-z0-9_][A-Za-z0-9._+-]*",
    remedy="letters, digits, and . _ + - after the first",
    longest=100,
)


class BinaryConfig(Struct, frozen=True, kw_only=True):
    """A command in the image of a service."""

    package: Annotated[
        str,
        Key(
            kind=words.PACKAGE.kind,
            about="A main package: what Go calls its program, its folder begun with ./, or its import path.",
            example="./etcdctl",
            required=True,
        ),
    ]
    name: Annotated[
        str | None,
        Key(
            kind=_PROGRAM.kind,
            about="What it is called in /usr/local/bin. The first is always called as the service.",
            example="ctl",
            otherwise="as Go calls it",
        ),
    ] = None


BINARY_FIELDS = fields_of(BinaryConfig)


def _read_binary(at: At) -> BinaryConfig:
    if isinstance(at.node, Scalar):
        return BinaryConfig(package=words.PACKAGE.kind.read(at))
    return BinaryConfig(**read_fields(at, BINARY_FIELDS))


binary: Kind[BinaryConfig] = Kind(
    read=_read_binary,
    described=lambda: {"oneOf": [words.PACKAGE.kind.schema, object_schema(BINARY_FIELDS)]},
    says="binaries",
)

# ---- files

FILE_FIELDS = (
    Field(
        name="source",
        kind=words.SOURCE.kind,
        about="A file or folder of the project, relative to the folder of gobake.yaml.",
        example="config/app.toml",
        required=True,
    ),
    Field(
        name="target",
        kind=words.TARGET.kind,
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
        source=PurePosixPath(words.SOURCE.admit(at, source)), target=PurePosixPath(words.TARGET.admit(at, f"/{target}"))
    )


file: Kind[ExtraFile] = Kind(
    read=_read_file,
    described=lambda: {"oneOf": [{"type": "string", "pattern": f"^{patterns.FILE}$"}, object_schema(FILE_FIELDS)]},
    says="files",
)
