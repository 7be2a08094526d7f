"""Parses vertex names: `[target platform->platform stage n/m] INSTRUCTION`, and those of BuildKit's housekeeping.

The parts come from:
- `[platform->platform stage n/m] INSTRUCTION`: prefixCommand in moby/buildkit frontend/dockerfile/dockerfile2llb. The
  platform is there if several are built; `->arch` is the platform for which a step cross-compiles; n is padded to m's
  width; the only stage of a Dockerfile has no name.
- the target: docker/buildx util/progress WithPrefix, if several targets are built. `[x] y` becomes `[target x] y`, and
  a name without brackets becomes `[target] name`. So one name does not tell a target from a stage; `targets_in` finds
  the targets from all names of a run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import cached_property, lru_cache

from msgspec import Struct
from msgspec.structs import replace

from gobake.trace.labels import step_label

TRACE = "trace"  # gobake's own bake target, which exports what Go did; users never ask for it


class StepKind(StrEnum):
    """The kind of a vertex."""

    INSTRUCTION = "instruction"  # a Dockerfile instruction: RUN, COPY, ADD, WORKDIR ...
    BASE = "base"  # FROM, or the image of a named context or of --from
    CONTEXT = "context"  # files sent by the client: the build context, the Dockerfile, the ignore file
    METADATA = "metadata"  # asking a registry for an image's configuration
    AUTH = "auth"  # a token from a registry
    IMPORT_CACHE = "import-cache"  # reading a cache-from manifest
    EXPORT_CACHE = "export-cache"
    EXPORT_IMAGE = "export-image"  # writing the result, and pushing it
    HOUSEKEEPING = "housekeeping"  # everything else of BuildKit or buildx

    @property
    def counts(self) -> bool:
        """Whether a cache could save it; only such steps count in a hit rate."""
        return self in (StepKind.INSTRUCTION, StepKind.BASE)


class StepName(Struct, frozen=True, kw_only=True, dict=True):
    """A parsed vertex name. Missing parts are "" or 0."""

    text: str  # as BuildKit wrote it
    kind: StepKind
    target: str = ""  # the bake target, if several are built
    platform: str = ""  # of the result, as BuildKit writes it: linux/arm64, linux/arm/v7
    build_platform: str = ""  # where the step runs; equal to `platform` unless it cross-compiles
    stage: str = ""
    index: int = 0  # of the instruction in its stage, from 1
    total: int = 0
    instruction: str = ""  # upper-case word and arguments; for housekeeping, a description
    linked: bool = False  # the second part of a `COPY --link`: putting the copied layer on top of the base

    @property
    def internal(self) -> bool:
        """BuildKit's own housekeeping, which is never cached and never counted."""
        return not self.kind.counts

    @property
    def verb(self) -> str:
        """The first word of the instruction."""
        return self.instruction.partition(" ")[0]

    @cached_property
    def normal(self) -> str:
        """The name for comparing runs: without digests, generated ids and numbers, with single spaces."""
        where = " ".join(filter(None, (self.target, self._platforms, self.stage)))
        return f"[{where}] {self.normal_instruction}" if where else self.normal_instruction

    @cached_property
    def normal_instruction(self) -> str:
        """The instruction without digests and generated ids, with single spaces."""
        return " ".join(_IDS.sub("", self.instruction).split())

    @property
    def site(self) -> str:
        """The step's position without its text, into which BuildKit writes the values of arguments."""
        return " ".join(filter(None, (self.target, self._platforms, self.stage, str(self.index or ""), self.verb)))

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Platforms, stage and instruction: equal for the same step of a Dockerfile in several targets."""
        return (self.platform, self.build_platform, self.stage, self.normal_instruction)

    @property
    def label(self) -> str:
        """The step's name for people: `go build linux/arm64`, `api-scratch linux/arm64: copy binary`."""
        return step_label(
            self.stage, self.platform, self.normal_instruction, "" if self.target == TRACE else self.target
        )

    @property
    def _platforms(self) -> str:
        crossing = self.platform != self.build_platform
        return f"{self.build_platform}->{self.platform}" if crossing else self.platform


# @sha256:... of references, bare digests, and the random identifiers of sessions and refs
_IDS = re.compile(r"@?sha256:[0-9a-f]{8,64}|\b[0-9a-f]{32,64}\b|\b[a-z0-9]{25}::[a-z0-9]{25}\b")
_HEAD = re.compile(r"\[([^\]]*)\] ?(.*)", re.DOTALL)
_NUMBER = re.compile(r"(\d+)/(\d+)")
_PLATFORM = re.compile(r"([a-z0-9][a-z0-9_.()+-]*/[a-z0-9_]+(?:/[a-z0-9.]+)?)(?:->([a-z0-9_.()/+-]+))?")


class _Place(Struct, frozen=True, kw_only=True):
    """The words in the brackets, without the number."""

    target: str = ""
    platform: str = ""
    build_platform: str = ""
    stage: str = ""


