"""The record of one run: plain values, JSON in and out. Arguments are kept as digests, never as values.

This module knows no store and no engine. Schema 1 never changes its meaning: fields may be added, with a default that
says "unknown", and readers leave out what they do not know; whatever else changes gets the next number.
"""

from __future__ import annotations

import calendar
import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import cache
from math import isfinite
from typing import Any, get_args, get_origin, get_type_hints

SCHEMA = 1


class UnreadableRecord(Exception):
    """A record that is no record, or of a schema that this version does not know."""


class NewerRecord(UnreadableRecord):
    """A record that a newer gobake wrote: nothing is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class SizeRecord:
    """Bytes of one platform's image; None is unknown."""

    platform: str
    compressed: int | None = None
    uncompressed: int | None = None


@dataclass(frozen=True, kw_only=True)
class TargetRecord:
    """One target and what became of it."""

    name: str
    service: str
    strategy: str
    platforms: tuple[str, ...]
    images: tuple[str, ...]
    arguments: tuple[tuple[str, str], ...] = ()  # (name, sha256 of the value)
    digest: str = ""  # of the image index; "" where none was made
    sizes: tuple[SizeRecord, ...] = ()
    seconds: float | None = None  # from the first step that was begun to the last that ended
    package: str = ""  # import path of the service's main package
    programs: tuple[str, ...] = ()  # import paths of further commands in the image
    failure: str = ""  # why it was not built, where the others were


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """One step; times are seconds since the run began, None where it never began or ended."""

    target: str
    name: str  # the same from run to run
    stage: str
    platform: str
    instruction: str
    digest: str
    outcome: str
    started: float | None
    seconds: float | None
    error: str = ""
    canceled: bool = False  # stopped because of Ctrl-C or of another step's failure
    transferred: int = 0  # bytes downloaded for it, or sent by the client
    site: str = ""  # target, platform, stage, number and word: the same whatever values the instruction holds
    needs: tuple[int, ...] = ()  # positions in the run's steps of those whose results it used


@dataclass(frozen=True, kw_only=True)
class GoCommandRecord:
    """One command of one platform."""

    package: str  # import path
    packages: int  # that it consists of, its own and the standard library's included
    compiled: tuple[int, ...] = ()  # positions in the platform's `compiled`


