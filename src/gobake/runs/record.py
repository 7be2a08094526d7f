"""The record of one run: plain values, JSON in and out. Arguments are kept as digests, never as values.

This module knows no store and no engine. Schema 1 never changes its meaning: fields may be added, with a default that
says "unknown", and readers leave out what they do not know; whatever else changes gets the next number.
"""

from __future__ import annotations

import calendar
import contextlib
import hashlib
import os
import sys
import time
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from gobake.runs.outcomes import Outcome, RunOutcome, SeedAction

SCHEMA = 1
_MOST = sys.float_info.max
Finite = Annotated[float, Meta(ge=-_MOST, le=_MOST)]  # JSON of others may say 1e999


class UnreadableRecord(Exception):
    """A record that is no record, or of a schema that this version does not know."""


class NewerRecord(UnreadableRecord):
    """A record that a newer gobake wrote: nothing is wrong with it."""


class SizeRecord(Struct, frozen=True, kw_only=True):
    """Bytes of one platform's image; None is unknown."""

    platform: str
    compressed: int | None = None
    uncompressed: int | None = None


class TargetRecord(Struct, frozen=True, kw_only=True):
    """One target and what became of it."""

    name: str
    service: str
    strategy: str
    platforms: tuple[str, ...]
    images: tuple[str, ...]
    arguments: tuple[tuple[str, str], ...] = ()  # (name, sha256 of the value)
    digest: str = ""  # of the image index; "" where none was made
    sizes: tuple[SizeRecord, ...] = ()
    seconds: Finite | None = None  # from the first step that was begun to the last that ended
    package: str = ""  # import path of the service's main package
    programs: tuple[str, ...] = ()  # import paths of further commands in the image
    failure: str = ""  # why it was not built, where the others were


class StepRecord(Struct, frozen=True, kw_only=True):
    """One step; times are seconds since the run began, None where it never began or ended."""

    target: str
    name: str  # the same from run to run
    stage: str
    platform: str
    instruction: str
    digest: str
    outcome: Outcome
    started: Finite | None
    seconds: Finite | None
    error: str = ""
    canceled: bool = False  # stopped because of Ctrl-C or of another step's failure
    transferred: int = 0  # bytes downloaded for it, or sent by the client
    site: str = ""  # target, platform, stage, number and word: the same whatever values the instruction holds
    needs: tuple[int, ...] = ()  # positions in the run's steps of those whose results it used


class GoCommandRecord(Struct, frozen=True, kw_only=True):
    """One command of one platform."""

    package: str  # import path
    packages: int  # that it consists of, its own and the standard library's included
    compiled: tuple[int, ...] = ()  # positions in the platform's `compiled`


class GoRecord(Struct, frozen=True, kw_only=True):
    """What Go did for one platform, from the action graphs of this very run; without `compiled`, `linked`, `imports`
    and `actions` where no compile ran."""

    platform: str
    packages: int
    compiled: tuple[tuple[str, Finite], ...]  # (import path, seconds)
    linked: tuple[tuple[str, Finite], ...]
    imports: tuple[tuple[int, ...], ...] = ()  # of each of `compiled`: positions of those that it imports
    actions: tuple[tuple[str, str], ...] = ()  # (import path, key in Go's build cache) of all packages
    commands: tuple[GoCommandRecord, ...] = ()


class MountRecord(Struct, frozen=True, kw_only=True):
    """A Go cache mount of the run; None is unknown, 0 a mount that was not there."""

    name: str  # gomod, gobuild, golink
    id: str  # of the RUN --mount
    before: int | None = None  # bytes
    after: int | None = None


class InputsRecord(Struct, frozen=True, kw_only=True):
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


class SeedRecord(Struct, frozen=True, kw_only=True):
    """What was done with a seed in a run."""

    action: SeedAction
    name: str  # store and tag
    digest: str = ""  # of the seed; that of a restored one was pinned
    size: int = 0  # bytes moved, unpacked
    packed: int | None = None  # bytes moved, packed; None is unknown
    seconds: Finite = 0.0
    error: str = ""


class CacheRecord(Struct, frozen=True, kw_only=True):
    """One layer cache that one target read or wrote."""

    direction: str  # import or export
    target: str
    ref: str
    seconds: Finite | None  # None: it did not end
    bytes: int | None = None  # written by an export; None: the events do not tell
    layers: int | None = None  # of an export
    found: bool | None = None  # whether an import had anything to read
    error: str = ""  # what was ignored; an import that just found nothing has none


class RunRecord(Struct, frozen=True, kw_only=True):
    """One invocation that built something."""

    schema: int = SCHEMA
    id: str
    started: Finite  # seconds since the epoch
    seconds: Finite
    outcome: RunOutcome
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
    found: dict[str, Any] = msgspec.to_builtins(record)
    return found


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
        return msgspec.convert(data, RunRecord)
    except ValueError as error:  # also a key that is no text for UTF-8
        raise UnreadableRecord(f"is damaged: {error}") from None