@lru_cache(maxsize=1 << 14)
def parse_name(text: str, targets: frozenset[str] = frozenset()) -> StepName:
    """Parse a name. ``targets``: the bake targets of the run if there are several; see `targets_in`."""
    head = _HEAD.fullmatch(text)
    if not head:
        rest = text.strip()
        return _name(text, _housekeeping(rest), _Place(), rest)
    words, rest = head[1].split(), head[2].strip()
    if words and (number := _NUMBER.fullmatch(words[-1])):
        return _numbered(text, _place(words[:-1], targets), rest, number)
    if words and words[-1] in ("internal", "auth"):
        kind = StepKind.AUTH if words[-1] == "auth" else _internal(rest)
        return _name(text, kind, _place(words[:-1]), rest)
    for at in (1, 0):  # a target may itself be named context
        if len(words) == at + 2 and words[at] == "context":
            return _named_context(text, "".join(words[:at]), words[at + 1], rest)
    place = _place(words)
    return _name(text, StepKind.HOUSEKEEPING if place.platform else _housekeeping(rest), place, rest)


def targets_in(names: Iterable[str]) -> frozenset[str]:
    """Return the bake targets found in the names of one run; none if only one target is built."""
    targets = set()
    for name in names:
        head = _HEAD.fullmatch(name)
        words = head[1].split() if head else []
        if len(words) >= 2 and words[-1] == "internal" and not _platforms(words[0]):
            targets.add(words[0])
    return frozenset(targets)


def _name(text: str, kind: StepKind, place: _Place, instruction: str) -> StepName:
    return StepName(
        text=text,
        kind=kind,
        target=place.target,
        platform=place.platform,
        build_platform=place.build_platform,
        stage=place.stage,
        instruction=instruction,
    )


def _numbered(text: str, place: _Place, rest: str, number: re.Match[str]) -> StepName:
    linked = rest.startswith(("LINK COPY ", "LINK ADD "))
    instruction = rest.removeprefix("LINK ") if linked else rest
    kind = StepKind.BASE if instruction.startswith("FROM ") else StepKind.INSTRUCTION
    return replace(_name(text, kind, place, instruction), index=int(number[1]), total=int(number[2]), linked=linked)


def _named_context(text: str, target: str, name: str, rest: str) -> StepName:
    """Parse `[context NAME] REFERENCE` and the like (frontend/dockerui/namedcontext.go). NAME may end in ::platform."""
    name, _, platform = name.partition("::")
    if rest.startswith("load metadata for "):
        kind = StepKind.METADATA
    elif rest.startswith("load ") or not rest:
        kind = StepKind.CONTEXT
    else:
        kind = StepKind.BASE
        rest = f"FROM {rest}"
    place = _Place(target=target, platform=platform, build_platform=platform, stage=f"context {name}")
    return _name(text, kind, place, rest)


def _internal(rest: str) -> StepKind:
    if rest.startswith("load metadata for "):
        return StepKind.METADATA
    files = ("build definition", "build context", ".dockerignore", "remote build context", "git source")
    if rest.startswith(tuple(f"load {what}" for what in files)) or rest.endswith(".dockerignore"):
        return StepKind.CONTEXT
    return StepKind.HOUSEKEEPING


def _housekeeping(rest: str) -> StepKind:
    return next((kind for start, kind in _STARTS if rest.startswith(start)), StepKind.HOUSEKEEPING)


_STARTS = (
    ("FROM ", StepKind.BASE),  # an image of COPY --from or a mount, without stage and number
    ("importing cache manifest from ", StepKind.IMPORT_CACHE),
    ("exporting cache", StepKind.EXPORT_CACHE),
    ("exporting to ", StepKind.EXPORT_IMAGE),
    ("pushing ", StepKind.EXPORT_IMAGE),
    ("importing to ", StepKind.EXPORT_IMAGE),  # docker load of a result
    ("resolve image config for ", StepKind.METADATA),
)


def _place(words: list[str], targets: frozenset[str] | None = None) -> _Place:
    """Parse the words. ``targets``: a single word is a stage unless it is one of these; None: it is a target."""
    for at, word in enumerate(words):
        if platforms := _platforms(word):
            build, platform = platforms
            target, stage = " ".join(words[:at]), " ".join(words[at + 1 :])
            return _Place(target=target, platform=platform, build_platform=build, stage=stage)
    if len(words) == 1 and targets is not None and words[0] not in targets:
        return _Place(stage=words[0])
    return _Place(target=words[0], stage=" ".join(words[1:])) if words else _Place()


def _platforms(word: str) -> tuple[str, str] | None:
    """Parse `linux/amd64`, `linux/amd64->arm/v7` or `linux/amd64->windows/amd64` to (build platform, platform)."""
    match = _PLATFORM.fullmatch(word)
    if not match or _NUMBER.fullmatch(word):
        return None
    build, target = match[1], match[2] or match[1]
    variant_only = re.fullmatch(r"[^/]+(?:/v\d[^/]*)?", target)  # BuildKit omits the same OS
    return build, f"{build.partition('/')[0]}/{target}" if variant_only else target
