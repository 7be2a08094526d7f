"""Queries docker and buildx for images in a registry and for a builder's cache mounts."""

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
from gobake.errors import GobakeError, NoEngine, RegistryRefused
from gobake.proc import command
from gobake.proc.command import Done, Late, NotStarted
from gobake.proc.groups import STOP_SECONDS
from gobake.text.amounts import size_in_bytes

_MISSING = re.compile(r"(?i)not found|manifest unknown|name unknown|does not exist")
_DELETE_SECONDS = 600  # for a mount with millions of files
_START_SECONDS = 300  # BuildKit's image may have to be pulled
USAGE_SECONDS = 20.0  # mounts with a million files are measured file by file
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
    """Run `docker buildx imagetools inspect`, raw without a template; None if the image does not exist.

    Raises RegistryRefused if the registry refuses or does not respond in ``seconds``.
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
    """One cache mount in a builder."""

    record: str  # BuildKit's own id, which changes when the mount is deleted and made anew
    id: str  # of the RUN --mount, without BuildKit's namespace if gobake's ids begin with it
    size: int  # bytes
    created: str
    used: str  # in BuildKit's words: 17 seconds ago; "": never

    @property
    def unused_seconds(self) -> float | None:
        """The minimum time without use, because BuildKit rounds down; None if not reported."""
        return elapsed(self.used)


def cache_mounts(builder: str = "") -> tuple[CacheMount, ...] | None:
    """Return the cache mounts of a builder's nodes; None if unavailable."""
    text = _du(builder, "--filter", "type=exec.cachemount")
    return None if text is None else parse_mounts(text)


def _patience() -> float:
    """Return how many seconds to wait for disk usage, for all attempts together."""
    return STOP_SECONDS if ending() else USAGE_SECONDS


def _du(builder: str, *words: str, until: float | None = None) -> str | None:
    """Run `docker buildx du`, up to twice: a record that disappears while BuildKit lists them can spoil one answer."""
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
    """Return what a builder keeps; None if unavailable. ``chosen``: its name as given by --builder.

    Docker's own builder is queried over its socket (0.02 s, with the engine's clock for `used`), others through buildx
    (0.2 s).
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
    """Parse the Engine API's response: docs.docker.com/reference/api/engine, SystemDataUsage, BuildCache."""
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
    """Parse `docker buildx du --verbose`: blocks of `Field: value`; a description may have several lines."""
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
    """Return the id of ``NAMESPACE/ID`` as gobake names mounts.

    An id that does not begin with its namespace was not made by gobake, and stays unchanged. Otherwise, anybody's
    Dockerfile could make a mount that looks like one of main's.
    """
    space, slash, name = written.partition("/")
    return name if slash and (not space or name.startswith(f"{space}-")) else written


def elapsed(text: str) -> float | None:
    """Parse `2 weeks ago`, `About an hour ago` into seconds (go-units in the docker client, HumanDuration)."""
    match = re.fullmatch(
        r"(?i)(?:(less than) )?(?:about )?(\d+|an?) (second|minute|hour|day|week|month|year)s? ago", text
    )
    if not match:
        return None
    count = 0 if match[1] else int(match[2]) if match[2].isdigit() else 1
    return float(count * _SECONDS[match[3].lower()])


def delete_mount(record: str, builder: str = "") -> bool:
    """Delete one cache mount; False if it is in use or gone. Raises NoEngine, NoBuilder."""
    words = ("prune", *_named(builder), "--force", "--filter", f"id={record}")
    return record in _finished(*words, shown="prune", seconds=_DELETE_SECONDS)


def bootstrap(builder: str = "") -> None:
    """Start the nodes of a builder. Raises NoEngine, NoBuilder."""
    words = ("inspect", "--bootstrap", *((builder,) if builder else ()))
    _finished(*words, shown="inspect --bootstrap", seconds=_START_SECONDS)


def _finished(*words: str, shown: str, seconds: int) -> str:
    """Run a buildx command that may take long, and return its output. Raises NoEngine, NoBuilder."""
    try:
        done = _docker("buildx", *words, seconds=seconds)
    except Late:
        raise NoEngine(f"`docker buildx {shown}` did not end within {seconds} s") from None
    if done.code:
        raise refusal(done.err or done.out, ("buildx", *words))
    return done.out


def remove_images(references: Sequence[str]) -> None:
    """Remove images from the engine's store, except those that are missing or in use."""
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
