"""Why steps missed and packages were compiled, as values; explain.py finds them in records."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Cause(StrEnum):
    """Why the first step of a target could not be taken from a cache."""

    FIRST_RUN = "first-run"  # no run on record had this step
    NO_CACHE = "no-cache"  # --no-cache
    INSTRUCTION = "instruction"  # the Dockerfile's text is another
    ARGUMENT = "argument"  # a build argument, build option or bake variable has another value
    FILES = "files"  # files of the build context changed
    BASE = "base"  # a base image's reference stands for another digest, or another reference is named
    GO_VERSION = "go-version"
    UPSTREAM = "upstream"  # a step that it builds on gave another result
    OTHER_BUILDER = "other-builder"  # nothing changed, and this builder never had it
    PRUNED = "pruned"  # nothing changed, this builder had it, and it is gone
    IMPORT_FAILED = "import-failed"  # nothing changed, and the cache that has it could not be read
    NO_IMPORT = "no-import"  # nothing changed, the builder did not have it, and the policy imports nothing
    UNKNOWN = "unknown"


class Change(Struct, frozen=True, kw_only=True):
    """One thing that is other than in the run that it is compared with."""

    kind: str  # added, removed, changed
    what: str  # a path, the name of an argument, an image reference, a module: never a value that could be secret
    before: str = ""  # digests and versions only
    after: str = ""


class Miss(Struct, frozen=True, kw_only=True):
    """The first step of a target that missed, and those that only follow from it."""

    target: str
    platform: str
    step: int  # position in the run's steps
    label: str  # for people: `api-scratch linux/arm64 compile RUN`
    cause: Cause
    says: str  # one line for people, of the cause and what matters of it
    changes: tuple[Change, ...] = ()  # those that matter most first
    compared_with: str = ""  # id of the run that had the step last; "" where none had
    follow: int = 0  # later misses of this target that only follow
    seconds: float = 0.0  # of the step and those that follow
    targets: tuple[str, ...] = ()  # all that missed because of it: one step may be the work of several
    platforms: tuple[str, ...] = ()  # all of those that it concerns


class PackageCause(Struct, frozen=True, kw_only=True):
    """Packages that were compiled because of one thing."""

    platform: str
    cause: Cause
    says: str  # for people: `worker/main.go changed`
    root: str  # import path of the package that set it off; "" where it concerns all, as another Go version does
    packages: tuple[str, ...]  # import paths, the root first
    seconds: float = 0.0
    changes: tuple[Change, ...] = ()


class Advice(Struct, frozen=True, kw_only=True):
    """Something that would have been faster, by the evidence of recorded runs."""

    kind: str  # changing-file, costly-export, moving-base, collected-mount
    says: str  # what is so, and what to do
    seconds: float | None  # that it would have gained over the runs looked at; None: not known
    runs: int  # that it was seen in


class Explanation(Struct, frozen=True, kw_only=True):
    """All of a run."""

    run: str
    misses: tuple[Miss, ...] = ()
    packages: tuple[PackageCause, ...] = ()
    advice: tuple[Advice, ...] = ()
