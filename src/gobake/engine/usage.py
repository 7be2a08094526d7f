"""Queries buildx for a builder's cache mounts."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gobake.engine import api, views
from gobake.engine.answers import Builder, Node
from gobake.engine.bake import ending
from gobake.engine.builder import buildx_command, docker_command, not_started, refusal
from gobake.errors import GobakeError, NoEngine
from gobake.proc import command
from gobake.proc.command import Done, Late, NotStarted
from gobake.proc.groups import STOP_SECONDS
from gobake.text.amounts import size_in_bytes

_DELETE_SECONDS = 600  # for a mount with millions of files
_START_SECONDS = 300  # BuildKit's image may have to be pulled
USAGE_SECONDS = 20.0  # mounts with a million files are measured file by file
_AGAIN_SECONDS = 0.2
# a filter by type would hide the mounts that BuildKit is measuring; buildx 0.13 does not know this operator
_MOUNTS = ("--filter", "description~=cached.mount")
_MOUNT, _DESCRIBED = "exec.cachemount", "cached mount "  # type and description of a cache mount
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


class CacheMount(Struct, frozen=True, kw_only=True):
    """One cache mount in a builder."""

    record: str  # BuildKit's own id, which changes when the mount is deleted and made anew
    id: str  # of the RUN --mount, without BuildKit's namespace if gobake's ids begin with it
    size: int  # bytes
    created: str
    used: str  # in BuildKit's words: 17 seconds ago; "": never
    node: str = ""  # which has it, of a builder with several

    @property
    def unused_seconds(self) -> float | None:
        """The minimum time without use, because BuildKit rounds down; None if not reported."""
        return elapsed(self.used)


def cache_mounts(builder: str = "") -> tuple[CacheMount, ...] | None:
    """Return the cache mounts of a builder; None if unavailable, such as those of several nodes if one is down."""
    usage = _settled(lambda until: _du(builder, *_MOUNTS, until=until))
    return None if usage is None else usage.mounts


def require_mounts(builder: str = "") -> tuple[CacheMount, ...]:
    """Return the cache mounts of a builder. Raises NoEngine if it does not list them."""
    mounts = cache_mounts(builder)
    if mounts is None:
        raise _unlisted(builder)
    return mounts


def builder_mounts(builder: Builder, chosen: str = "") -> tuple[CacheMount, ...]:
    """Return the cache mounts of all nodes that answer. Raises NoEngine if one of them does not list its mounts."""
    if not builder.places:
        return require_mounts(chosen)
    usage = builder_usage(builder, chosen)
    if usage is None:
        raise _unlisted(builder.name)
    return usage.mounts


def _unlisted(builder: str) -> NoEngine:
    name = views.name_of(builder)
    return NoEngine(
        f"{f'builder {name}' if name else 'the builder'} does not list its cache mounts",
        remedy=f"try again, or look for the reason with: {' '.join(('docker buildx du', *views.options(name)))}",
    )


def _patience() -> float:
    """Return how many seconds to wait for disk usage, for all attempts together."""
    return STOP_SECONDS if ending() else USAGE_SECONDS


class Usage(Struct, frozen=True, kw_only=True):
    """What a builder keeps."""

    records: int  # of all kinds
    mounts: tuple[CacheMount, ...]
    # A mount is missing, because BuildKit measures it: one second after it has started, or for another client. For that
    # time it lists an immutable twin instead, with another id and of type "regular".
    measuring: bool = False


def builder_usage(builder: Builder, chosen: str = "") -> Usage | None:
    """Return what a builder keeps; None if unavailable. ``chosen``: its name as given by --builder.

    Docker's own builder is queried over its socket (0.02 s, with the engine's clock for `used`), others through buildx
    (0.2 s).
    """
    if places := builder.places:
        return _of_nodes(places)

    def ask(until: float) -> Usage | None:
        if builder.on_socket:
            answer = api.get("/v1.44/system/df?type=build-cache", until - monotonic())
            if isinstance(answer, dict):
                return parse_usage(answer)
        return _du(chosen, until=until)

    return _settled(ask)


def _settled(ask: Callable[[float], Usage | None]) -> Usage | None:
    """Ask until no mount is being measured; None if there is no answer, or none such in time."""
    until = monotonic() + _patience()
    while monotonic() < until and (usage := ask(until)):
        if not usage.measuring:
            return usage
        sleep(_AGAIN_SECONDS)
    return None


def _du(builder: str, *filters: str, until: float) -> Usage | None:
    """Run `docker buildx du`, up to twice: a record that disappears while BuildKit lists them can spoil one answer.

    The second time without ``filters``, which older versions refuse.
    """
    for words in (filters, ()):
        if (left := until - monotonic()) <= 0:
            break
        with contextlib.suppress(GobakeError, Late):
            done = _run([*buildx_command(), "du", *views.options(builder), "--verbose", *words], left, builder)
            if not done.code:
                return parse_du(done.out)
    return None


def _of_nodes(places: Mapping[str, Node]) -> Usage | None:
    """Return what all nodes keep together, each asked by its address; None if one of them does not tell."""
    found = []
    with ThreadPoolExecutor(len(places)) as pool:
        answers = pool.map(lambda address: _settled(lambda until: _du(address, until=until)), places)
        for node, usage in zip(places.values(), answers, strict=True):
            if usage is None:
                return None
            found.append(replace(usage, mounts=tuple(replace(mount, node=node.name) for mount in usage.mounts)))
    return Usage(
        records=sum(usage.records for usage in found), mounts=tuple(mount for usage in found for mount in usage.mounts)
    )


def parse_usage(answer: dict[str, Any]) -> Usage:
    """Parse the Engine API's response: docs.docker.com/reference/api/engine, SystemDataUsage, BuildCache."""
    listed = [record for record in answer.get("BuildCache") or () if isinstance(record, dict)]
    mounts, measuring = [], False
    for record in listed:
        described = str(record.get("Description"))
        named = re.search(r'with id "([^"]*)"\s*$', described)
        if record.get("Type") != _MOUNT:
            measuring |= bool(record.get("InUse")) and described.startswith(_DESCRIBED)
        elif named:
            mounts.append(
                CacheMount(
                    record=str(record.get("ID")),
                    id=_without_namespace(named[1]),
                    size=int(record.get("Size") or 0),
                    created=str(record.get("CreatedAt") or ""),
                    used=str(record.get("LastUsedAt") or ""),
                )
            )
    return Usage(records=len(listed), mounts=tuple(mounts), measuring=measuring)


