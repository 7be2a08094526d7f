"""The names that BuildKit gives to vertices: `[target [platform[->platform]] stage n/m] INSTRUCTION`.

Source: BuildKit frontend/dockerfile/dockerfile2llb/convert.go (prefixCommand) and client/llb/resolver; buildx puts the
target's name in front where several are built.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a vertex is for."""

    STEP = "step"  # an instruction of the Dockerfile
    INTERNAL = "internal"  # BuildKit's housekeeping: definitions, contexts, metadata, credentials
    EXPORT = "export"  # writing the result
    CACHE_IMPORT = "cache-import"
    CACHE_EXPORT = "cache-export"


@dataclass(frozen=True, kw_only=True)
class StepName:
    """A vertex name taken apart; what it does not say is ""."""

    target: str = ""
    build_platform: str = ""  # where the step runs, such as linux/amd64
    platform: str = ""  # what it is for
    stage: str = ""
    index: int = 0
    total: int = 0
    instruction: str = ""
    kind: Kind = Kind.STEP

    @property
    def joined(self) -> str:
        """The same in every run, whatever ids and digests are in the name."""
        text = re.sub(r"@?sha256:[0-9a-f]{12,64}", "", self.instruction)
        place = f"{self.build_platform}->{self.platform}" if self.build_platform != self.platform else self.platform
        return re.sub(r"\s+", " ", f"[{self.stage} {place}] {text}").strip()


_BRACKET = re.compile(r"\[(?P<head>[^\]]*)\]\s*(?P<rest>.*)", re.S)
_COUNT = re.compile(r"^(\d+)/(\d+)$")
_PLATFORM = re.compile(r"^(linux|windows|darwin|freebsd|wasi|js|wasip1)/[^\s]+$")
_HOUSEKEEPING = (
    "load build definition",
    "load metadata",
    "load .dockerignore",
    "load build context",
    "load local bake",
    "load remote bake",
    "resolving provenance",
    "resolve image config",
    "copy /context",
    "settings cache",
)


def parse(name: str) -> StepName:
    """Never fails: a name of an unknown form is a step without a stage."""
    match = _BRACKET.match(name)
    if not match:
        return StepName(instruction=name, kind=_kind("", name))
    words = match["head"].split()
    rest = match["rest"]
    internal = bool(words) and (words[-1] in ("internal", "auth") or "context" in words[-2:-1] or words[0] == "context")
    if internal:
        target = words[0] if words[0] not in ("internal", "auth", "context") else ""
        platform = next((w for w in words if _PLATFORM.match(w)), "")
        return StepName(target=target, platform=platform, build_platform=platform, instruction=rest, kind=Kind.INTERNAL)
    index = total = 0
    if words and (count := _COUNT.match(words[-1])):
        index, total = int(count[1]), int(count[2])
        words.pop()
        stage = words.pop() if words and not _PLATFORM.match(words[-1]) else ""
    else:
        stage = ""
    build_platform = platform = ""
    if words and _PLATFORM.match(words[-1]):
        build_platform, _, platform = words.pop().partition("->")
        platform = _full(build_platform, platform)
    target = " ".join(words)
    return StepName(
        target=target,
        build_platform=build_platform,
        platform=platform,
        stage=stage,
        index=index,
        total=total,
        instruction=rest,
        kind=Kind.STEP if total else _kind(target, rest),
    )


def _full(build_platform: str, platform: str) -> str:
    """`linux/amd64->arm64` leaves the os out where both are the same."""
    if not platform:
        return build_platform
    return (
        platform
        if platform.startswith(f"{build_platform.split('/')[0]}/")
        else f"{build_platform.split('/')[0]}/{platform}"
    )


def _kind(target: str, text: str) -> Kind:
    if text.startswith("exporting cache"):
        return Kind.CACHE_EXPORT
    if text.startswith("importing cache"):
        return Kind.CACHE_IMPORT
    if text.startswith("exporting"):
        return Kind.EXPORT
    if text.startswith(_HOUSEKEEPING) or re.match(r"(local|docker-image|oci-layout|sha256):", text):
        return Kind.INTERNAL
    del target
    return Kind.INTERNAL if not text else Kind.STEP
