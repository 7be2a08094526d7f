"""`gate`: the limits for the caches and images of a run, for all branches and for some."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final, Literal, TypeVar

from msgspec import Struct, field
from msgspec.structs import asdict, replace

from gobake.config import patterns
from gobake.config.fields import Field, Key, fields_of, object_schema, read_fields, section
from gobake.config.kinds import Grammar, Kind, Schema, boolean, choice, items, mapping
from gobake.config.words import SERVICE_NAME
from gobake.text.amounts import size_in_bytes

T = TypeVar("T")

# The syntax of shares in the file and on the command line. Whole numbers from 2 are in percent, with or without the
# sign; 1 is all, as 1.0 and 100% are. Shares are at most 100 %, regressions may be more.
_PERCENT = r"[0-9]{1,4}(?:\.[0-9]{1,2})? ?%"
_FRACTION = r"(?:0?\.[0-9]{1,4}|0|1\.0{1,4}|1)"
_SHARE = rf"(?:(?:100(?:\.0{{1,2}})?|[0-9]{{1,2}}(?:\.[0-9]{{1,2}})?) ?%|{_FRACTION}|[2-9]|[1-9][0-9]|100)"
_REGRESSION = rf"(?:{_PERCENT}|{_FRACTION}|[2-9]|[1-9][0-9]{{1,3}})"

# Sizes have a unit, and a share of growth its sign: a bare 5 could be either.
_BYTES = r"[0-9]{1,9}(?:\.[0-9]{1,3})? ?(?:[kKMGT]i?)?B"
_GROWTH = r"[0-9]{1,6}(?:\.[0-9]{1,3})? ?%"

_NESTED = ("services", "branches")
NONE: Final = "none"  # removes a limit set elsewhere
Limit = float | Literal["none"]
SizeLimit = int | Literal["none"]


class MostGrowth(Struct, frozen=True, kw_only=True):
    """By how much an image may grow: bytes, or a share of its size before."""

    bytes: int | None = None
    share: float | None = None

    def __str__(self) -> str:
        return f"{100 * self.share:g}%" if self.share is not None else f"{self.bytes}B"

    def allowed(self, before: int) -> int:
        """Return how many bytes more than ``before`` are allowed."""
        return self.bytes if self.bytes is not None else int((self.share or 0.0) * before + 1e-6)


GrowthLimit = MostGrowth | Literal["none"]


class Exemption(StrEnum):
    """Runs that may miss their caches."""

    FIRST_RUN = "first-run"  # no earlier run of these services
    GO_VERSION = "go-version"  # the first run with another Go version
    MODULES = "modules"  # the first run after the modules that go.mod files ask for changed


def fraction(text: str) -> float:
    """Return the fraction of a text that matches one of the patterns above: `80%`, `80` and `0.8` are the same."""
    match = re.fullmatch(r"([0-9.]+) ?(%?)", text)
    assert match, text
    number = float(match[1])
    return number / 100 if match[2] or number > 1 else number


def size_limit(text: str) -> SizeLimit:
    """Return the bytes of a text that matches SIZE."""
    found = size_in_bytes(text)
    return NONE if found is None else found


def growth_limit(text: str) -> GrowthLimit:
    """Return the limit of a text that matches GROWTH."""
    if text.endswith("%"):
        return MostGrowth(share=float(text.rstrip("% ")) / 100)
    size = size_limit(text)
    return NONE if size == NONE else MostGrowth(bytes=size)


def share_limit(text: str) -> Limit:
    """Return the fraction of a text that matches SHARE or REGRESSION."""
    return NONE if text == NONE else fraction(text)


def _numbers(most: int) -> Schema:
    """The schema of the numbers that YAML parsers make of such texts."""
    return {
        "anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "integer", "minimum": 0, "maximum": most}]
    }


SHARE = Grammar(
    says="share",
    pattern=rf"(?:{_SHARE}|{NONE})",
    remedy="such as 80%, 80 or 0.8, at most 100%; none for no limit",
    number=_numbers(100),
)
REGRESSION = Grammar(
    says="share",
    pattern=rf"(?:{_REGRESSION}|{NONE})",
    remedy="such as 20%, 20 or 0.2, and above 1 in percent: 150%; none for no limit",
    number=_numbers(9999),
)

SIZE = Grammar(says="size", pattern=rf"(?:{_BYTES}|{NONE})", remedy="such as 20MB or 1.5GiB; none for no limit")
GROWTH = Grammar(
    says="size", pattern=rf"(?:{_GROWTH}|{_BYTES}|{NONE})", remedy="such as 5% or 500kB; none for no limit"
)


def _limit(grammar: Grammar, parsed: Callable[[str], T], says: str) -> Kind[T]:
    return Kind(read=lambda at: parsed(grammar.admit(at, at.text())), described=grammar.kind.described, says=says)


def _exempt() -> Kind[frozenset[Exemption]]:
    listed = items(choice("kind of run", tuple(Exemption), Exemption), "kinds of runs")
    return Kind(read=lambda at: frozenset(listed.read(at)), described=listed.described, says=listed.says)


_limits: Kind[GateConfig] = Kind(
    read=lambda at: GateConfig(**read_fields(at, LIMIT_FIELDS)),
    described=lambda: object_schema(LIMIT_FIELDS),
    says="limits",
)


MaxSize = Annotated[
    SizeLimit | None,
    Key(
        kind=_limit(SIZE, size_limit, "size, or none"),
        about="The most that a service's image may take, compressed, for each platform.",
        example="20MB",
        default="none",
    ),
]
MaxGrowth = Annotated[
    GrowthLimit | None,
    Key(
        kind=_limit(GROWTH, growth_limit, "size or share, or none"),
        about="How much larger a service's image may be than in the last run of the target branch or main, compressed.",
        example="5%",
        default="none",
    ),
]


class SizeGate(Struct, frozen=True, kw_only=True):
    """The limits of an image; None if not set."""

    max_size: MaxSize = None
    max_growth: MaxGrowth = None

    def over(self, below: SizeGate) -> SizeGate:
        """Return these limits, completed by those of ``below``."""
        return SizeGate(
            max_size=below.max_size if self.max_size is None else self.max_size,
            max_growth=below.max_growth if self.max_growth is None else self.max_growth,
        )

    @property
    def asks(self) -> bool:
        """Whether an image can fall short of it."""
        return any(limit not in (None, NONE) for limit in (self.max_size, self.max_growth))


class GateConfig(Struct, frozen=True, kw_only=True):
    """The limits of a run; None if not set. Shares are fractions."""

    min_hit_rate: Annotated[
        Limit | None,
        Key(
            kind=_limit(SHARE, share_limit, "share, or none"),
            about="The share of steps that must come from a cache: (reused + imported) / (reused + imported + "
            "executed).",
            example="80%",
            default="none",
        ),
    ] = None
    min_go_hit_rate: Annotated[
        Limit | None,
        Key(
            kind=_limit(SHARE, share_limit, "share, or none"),
            about="The share of Go packages that must come from Go's build cache.",
            example="90%",
            default="none",
        ),
    ] = None
    max_seconds_regression: Annotated[
        Limit | None,
        Key(
            kind=_limit(REGRESSION, share_limit, "share, or none"),
            about="How much longer than the median of the last runs of its branch, or of main, a run may take.",
            example="20%",
            default="none",
        ),
    ] = None
    require_cache: Annotated[
        bool | None,
        Key(
            kind=boolean(),
            about="Fail where a cache could not be read, or where nothing came from one although there were "
            "earlier runs.",
            example="true",
            default="false",
        ),
    ] = None
    max_size: MaxSize = None
    max_growth: MaxGrowth = None
    exempt: Annotated[
        frozenset[Exemption] | None,
        Key(
            kind=_exempt(),
            about=f"Kinds of runs that may fall short: {', '.join(Exemption)}.",
            example="[first-run, go-version]",
            default="[]",
        ),
    ] = None
    services: Annotated[
        Mapping[str, SizeGate],
        Key(
            kind=mapping("service name", SERVICE_NAME.pattern, section(SizeGate, "limits"), "service -> limits"),
            about="Limits of the images of some services, over those above and those of branches: max_size and "
            "max_growth.",
            example="{api: {max_size: 20MB}}",
            default="{}",
        ),
    ] = field(default_factory=lambda: MappingProxyType({}))
    branches: Annotated[
        Mapping[str, GateConfig],
        Key(
            kind=mapping("pattern of branches", patterns.BRANCHES, _limits, "pattern -> limits"),
            about="Limits of some branches, over those above; * stands for any characters, and the first pattern that "
            "fits holds.",
            example='{"release/*": {require_cache: true}}',
            default="{}",
        ),
    ] = field(default_factory=lambda: MappingProxyType({}))

    def over(self, below: GateConfig) -> GateConfig:
        """Return these limits, completed by those of ``below``; services and branches are those of ``below``."""
        limits = {name: value for name, value in asdict(self).items() if name not in _NESTED and value is not None}
        return replace(below, **limits)

    def of_service(self, name: str) -> SizeGate:
        """Return the limits of a service's image."""
        general = SizeGate(max_size=self.max_size, max_growth=self.max_growth)
        own = self.services.get(name)
        return own.over(general) if own else general

    @property
    def asks_sizes(self) -> bool:
        """Whether an image can fall short of it, on any branch."""
        own = SizeGate(max_size=self.max_size, max_growth=self.max_growth)
        return (
            own.asks
            or any(one.asks for one in self.services.values())
            or any(one.asks_sizes for one in self.branches.values())
        )

    def of(self, branch: str) -> GateConfig:
        """Return the limits for a branch, overridden by those of the first matching pattern."""
        fit = (own for pattern, own in self.branches.items() if branch and fnmatch.fnmatchcase(branch, pattern))
        own = next(fit, None)
        return own.over(self) if own else self


GATE_FIELDS = fields_of(GateConfig)
LIMIT_FIELDS: tuple[Field, ...] = tuple(field for field in GATE_FIELDS if field.name not in _NESTED)
gate_kind = section(GateConfig, "limits of a run")
