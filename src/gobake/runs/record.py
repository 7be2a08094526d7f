"""The record of one run: plain values, to and from JSON. Arguments are kept as digests, never as values.

This module does not know stores or engines. Schema 1 never changes its meaning: fields may be added, with a default
that means "unknown", and readers ignore unknown fields. Any other change gets the next number.
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
from msgspec import Meta, Struct, field

from gobake.runs.outcomes import Outcome, RunOutcome, SeedAction

SCHEMA = 1
_MOST = sys.float_info.max
Finite = Annotated[float, Meta(ge=-_MOST, le=_MOST)]  # foreign JSON may contain 1e999

Bytes = Annotated[int, Meta(ge=0, le=1 << 53)]


class UnreadableRecord(Exception):
    """A damaged record, or one of a schema that this version does not know."""


class NewerRecord(UnreadableRecord):
    """A valid record from a newer gobake."""


class ModuleRecord(Struct, frozen=True, kw_only=True):
    """Bytes of a Go module in a program."""

    module: str  # "" for what belongs to none
    version: str = ""  # or what replaces it
    bytes: Bytes
    packages: tuple[tuple[str, Bytes], ...] = ()  # (import path, bytes) of the largest


class LayerRecord(Struct, frozen=True, kw_only=True):
    """A layer of an image."""

    digest: str
    instruction: str
    bytes: Bytes  # as stored


class ContentsRecord(Struct, frozen=True, kw_only=True):
    """What an image consists of; its program by the names of functions, which stripped programs keep."""

    layers: tuple[LayerRecord, ...] = ()
    program: Bytes | None = None  # None: it could not be taken apart
    modules: tuple[ModuleRecord, ...] = ()  # the largest first
    others: int = 0  # modules that are not listed, as they are smaller than the last


class SizeRecord(Struct, frozen=True, kw_only=True):
    """Bytes of one platform's image; None: unknown."""

    platform: str
    compressed: int | None = None
    uncompressed: int | None = None
    contents: ContentsRecord | None = None  # None: not examined, as without limits on sizes


class TargetRecord(Struct, frozen=True, kw_only=True):
    """One target and its outcome."""

    name: str
    service: str
    strategy: str
    platforms: tuple[str, ...]
    images: tuple[str, ...]
    arguments: tuple[tuple[str, str], ...] = ()  # (name, sha256 of the value)
    digest: str = ""  # of the image index; "" if none was made
    sizes: tuple[SizeRecord, ...] = ()
    seconds: Finite | None = None  # from the start of its first step to the end of its last
    package: str = ""  # import path of the service's main package
    programs: tuple[str, ...] = ()  # import paths of additional commands in the image
    failure: str = ""  # why it was not built although others were
    pushed: tuple[str, ...] = ()  # references in registries: REPOSITORY@DIGEST, and then the tags that were set


class StepRecord(Struct, frozen=True, kw_only=True):
    """One step; times are seconds since the run began, or None if it never began or ended."""

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
    canceled: bool = False  # stopped by Ctrl-C or by the failure of another step
    transferred: int = 0  # bytes downloaded for it, or sent by the client
    site: str = ""  # target, platform, stage, number and word: independent of the values in the instruction
    needs: tuple[int, ...] = ()  # positions, among the run's steps, of those whose results it used
    beside: bool = False  # another build at the same time ran it, or what it builds on, so that BuildKit ran it again


class GoCommandRecord(Struct, frozen=True, kw_only=True):
    """One command of one platform."""

    package: str  # import path
    packages: int  # in the whole command, including its own and the standard library's
    compiled: tuple[int, ...] = ()  # positions in the platform's `compiled`


class GoRecord(Struct, frozen=True, kw_only=True):
    """What Go did for one platform, from the action graphs of this run.

    ``compiled``, ``linked``, ``imports`` and ``actions`` are empty if no compile ran.
    """

    platform: str
    packages: int
    compiled: tuple[tuple[str, Finite], ...]  # (import path, seconds)
    linked: tuple[tuple[str, Finite], ...]
    imports: tuple[tuple[int, ...], ...] = ()  # for each of `compiled`: positions of its imports
    actions: tuple[tuple[str, str], ...] = ()  # (import path, key in Go's build cache) of all packages
    commands: tuple[GoCommandRecord, ...] = ()


class HostCompileRecord(Struct, frozen=True, kw_only=True):
    """The go builds on this machine for one platform, before the build: programs of `prebuilt` that were not there."""

    platform: str
    services: tuple[str, ...]
    started: Finite  # seconds since the run began
    seconds: Finite
    packages: int = 0  # of all the programs; 0: unknown
    compiled: tuple[tuple[str, Finite], ...] = ()  # (import path, seconds)
    linked: tuple[tuple[str, Finite], ...] = ()

    @property
    def label(self) -> str:
        return host_label(self.platform)


class MountRecord(Struct, frozen=True, kw_only=True):
    """A Go cache mount of the run. None: unknown; 0: it did not exist."""

    name: str  # gomod, gobuild, golink
    id: str  # of the RUN --mount
    before: int | None = None  # bytes
    after: int | None = None


class InputsRecord(Struct, frozen=True, kw_only=True):
    """The inputs of a build. Content is stored as digests, to be compared but not read.

    Empty fields were not examined.
    """

    bases: tuple[tuple[str, str], ...] = ()  # (reference, digest that it resolved to)
    variables: tuple[tuple[str, str], ...] = ()  # of the bake file: (name, sha256 of the value)
    files: tuple[tuple[str, str], ...] = ()  # read by the compile: (path in the build context, 16 digits of sha256)
    copied: tuple[tuple[str, str], ...] = ()  # copied into images; older records have them in `files`
    packages: tuple[tuple[str, str], ...] = ()  # of the user's tree: (import path, folder in the build context)
    modules: tuple[tuple[str, str], ...] = ()  # required by go.mod files: (path, version)
    prebuilt: tuple[tuple[str, str], ...] = ()  # binaries compiled outside: (name, 16 digits of sha256)


