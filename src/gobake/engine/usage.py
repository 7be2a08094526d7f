"""What a registry says of an image, and which cache mounts a builder has: asked of docker and buildx."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from time import monotonic
from typing import Any

from msgspec import Struct

from gobake.engine import api
from gobake.engine.bake import ending
from gobake.engine.builder import Builder, buildx_command, docker_command, not_started, refusal
from gobake.engine.gc_rules import size_in_bytes
from gobake.errors import GobakeError, NoEngine, RegistryRefused
from gobake.proc import command
from gobake.proc.command import Done, Late, NotStarted
from gobake.proc.groups import STOP_SECONDS

_MISSING = re.compile(r"(?i)not found|manifest unknown|name unknown|does not exist")
_DELETE_SECONDS = 600  # of a mount with millions of files
USAGE_SECONDS = 20.0  # mounts of a million files are measured one file at a time
_DAY = 86_400
_SECONDS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": _DAY,
    "week": 7 * _DAY,
    "month": 30 * _DAY,
    "year": 365 * _DAY,
}


def inspect_image(reference: str, template: str, seconds: float) -> str | None:
    """`docker buildx imagetools inspect`, raw without a template; None where the registry has no such image.

    Raises RegistryRefused where it does not answer in ``seconds`` or refuses.
    """
    form = ["--format", template] if template else ["--raw"]
    try:
        done = _run([*buildx_command(), "imagetools", "inspect", *form, reference], seconds)
    except Late:
        raise RegistryRefused(f"{reference}: the registry did not answer within {seconds:.0f} s") from None
    if done.code == 0:
        return done.out
    said = done.last.removeprefix("ERROR: ") or "no reason given"
    if _MISSING.search(said):
        return None
    raise RegistryRefused(f"{reference}: {said}")


class CacheMount(Struct, frozen=True, kw_only=True):
    """One cache mount that a builder keeps."""

    record: str  # BuildKit's own id: another one after the mount was deleted and began anew
    id: str  # of the RUN --mount, without BuildKit's namespace where gobake's ids begin with it
    size: int  # bytes
    created: str
    used: str  # as BuildKit says it: 17 seconds ago; "" never

    @property
    def unused_seconds(self) -> float | None:
        """For how long nothing has used it, at least: BuildKit rounds down. None: it does not say."""
        return elapsed(self.used)


def cache_mounts(builder: str = "") -> tuple[CacheMount, ...] | None:
    """The cache mounts of a builder's nodes; None where it does not tell."""
    text = _du(builder, "--filter", "type=exec.cachemount")
    return None if text is None else parse_mounts(text)


def _patience() -> float:
    """Seconds that an answer of how much there is is waited for, in however many tries."""
    return STOP_SECONDS if ending() else USAGE_SECONDS


def _du(builder: str, *words: str, until: float | None = None) -> str | None:
    """It is asked twice: a record that goes while BuildKit lists all of them can spoil one answer."""
    until = until or monotonic() + _patience()
    for _ in range(2):
        if (left := until - monotonic()) <= 0:
            break
        with contextlib.suppress(GobakeError, Late):
            done = _run([*buildx_command(), "du", *_named(builder), "--verbose", *words], left)
            if not done.code:
                return done.out
    return None


class Usage(Struct, frozen=True, kw_only=True):
    """What a builder keeps."""

    records: int  # of all kinds
    mounts: tuple[CacheMount, ...]


def builder_usage(builder: Builder, chosen: str = "") -> Usage | None:
    """What a builder keeps; None where it does not tell. ``chosen``: its name as --builder gave it.

    Docker's own builder is asked over its socket (a fiftieth of a second, and the engine's clock for `used`), any other
    one through buildx (a fifth of a second).
    """
    until = monotonic() + _patience()
    if builder.on_socket:
        answer = api.get("/v1.44/system/df?type=build-cache", _patience())
        if isinstance(answer, dict):
            return parse_usage(answer)
    text = _du(chosen, until=until)
    if text is None:
        return None
    return Usage(records=len(re.findall(r"(?m)^ID:\s", text)), mounts=parse_mounts(text))