@dataclass(frozen=True, kw_only=True)
class GoRecord:
    """What Go did for one platform, from the action graphs of this very run; without `compiled`, `linked`, `imports`
    and `actions` where no compile ran."""

    platform: str
    packages: int
    compiled: tuple[tuple[str, float], ...]  # (import path, seconds)
    linked: tuple[tuple[str, float], ...]
    imports: tuple[tuple[int, ...], ...] = ()  # of each of `compiled`: positions of those that it imports
    actions: tuple[tuple[str, str], ...] = ()  # (import path, key in Go's build cache) of all packages
    commands: tuple[GoCommandRecord, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MountRecord:
    """A Go cache mount of the run; None is unknown, 0 a mount that was not there."""

    name: str  # gomod, gobuild, golink
    id: str  # of the RUN --mount
    before: int | None = None  # bytes
    after: int | None = None


@dataclass(frozen=True, kw_only=True)
class InputsRecord:
    """What went into a build: by digest where it is content, so that runs can be compared and nothing can be read.

    What is empty was not looked at.
    """

    bases: tuple[tuple[str, str], ...] = ()  # (reference, digest that it stood for)
    variables: tuple[tuple[str, str], ...] = ()  # of the bake file: (name, sha256 of the value)
    files: tuple[tuple[str, str], ...] = ()  # that the compile reads: (path in the build context, 16 digits of sha256)
    copied: tuple[tuple[str, str], ...] = ()  # that go into images; records of older runs have them among `files`
    packages: tuple[tuple[str, str], ...] = ()  # of the user's own tree: (import path, folder in the build context)
    modules: tuple[tuple[str, str], ...] = ()  # that go.mod files ask for: (path, version)
    prebuilt: tuple[tuple[str, str], ...] = ()  # binaries compiled outside: (name, 16 digits of sha256)


@dataclass(frozen=True, kw_only=True)
class SeedRecord:
    """What was done with a seed in a run."""

    action: str  # restored, refused (then the build went on without it), saved whole, saved grown, not saved
    name: str  # store and tag
    digest: str = ""  # of the seed; that of a restored one was pinned
    size: int = 0  # bytes moved, unpacked
    packed: int | None = None  # bytes moved, packed; None is unknown
    seconds: float = 0.0
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class CacheRecord:
    """One layer cache that one target read or wrote."""

    direction: str  # import or export
    target: str
    ref: str
    seconds: float | None  # None: it did not end
    bytes: int | None = None  # written by an export; None: the events do not tell
    layers: int | None = None  # of an export
    found: bool | None = None  # whether an import had anything to read
    error: str = ""  # what was ignored; an import that just found nothing has none


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One invocation that built something."""

    schema: int = SCHEMA
    id: str
    started: float  # seconds since the epoch
    seconds: float
    outcome: str  # done, failed, interrupted, killed
    command: tuple[str, ...]
    project: str
    root: str
    revision: str = ""
    branch: str = ""
    dirty: bool = False
    engine: str = ""
    buildx: str = ""
    builder: str = ""
    machine: str = ""  # digest of what tells one builder from another of the same name
    driver: str = ""
    nodes: tuple[tuple[str, str], ...] = ()  # (name, platforms)
    go_version: str = ""
    gobake: str = ""
    cache_policy: str = ""  # dev, ci-branch ...; "" where none was chosen
    cache_store: str = ""
    trust: str = ""  # what the tree could say, whether it was given logins, and why; "" in older records
    caches: tuple[CacheRecord, ...] = ()
    targets: tuple[TargetRecord, ...] = ()
    steps: tuple[StepRecord, ...] = ()
    go: tuple[GoRecord, ...] = ()
    modules: tuple[tuple[str, str], ...] = ()  # (module, version) that were downloaded
    seeds: tuple[SeedRecord, ...] = ()
    failure: str = ""
    warnings: tuple[str, ...] = ()
    no_cache: bool = False  # --no-cache
    lineages: tuple[str, ...] = ()  # branches whose runs this one compares with, best first: its own, the base, main
    inputs: InputsRecord = InputsRecord()
    mounts: tuple[MountRecord, ...] = ()
    bare: bool | None = None  # the builder had no cache at all when the run began; None: not known


def new_id(now: float | None = None, last: str = "") -> str:
    """Sortable by time, unique without asking anybody: 20261124-201530-0473fa9c1, whose 047 are milliseconds.

    Warm runs take less than a second: without them the last of two could sort before the first. ``last``: the newest
    id so far, after which this one sorts also where the clock was set back since.
    """
    found = _id(time.time() if now is None else now)
    if found <= last < "9999":
        with contextlib.suppress(ValueError, OverflowError):
            return _id(calendar.timegm(time.strptime(last[:15], "%Y%m%d-%H%M%S")) + 1.0)
    return found


def _id(now: float) -> str:
    seconds, milliseconds = divmod(int(now * 1000), 1000)
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(seconds))}-{milliseconds:03d}{os.urandom(3).hex()}"


def digests(arguments: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Names with the sha256 of their values: enough to tell that one changed."""
    return tuple((key, hashlib.sha256(value.encode()).hexdigest()) for key, value in sorted(arguments.items()))


def to_json(record: RunRecord) -> dict[str, Any]:
    return asdict(record)


def from_json(data: object) -> RunRecord:
    """Raises UnreadableRecord for what is no record, or one of a newer schema. Unknown keys are left out."""
    if not isinstance(data, dict):
        raise UnreadableRecord("is not a JSON object")
    schema = data.get("schema")
    if isinstance(schema, bool) or not isinstance(schema, int) or schema < 1:
        raise UnreadableRecord("is damaged: it has no schema number")
    if schema > SCHEMA:
        raise NewerRecord(f"has schema {schema}, and this gobake reads up to {SCHEMA}; use a newer one")
    try:
        record = _reader(RunRecord)(data)
    except (TypeError, ValueError, KeyError, OverflowError, RecursionError) as error:
        raise UnreadableRecord(f"is damaged: {error}") from None
    assert isinstance(record, RunRecord)
    return record


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """What builds a value of a type hint from JSON: dataclasses, tuples, and scalars as they are. Made once for each:
    reading the annotations again and again would cost more than reading a record."""
    if is_dataclass(kind):
        assert isinstance(kind, type)
        return _object_reader(kind)
    if get_origin(kind) is tuple:
        inner = get_args(kind)
        if len(inner) == 2 and inner[1] is Ellipsis:
            return _list_reader(inner[0])
        return _tuple_reader(tuple(_reader(one) for one in inner))
    return _scalar_reader(kind)


def _object_reader(kind: type) -> Callable[[Any], Any]:
    hints = get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError(f"an object is wanted, not {type(value).__name__}")
        return kind(**{key: readers[key](item) for key, item in value.items() if key in readers})

    return read


def _list_reader(inner: Any) -> Callable[[Any], Any]:
    one = _reader(inner)

    def read(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise ValueError(f"a list is wanted, not {type(value).__name__}")
        return tuple([one(item) for item in value])

    return read


def _tuple_reader(inner: tuple[Callable[[Any], Any], ...]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise ValueError(f"a list is wanted, not {type(value).__name__}")
        if len(inner) != len(value):
            raise ValueError(f"{len(inner)} items are wanted, not {len(value)}")
        return tuple([one(item) for one, item in zip(inner, value, strict=True)])

    return read


def _scalar_reader(kind: Any) -> Callable[[Any], Any]:
    allowed = get_args(kind) or (kind,)
    plain = frozenset(allowed) - {float}  # as they are; numbers have more to them

    def read(value: Any) -> Any:
        if type(value) in plain:
            return value
        if isinstance(value, bool):
            raise ValueError(f"{kind} is wanted, not bool")
        if float in allowed and isinstance(value, int | float):
            value = float(value)
            if not isfinite(value):
                raise ValueError("a finite number is wanted")
            return value
        raise ValueError(f"{kind} is wanted, not {type(value).__name__}")

    return read
