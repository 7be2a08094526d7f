"""`gate`: the limits for the caches of a run, for all branches and for some."""

from __future__ import annotations

from gobake.config import patterns, words
from gobake.config.fields import Field, object_schema, read_fields
from gobake.config.gate_values import NONE, Exemption, GateConfig, Limit, fraction
from gobake.config.kinds import Grammar, Kind, boolean, choice, items, mapping
from gobake.config.reading import At


def _limit(grammar: Grammar, says: str) -> Kind[Limit]:
    def read(at: At) -> Limit:
        value = grammar.admit(at, at.text())
        return NONE if value == NONE else fraction(value)

    return Kind(read=read, described=grammar.kind.described, says=says)


def _exempt() -> Kind[frozenset[Exemption]]:
    listed = items(choice("kind of run", tuple(Exemption), Exemption), "kinds of runs")
    return Kind(read=lambda at: frozenset(listed.read(at)), described=listed.described, says=listed.says)


LIMIT_FIELDS = (
    Field(
        name="min_hit_rate",
        kind=_limit(words.SHARE, "share, or none"),
        about="The share of steps that must come from a cache: (reused + imported) / (reused + imported + executed).",
        example="80%",
        default="none",
    ),
    Field(
        name="min_go_hit_rate",
        kind=_limit(words.SHARE, "share, or none"),
        about="The share of Go packages that must come from Go's build cache.",
        example="90%",
        default="none",
    ),
    Field(
        name="max_seconds_regression",
        kind=_limit(words.REGRESSION, "share, or none"),
        about="How much longer than the median of the last runs of its branch, or of main, a run may take.",
        example="20%",
        default="none",
    ),
    Field(
        name="require_cache",
        kind=boolean(),
        about="Fail where a cache could not be read, or where nothing came from one although there were earlier runs.",
        example="true",
        default="false",
    ),
    Field(
        name="exempt",
        kind=_exempt(),
        about=f"Kinds of runs that may fall short: {', '.join(Exemption)}.",
        example="[first-run, go-version]",
        default="[]",
    ),
)


def _read_limits(at: At) -> GateConfig:
    return GateConfig(**read_fields(at, LIMIT_FIELDS))


_limits = Kind(read=_read_limits, described=lambda: object_schema(LIMIT_FIELDS), says="limits")

GATE_FIELDS = (
    *LIMIT_FIELDS,
    Field(
        name="branches",
        kind=mapping("pattern of branches", patterns.BRANCHES, _limits, "pattern -> limits"),
        about="Limits of some branches, over those above; * stands for any characters, and the first pattern that fits "
        "holds.",
        example='{"release/*": {require_cache: true}}',
        default="{}",
    ),
)


def _read_gate(at: At) -> GateConfig:
    return GateConfig(**read_fields(at, GATE_FIELDS))


gate_kind: Kind[GateConfig] = Kind(
    read=_read_gate, described=lambda: object_schema(GATE_FIELDS), says="limits of a run"
)
