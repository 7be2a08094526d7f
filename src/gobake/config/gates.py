"""`gate`: the limits for the caches of a run, for all branches and for some."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final, Literal

from msgspec import Struct, field
from msgspec.structs import asdict, replace

from gobake.config import patterns
from gobake.config.fields import Field, Key, fields_of, object_schema, read_fields, section
from gobake.config.kinds import Grammar, Kind, Schema, boolean, choice, items, mapping
from gobake.config.reading import At

# The syntax of shares in the file and on the command line. Whole numbers from 2 are in percent, with or without the
# sign; 1 is all, as 1.0 and 100% are. Shares are at most 100 %, regressions may be more.
_PERCENT = r"[0-9]{1,4}(?:\.[0-9]{1,2})? ?%"
_FRACTION = r"(?:0?\.[0-9]{1,4}|0|1\.0{1,4}|1)"
_SHARE = rf"(?:(?:100(?:\.0{{1,2}})?|[0-9]{{1,2}}(?:\.[0-9]{{1,2}})?) ?%|{_FRACTION}|[2-9]|[1-9][0-9]|100)"
_REGRESSION = rf"(?:{_PERCENT}|{_FRACTION}|[2-9]|[1-9][0-9]{{1,3}})"

NONE: Final = "none"  # removes a limit set elsewhere
Limit = float | Literal["none"]


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


def _limit(grammar: Grammar, says: str) -> Kind[Limit]:
    def read(at: At) -> Limit:
        value = grammar.admit(at, at.text())
        return NONE if value == NONE else fraction(value)

    return Kind(read=read, described=grammar.kind.described, says=says)


def _exempt() -> Kind[frozenset[Exemption]]:
    listed = items(choice("kind of run", tuple(Exemption), Exemption), "kinds of runs")
    return Kind(read=lambda at: frozenset(listed.read(at)), described=listed.described, says=listed.says)


_limits: Kind[GateConfig] = Kind(
    read=lambda at: GateConfig(**read_fields(at, LIMIT_FIELDS)),
    described=lambda: object_schema(LIMIT_FIELDS),
    says="limits",
)


class GateConfig(Struct, frozen=True, kw_only=True):
    """The limits of a run; None if not set. Shares are fractions."""

    min_hit_rate: Annotated[
        Limit | None,
        Key(
            kind=_limit(SHARE, "share, or none"),
            about="The share of steps that must come from a cache: (reused + imported) / (reused + imported + "
            "executed).",
            example="80%",
            default="none",
        ),
    ] = None
    min_go_hit_rate: Annotated[
        Limit | None,
        Key(
            kind=_limit(SHARE, "share, or none"),
            about="The share of Go packages that must come from Go's build cache.",
            example="90%",
            default="none",
        ),
    ] = None
    max_seconds_regression: Annotated[
        Limit | None,
        Key(
            kind=_limit(REGRESSION, "share, or none"),
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
    exempt: Annotated[
        frozenset[Exemption] | None,
        Key(
            kind=_exempt(),
            about=f"Kinds of runs that may fall short: {', '.join(Exemption)}.",
            example="[first-run, go-version]",
            default="[]",
        ),
    ] = None
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
        """Return these limits, completed by those of ``below``; branches are those of ``below``."""
        limits = {name: value for name, value in asdict(self).items() if name != "branches" and value is not None}
        return replace(below, **limits)

    def of(self, branch: str) -> GateConfig:
        """Return the limits for a branch, overridden by those of the first matching pattern."""
        fit = (own for pattern, own in self.branches.items() if branch and fnmatch.fnmatchcase(branch, pattern))
        own = next(fit, None)
        return own.over(self) if own else self


GATE_FIELDS = fields_of(GateConfig)
LIMIT_FIELDS: tuple[Field, ...] = tuple(field for field in GATE_FIELDS if field.name != "branches")
gate_kind = section(GateConfig, "limits of a run")