class SeedRecord(Struct, frozen=True, kw_only=True):
    """What was done with a seed in a run."""

    action: SeedAction
    name: str  # store and tag
    digest: str = ""  # of the seed; a restored one was pinned by it
    size: int = 0  # bytes moved, unpacked
    packed: int | None = None  # bytes moved, packed; None: unknown
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
    found: bool | None = None  # whether an import found a cache
    error: str = ""  # an ignored error; none if an import just found nothing


class SmokeRecord(Struct, frozen=True, kw_only=True):
    """An image that was started after the build (--smoke)."""

    target: str
    platform: str
    outcome: str  # passed, failed or skipped
    text: str  # what it did
    seconds: Finite | None = None  # from the container's start to its answer or end; None: nothing was asked
    emulated: bool = False


class ShardRecord(Struct, frozen=True, kw_only=True):
    """Which part of a matrix a run built. The names that its images are to get are those of the run's targets."""

    plan: str  # digest of the plan
    number: int  # starts at 1
    of: int
    name: str
    shards: tuple[str, ...]  # names of all shards of the plan
    parts: tuple[tuple[str, tuple[str, ...]], ...]  # of the whole plan: (service, platforms)
    every_strategy: bool = False  # of `gobake all`


class JoinedRecord(Struct, frozen=True, kw_only=True):
    """The run of a shard that is part of this record, on a machine of its own."""

    run: str
    name: str  # of the shard
    started: Finite
    seconds: Finite


class ColdRecord(Struct, frozen=True, kw_only=True):
    """The last run of the same targets that compiled everything, before this run or itself."""

    run: str
    seconds: Finite


class RetryRecord(Struct, frozen=True, kw_only=True):
    """A build that was repeated, because a registry was not well for a moment."""

    reason: str  # in BuildKit's words
    began: Finite  # seconds of the run when the build had failed
    waited: Finite  # seconds


class RunRecord(Struct, frozen=True, kw_only=True):
    """One call that built something."""

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
    machine: str = ""  # digest that distinguishes builders of the same name
    driver: str = ""
    nodes: tuple[tuple[str, str], ...] = ()  # (name, platforms)
    go_version: str = ""
    gobake: str = ""
    source_url: str = ""  # where the source can be read; "" if unknown
    cache_policy: str = ""  # dev, ci-branch ...; "" if none was chosen
    cache_store: str = ""
    trust: str = ""  # what the tree may decide, whether it got logins, and why; "" in older records
    caches: tuple[CacheRecord, ...] = ()
    targets: tuple[TargetRecord, ...] = ()
    steps: tuple[StepRecord, ...] = ()
    go: tuple[GoRecord, ...] = ()
    modules: tuple[tuple[str, str], ...] = ()  # (module, version) of downloaded ones
    seeds: tuple[SeedRecord, ...] = ()
    failure: str = ""
    output: str = ""  # what the failed program said, such as Go's errors; bounded
    warnings: tuple[str, ...] = ()
    no_cache: bool = False  # --no-cache
    fallbacks: tuple[str, ...] = field(default=(), name="lineages")  # branches, best first: its own, the base, main
    inputs: InputsRecord = InputsRecord()
    mounts: tuple[MountRecord, ...] = ()
    cold: ColdRecord | None = None  # None: none was on record
    bare: bool | None = None  # whether the builder had no cache at all when the run began; None: unknown
    host: tuple[HostCompileRecord, ...] = ()
    smoke: tuple[SmokeRecord, ...] = ()  # () without --smoke
    shard: ShardRecord | None = None  # None: it was not one of several
    joined: tuple[JoinedRecord, ...] = ()  # of `gobake ci merge`: what of these ran at once begins at 0 here
    retries: tuple[RetryRecord, ...] = ()  # how often the build was repeated, and why


def host_label(platform: str) -> str:
    """Return what users read of the go builds on this machine for a platform."""
    return f"host: go build {platform} (prebuilt)"


def new_id(now: float | None = None, last: str = "") -> str:
    """Return an id that sorts by time and needs no coordination: 20261124-201530-0473fa9c1, with 047 milliseconds.

    Warm runs take less than a second, so without milliseconds the second of two could sort first. ``last``: the newest
    id so far; the new one sorts after it even if the clock was set back.
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
    """Return names with the sha256 of their values, to detect changes."""
    return tuple((key, hashlib.sha256(value.encode()).hexdigest()) for key, value in sorted(arguments.items()))


def to_json(record: RunRecord) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(record)
    return found


def from_json(data: object) -> RunRecord:
    """Parse a record, ignoring unknown keys. Raises UnreadableRecord if it is invalid or of a newer schema."""
    if not isinstance(data, dict):
        raise UnreadableRecord("is not a JSON object")
    schema = data.get("schema")
    if isinstance(schema, bool) or not isinstance(schema, int) or schema < 1:
        raise UnreadableRecord("is damaged: it has no schema number")
    if schema > SCHEMA:
        raise NewerRecord(f"has schema {schema}, and this gobake reads up to {SCHEMA}; use a newer one")
    try:
        return msgspec.convert(data, RunRecord)
    except ValueError as error:  # also for a key that is not valid UTF-8
        raise UnreadableRecord(f"is damaged: {error}") from None