def _named(builder: str) -> tuple[str, ...]:
    return ("--builder", builder) if builder else ()


def parse_usage(answer: dict[str, Any]) -> Usage:
    """Read the Engine API's answer: docs.docker.com/reference/api/engine, SystemDataUsage, BuildCache."""
    listed = [record for record in answer.get("BuildCache") or () if isinstance(record, dict)]
    mounts = []
    for record in listed:
        named = re.search(r'with id "([^"]*)"\s*$', str(record.get("Description")))
        if named and record.get("Type") == "exec.cachemount":
            mounts.append(
                CacheMount(
                    record=str(record.get("ID")),
                    id=_without_namespace(named[1]),
                    size=int(record.get("Size") or 0),
                    created=str(record.get("CreatedAt") or ""),
                    used=str(record.get("LastUsedAt") or ""),
                )
            )
    return Usage(records=len(listed), mounts=tuple(mounts))


def parse_mounts(text: str) -> tuple[CacheMount, ...]:
    """Read `docker buildx du --verbose`: blocks of `Field: value`; a description may have more lines."""
    found = []
    for block in re.split(r"(?m)^(?=ID:\s)", text):
        fields = {m[1]: m[2].strip() for m in re.finditer(r"(?m)^([A-Z][A-Za-z ]*):[ \t]*(.*)$", block)}
        named = re.search(r'with id "([^"]*)"\s*$', _description(block)) or re.match(
            r"cached mount (\S+) from", fields.get("Description", "")
        )
        if not named or fields.get("Type") != "exec.cachemount":
            continue
        found.append(
            CacheMount(
                record=fields.get("ID", "").rstrip("*"),
                id=_without_namespace(named[1]) if "with id" in named[0] else named[1],
                size=size_in_bytes(fields.get("Size", "")) or 0,
                created=fields.get("Created at", ""),
                used=fields.get("Last used", ""),
            )
        )
    return tuple(found)


def _without_namespace(written: str) -> str:
    """``NAMESPACE/ID`` as gobake names mounts. An id that does not begin with its namespace was not made by gobake, and
    stays as it is: else a Dockerfile of anybody's could make a mount that looks like one of main's."""
    space, slash, name = written.partition("/")
    return name if slash and (not space or name.startswith(f"{space}-")) else written


def elapsed(text: str) -> float | None:
    """Seconds of `2 weeks ago`, `About an hour ago`, as the docker client words it (go-units, HumanDuration)."""
    match = re.fullmatch(
        r"(?i)(?:(less than) )?(?:about )?(\d+|an?) (second|minute|hour|day|week|month|year)s? ago", text
    )
    if not match:
        return None
    count = 0 if match[1] else int(match[2]) if match[2].isdigit() else 1
    return float(count * _SECONDS[match[3].lower()])


def delete_mount(record: str, builder: str = "") -> bool:
    """Delete one cache mount; False where it is in use or gone. Raises NoEngine, NoBuilder."""
    words = ("buildx", "prune", *_named(builder), "--force", "--filter", f"id={record}")
    try:
        done = _docker(*words, seconds=_DELETE_SECONDS)
    except Late:
        raise NoEngine(f"`docker buildx prune` did not end within {_DELETE_SECONDS} s") from None
    if done.code:
        raise refusal(done.err or done.out, words)
    return record in done.out


def remove_images(references: Sequence[str]) -> None:
    """Remove images from the engine's store; what is not there, or in use, stays as it is."""
    with contextlib.suppress(Late):
        _docker("image", "rm", *references, seconds=_DELETE_SECONDS)


def _docker(*words: str, seconds: float) -> Done:
    """Raises NoEngine and Late."""
    return _run([docker_command(), *words], seconds)


def _run(words: Sequence[str], seconds: float) -> Done:
    """Raises NoEngine and Late."""
    try:
        return command.run(words, env=os.environ, seconds=seconds)
    except NotStarted as error:
        raise not_started(words[0], error) from None


def _description(block: str) -> str:
    match = re.search(r"(?ms)^Description:(.*?)^(?:Usage count|Last used|Type):", block)
    return match[1].strip() if match else ""