def parse_du(text: str) -> Usage:
    """Parse `docker buildx du --verbose`: blocks of `Field: value`; a description may have several lines."""
    found, records, measuring = [], 0, False
    for block in re.split(r"(?m)^(?=ID:\s)", text):
        fields = {m[1]: m[2].strip() for m in re.finditer(r"(?m)^([A-Z][A-Za-z ]*):[ \t]*(.*)$", block)}
        records += "ID" in fields
        described = fields.get("Description", "")
        if fields.get("Type") != _MOUNT:
            measuring |= fields.get("Reclaimable") == "false" and described.startswith(_DESCRIBED)
            continue
        named = re.search(r'with id "([^"]*)"\s*$', _description(block)) or re.match(
            rf"{_DESCRIBED}(\S+) from", described
        )
        if not named:
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
    return Usage(records=records, mounts=tuple(found), measuring=measuring)


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
    words = ("prune", *views.options(builder), "--force", "--filter", f"id={record}")
    return record in finished(*words, shown="prune", builder=builder, seconds=_DELETE_SECONDS)


def bootstrap(builder: str = "") -> None:
    """Start the nodes of a builder. Raises NoEngine, NoBuilder."""
    words = ("inspect", "--bootstrap", *((views.name_of(builder),) if builder else ()))
    finished(*words, shown="inspect --bootstrap", builder=builder, seconds=_START_SECONDS)


def finished(*words: str, shown: str, seconds: int, builder: str = "") -> str:
    """Run a buildx command that may take long, and return its output. Raises NoEngine, NoBuilder."""
    try:
        done = _docker("buildx", *words, builder=builder, seconds=seconds)
    except Late:
        raise NoEngine(f"`docker buildx {shown}` did not end within {seconds} s") from None
    if done.code:
        raise refusal(done.err or done.out, ("buildx", *words))
    return done.out


def remove_images(references: Sequence[str]) -> None:
    """Remove images from the engine's store, except those that are missing or in use."""
    with contextlib.suppress(Late):
        _docker("image", "rm", *references, seconds=_DELETE_SECONDS)


def _docker(*words: str, seconds: float, builder: str = "") -> Done:
    """Raises NoEngine and Late."""
    return _run([docker_command(), *words], seconds, builder)


def _run(words: Sequence[str], seconds: float, builder: str = "") -> Done:
    """Run a command; ``builder``: which its words name, if any. Raises NoEngine and Late."""
    try:
        return command.run(words, env={**os.environ, **views.settings(builder)}, seconds=seconds)
    except NotStarted as error:
        raise not_started(words[0], error) from None


def _description(block: str) -> str:
    match = re.search(r"(?ms)^Description:(.*?)^(?:Usage count|Last used|Type):", block)
    return match[1].strip() if match else ""
