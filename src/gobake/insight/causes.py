"""The reasons why steps missed and packages were compiled, as values; explain.py finds them in records."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from gobake.runs.record import HostCompileRecord


class Cause(StrEnum):
    """Why no cache supplied the first missed step of a target."""

    FIRST_RUN = "first-run"  # no run on record had this step
    NO_CACHE = "no-cache"  # --no-cache
    INSTRUCTION = "instruction"  # the Dockerfile's text changed
    ARGUMENT = "argument"  # a build argument, build option or bake variable has another value
    FILES = "files"  # files of the build context changed
    BASE = "base"  # the base image's reference has another digest, or changed itself
    GO_VERSION = "go-version"
    UPSTREAM = "upstream"  # a step that this one builds on gave another result
    OTHER_BUILDER = "other-builder"  # nothing changed, and this builder never had it
    OTHER_BUILD = "other-build"  # nothing changed; another build at the same time ran what it builds on
    PRUNED = "pruned"  # nothing changed, this builder had it, and it is gone
    IMPORT_FAILED = "import-failed"  # nothing changed, and the cache with the step could not be read
    NO_IMPORT = "no-import"  # nothing changed, the builder did not have it, and the policy imports nothing
    UNKNOWN = "unknown"


class Change(Struct, frozen=True, kw_only=True):
    """One difference from the run compared with."""

    kind: str  # added, removed, changed
    what: str  # a path, the name of an argument, an image reference, a module: never a value that could be secret
    before: str = ""  # digests and versions only
    after: str = ""


class Miss(Struct, frozen=True, kw_only=True):
    """The first missed step of a target, with the misses that only follow from it."""

    target: str
    platform: str
    step: int  # position in the run's steps
    label: str  # for people, see trace/labels.py: `go build linux/arm64`
    cause: Cause
    says: str  # the cause in one line for people
    changes: tuple[Change, ...] = ()  # the most important first
    compared_with: str = ""  # id of the last run that had the step; "" for none
    follow: int = 0  # later misses of this target that only follow
    seconds: float = 0.0  # of the clock, in which the step or those that follow ran
    shared: bool = False  # whether all targets share the step, as the compile
    targets: tuple[str, ...] = ()  # all that missed because of it, as targets may share a step
    platforms: tuple[str, ...] = ()  # all platforms concerned


class PackageCause(Struct, frozen=True, kw_only=True):
    """Packages that were compiled for one reason."""

    platform: str
    cause: Cause
    says: str  # for people: `worker/main.go changed`
    root: str  # import path of the package that changed; "" for a cause of all, such as another Go version
    packages: tuple[str, ...]  # import paths, the root first
    seconds: float = 0.0
    changes: tuple[Change, ...] = ()


class Advice(Struct, frozen=True, kw_only=True):
    """Advice from recorded runs on what would have been faster."""

    kind: str  # changing-file, costly-export, moving-base, collected-mount
    says: str  # the observation and what to do
    seconds: float | None  # saved over the runs examined, had it been followed; None unknown
    runs: int  # number of runs in which it was observed


class Explanation(Struct, frozen=True, kw_only=True):
    """All causes and advice of a run."""

    run: str
    misses: tuple[Miss, ...] = ()
    packages: tuple[PackageCause, ...] = ()
    advice: tuple[Advice, ...] = ()
    host: tuple[HostCompileRecord, ...] = ()  # what this machine's Go compiled before the build
