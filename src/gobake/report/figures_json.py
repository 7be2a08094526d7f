"""The report of one run as JSON, and its JSON schema, both from one table of keys.

In schema 1 a key never changes its meaning; keys may be added. An unknown value is null.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from msgspec import Struct

from gobake.insight.account import Account
from gobake.insight.card import RunSummary
from gobake.insight.growth_words import culprit_words
from gobake.insight.labels import labels
from gobake.insight.trend import Trend
from gobake.report.quantities import rfc3339
from gobake.runs.record import StepRecord
from gobake.text.printable import scrubbed

SCHEMA = 1


class Report(Struct, frozen=True, kw_only=True):
    """The content of the document."""

    account: Account
    runs: Sequence[RunSummary] = ()  # if several were requested, newest first
    trends: Sequence[Trend] = ()  # of all their branches


class _Key(Struct, frozen=True):
    """One key: its kind, its meaning, and the source of its value."""

    name: str
    kind: str  # a type of JSON schema; `?` allows null, `[]` means a list of them
    says: str
    of: Callable[[Any], Any]
    keys: tuple[_Key, ...] = ()  # of an object


def as_json(report: Report) -> dict[str, Any]:
    return _object(_DOCUMENT, report)


def schema() -> dict[str, Any]:
    """The JSON schema of the document, draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:gobake:schema:report:1",
        "title": "gobake report",
        "description": "What a run did and how well its caches worked. What is not known is null.",
        **_object_schema(_DOCUMENT),
    }


def _object(keys: Sequence[_Key], value: Any) -> dict[str, Any]:
    return {key.name: _value(key, key.of(value)) for key in keys}


def _value(key: _Key, value: Any) -> Any:
    if value is None:
        return None
    if key.kind.endswith("[]"):
        return [_object(key.keys, one) if key.keys else _plain(one) for one in value]
    return _object(key.keys, value) if key.keys else _plain(value)


def _plain(value: Any) -> Any:
    return scrubbed(str(value)) if isinstance(value, str) else value


def _object_schema(keys: Sequence[_Key]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [key.name for key in keys],
        "properties": {key.name: {"description": key.says, **_schema(key)} for key in keys},
    }


def _schema(key: _Key) -> dict[str, Any]:
    kind = key.kind.removesuffix("[]").removesuffix("?")
    one: dict[str, Any] = _object_schema(key.keys) if key.keys else {"type": kind}
    if key.name == "schema":
        one = {"const": SCHEMA}
    if key.kind.endswith("[]"):
        return {"type": "array", "items": one}
    return {**one, "type": [kind, "null"]} if key.kind.endswith("?") else one


def _attributes(kind: str, /, **says: str) -> tuple[_Key, ...]:
    """Keys of one kind whose values are attributes of the same names."""
    return tuple(_Key(name, kind, text, attrgetter(name)) for name, text in says.items())


# ---- the table

_STEPS: tuple[_Key, ...] = (
    *_attributes(
        "integer",
        reused="steps whose result this builder had",
        imported="steps whose result came through cache-from",
        shared="steps that a sibling target had built in the same run; in no rate",
        executed="steps that were executed",
        uncacheable="BuildKit's housekeeping; in no rate",
        unknown="steps that came from a cache, and the evidence does not tell which; in no rate",
    ),
    *_attributes(
        "number?",
        hit_rate="(reused + imported) / (reused + imported + executed)",
        weighted_hit_rate="the same, every step weighed by the seconds that it took when last executed",
    ),
)

_GO_COMMAND: tuple[_Key, ...] = (
    *_attributes("string", service="service", package="import path", platform="platform"),
    _Key("total", "integer", "packages that the command consists of", lambda c: c.go.total),
    _Key("compiled", "integer", "of these, compiled in this run", lambda c: c.go.compiled),
    _Key("cached", "integer", "of these, not compiled in this run", lambda c: c.go.cached),
    _Key("linked", "integer", "1 where it was linked in this run", lambda c: c.go.linked),
    _Key("hit_rate", "number?", "cached / total", lambda c: c.go.hit_rate),
    _Key("seconds", "number", "of its compiles and its link, summed", lambda c: c.go.seconds),
)


def _go_figure(name: str) -> Callable[[Report], Any]:
    return lambda report: getattr(report.account.card.go, name) if report.account.card.go else None


_GO: tuple[_Key, ...] = (
    _Key(
        "packages",
        "object",
        "Go packages over all platforms, those of the standard library included",
        lambda r: r,
        (
            _Key("total", "integer?", "packages that the commands consist of", _go_figure("total")),
            _Key("compiled", "integer?", "compiled in this run", _go_figure("compiled")),
            _Key("cached", "integer?", "not compiled in this run", _go_figure("cached")),
            _Key("hit_rate", "number?", "cached / total", _go_figure("hit_rate")),
        ),
    ),
    _Key("linked", "integer?", "commands linked", _go_figure("linked")),
    _Key("seconds", "number?", "of the processor that compiler and linker took", _go_figure("seconds")),
    _Key(
        "modules",
        "object",
        "Go modules",
        lambda r: r.account.card,
        (
            _Key("total", "integer?", "modules that the packages are of", lambda c: c.modules_total),
            _Key("downloaded", "integer?", "downloaded in this run", lambda c: c.modules_downloaded),
        ),
    ),
    _Key("commands", "object[]", "each service on each platform", lambda r: r.account.card.commands, _GO_COMMAND),
)


def _work(name: str) -> Callable[[Report], Any]:
    return lambda report: getattr(report.account.card.work, name) if report.account.card.work else None


def _cold(name: str) -> Callable[[Report], Any]:
    return lambda report: getattr(report.account.card.cold, name) if report.account.card.cold else None


_SECONDS: tuple[_Key, ...] = (
    _Key("wall", "number", "from begin to end", lambda r: r.account.card.run.seconds),
    _Key("saved", "number?", "of the clock, against `cold`; may be negative", lambda r: r.account.card.saved),
    _Key("cold", "number?", "of the last run of the same targets that compiled everything", _cold("seconds")),
    _Key("cold_run", "string?", "the id of that run", _cold("run")),
    _Key("saved_work", "number?", "of work, summed: what caches saved, less what they cost", _work("seconds")),
    _Key("critical_path", "number?", "of the longest chain of steps", lambda r: r.account.card.critical_seconds),
    _Key("saved_by_steps", "number?", "what steps from a cache took when last executed", _work("steps")),
    _Key("saved_by_packages", "number?", "what Go packages from its cache took when last compiled", _work("packages")),
    _Key("cost", "number?", "of importing and exporting layers, restoring and saving seeds", _work("cost")),
    _Key("unknown_steps", "integer?", "steps from a cache whose cost is on no record; counted as 0", _work("unknown")),
)

_SIZE: tuple[_Key, ...] = (
    _Key("platform", "string", "platform", lambda s: s.platform),
    _Key("compressed_bytes", "integer?", "as a registry counts it", lambda s: s.compressed),
    _Key("uncompressed_bytes", "integer?", "unpacked", lambda s: s.uncompressed),
)

_TARGET: tuple[_Key, ...] = (
    *_attributes("string", name="bake target", service="service", strategy="strategy"),
    _Key("platforms", "string[]", "platforms", lambda t: t.platforms),
    _Key("images", "string[]", "names", lambda t: t.images),
    _Key("digest", "string?", "of the image index; null where none was made", lambda t: t.digest or None),
    _Key("seconds", "number?", "from its first step to its last", lambda t: t.seconds),
    _Key("sizes", "object[]", "by platform", lambda t: t.sizes, _SIZE),
)

_PART: tuple[_Key, ...] = (
    _Key("name", "string", "name", lambda p: p.name),
    _Key("steps", "object", "its steps", lambda p: p.steps, _STEPS),
    _Key("seconds", "number", "in which anything was done for its steps", lambda p: p.seconds),
)

_PATH: tuple[_Key, ...] = (
    _Key("step", "string", "target, platform, stage, number and word", lambda one: one[0].site or one[0].name),
    _Key("label", "string", "its name for people", lambda one: one[1]),
    _Key("seconds", "number?", "that it took", lambda one: one[0].seconds),
)

_MOUNT: tuple[_Key, ...] = (
    *_attributes("string", name="mount", id="of the RUN --mount"),
    _Key("before_bytes", "integer?", "before the run", lambda m: m.before),
    _Key("after_bytes", "integer?", "after the run", lambda m: m.after),
)

_SEED: tuple[_Key, ...] = (
    *_attributes("string", action="restored, refused, saved whole, saved grown, not saved", name="store and tag"),
    _Key("digest", "string?", "of the seed", lambda s: s.digest or None),
    _Key("bytes", "integer", "moved, unpacked", lambda s: s.size),
    _Key("packed_bytes", "integer?", "moved, packed", lambda s: s.packed),
    _Key("seconds", "number", "that it took", lambda s: s.seconds),
    _Key("error", "string?", "what went wrong", lambda s: s.error or None),
)

_CACHE: tuple[_Key, ...] = (
    *_attributes("string", direction="import or export", target="bake target", ref="where it lies"),
    _Key("seconds", "number?", "null where it did not end", lambda c: c.seconds),
    _Key("bytes", "integer?", "written by an export", lambda c: c.bytes),
    _Key("layers", "integer?", "of an export", lambda c: c.layers),
    _Key("found", "boolean?", "whether an import had anything to read", lambda c: c.found),
    _Key("error", "string?", "what was ignored", lambda c: c.error or None),
)

_HOST: tuple[_Key, ...] = (
    _Key("platform", "string", "platform", lambda h: h.platform),
    _Key("services", "string[]", "whose programs were compiled", lambda h: h.services),
    _Key("started", "number", "seconds since the run began", lambda h: h.started),
    _Key("seconds", "number", "from begin to end", lambda h: h.seconds),
    _Key("total", "integer?", "packages that the programs consist of", lambda h: h.packages or None),
    _Key("compiled", "integer", "of these, compiled in this run", lambda h: len(h.compiled)),
    _Key("linked", "integer", "programs linked", lambda h: len(h.linked)),
)

_SPREAD: tuple[_Key, ...] = (
    _Key("figure", "string", "seconds, hit_rate or go_hit_rate", lambda s: s.figure),
    _Key("runs", "integer", "that have it", lambda s: s.runs),
    _Key("median", "number", "median", lambda s: s.median),
    _Key("deviation", "number", "median of the distances from the median", lambda s: s.deviation),
)

_CHANGE: tuple[_Key, ...] = (
    _Key("figure", "string", "seconds, hit_rate or go_hit_rate", lambda c: c.figure),
    _Key("value", "number", "of this run", lambda c: c.value),
    _Key("median", "number", "of the runs before", lambda c: c.usual.median),
    _Key("noise", "number", "a run no further from the median tells nothing", lambda c: c.usual.noise),
    _Key("worse", "boolean", "whether it is a change for the worse", lambda c: c.worse),
)

_TREND: tuple[_Key, ...] = (
    _Key("branch", "string", "branch", lambda t: t.branch),
    _Key("run", "string", "its newest run, which the others are compared with", lambda t: t.newest.id),
    _Key("runs", "integer", "before it, of the same services and as many targets", lambda t: t.runs),
    _Key("spreads", "object[]", "how these came out", lambda t: t.spreads, _SPREAD),
    _Key("changes", "object[]", "what stands out from their noise", lambda t: t.changes, _CHANGE),
)

_ROW: tuple[_Key, ...] = (
    *_attributes("string", name="figure", unit="seconds, share, count or bytes"),
    *_attributes("number?", before="of the other run", now="of this run", difference="now - before"),
    *_attributes("boolean?", better="null where it is the same, unknown or a matter of taste"),
)

_COMPARED: tuple[_Key, ...] = (
    *_attributes("string", run="this run", other="the run that it is compared with", branch="of the other"),
    _Key("rows", "object[]", "figures side by side", lambda c: c.rows, _ROW),
)

_GREW: tuple[_Key, ...] = (
    *_attributes("string", module="module; empty for what belongs to none", before="version then", version="version"),
    _Key("bytes", "integer", "more in the program, by its functions", lambda m: m.bytes),
)

_GROWTH: tuple[_Key, ...] = (
    *_attributes("string", service="service", strategy="strategy", platform="platform"),
    _Key("compressed_bytes", "integer", "of the image", lambda g: g.bytes),
    _Key("before_bytes", "integer", "of the image that it is compared with", lambda g: g.grown.before_bytes),
    *_attributes("string", run="that has it: the last of the target branch or main", branch="of that run"),
    _Key("changed", "boolean", "whether it is a difference of 0.1 % or more", lambda g: g.grown.changed),
    _Key("culprit", "string?", "what grew most, in words", lambda g: culprit_words(g.grown) or None),
    _Key("modules", "object[]", "that changed, where both are on record", lambda g: g.grown.modules[:20], _GREW),
)

_CAUSE: tuple[_Key, ...] = (
    *_attributes("string", kind="added, removed or changed", what="a path, a name, a reference"),
    *_attributes("string", before="digest or version", after="digest or version"),
)

_MISS: tuple[_Key, ...] = (
    *_attributes("string", target="bake target", platform="platform", label="the step", cause="cause", says="in words"),
    _Key("compared_with", "string?", "the run that had the step last", lambda m: m.compared_with or None),
    _Key("follow", "integer", "later misses that only follow", lambda m: m.follow),
    _Key("shared", "boolean", "whether all targets share the step", lambda m: m.shared),
    _Key("seconds", "number", "of the clock, in which the step or those that follow ran", lambda m: m.seconds),
    _Key("changes", "object[]", "those that matter most first", lambda m: m.changes, _CAUSE),
)

_PACKAGES: tuple[_Key, ...] = (
    *_attributes("string", platform="platform", cause="cause", says="in words"),
    _Key("root", "string?", "the package that set it off", lambda p: p.root or None),
    _Key("packages", "string[]", "that were compiled because of it", lambda p: p.packages),
    _Key("seconds", "number", "that they took, summed", lambda p: p.seconds),
)

_ADVICE: tuple[_Key, ...] = (
    *_attributes("string", kind="kind", says="what is so, and what to do"),
    *_attributes("number?", seconds="that it would have gained"),
    *_attributes("integer", runs="that it was seen in"),
)

_EXPLANATION: tuple[_Key, ...] = (
    _Key("misses", "object[]", "the first step of each target that missed", lambda e: e.misses, _MISS),
    _Key("packages", "object[]", "why Go packages were compiled", lambda e: e.packages, _PACKAGES),
    _Key("advice", "object[]", "what would have been faster", lambda e: e.advice, _ADVICE),
)

_RUN: tuple[_Key, ...] = (
    *_attributes("string", id="id", outcome="done, failed, interrupted or killed"),
    _Key("started", "number", "seconds since the epoch", lambda r: r.started),
    _Key("started_at", "string", "the same in RFC 3339", lambda r: rfc3339(r.started)),
    *_attributes("string", project="project", branch="branch", revision="commit"),
    _Key("dirty", "boolean", "whether files were changed since the commit", lambda r: r.dirty),
    *_attributes("string", builder="builder", driver="driver", engine="version", go_version="asked for"),
    *_attributes("string", gobake="version", cache_policy="name", cache_store="where caches are kept"),
    _Key("bare", "boolean?", "whether the builder had no cache at all", lambda r: r.bare),
    _Key("no_cache", "boolean", "--no-cache", lambda r: r.no_cache),
    _Key("failure", "string?", "why it stopped", lambda r: r.failure or None),
)

_DIGEST: tuple[_Key, ...] = (
    *_attributes("string", id="id", outcome="done, failed, interrupted or killed"),
    *_attributes("number", started="seconds since the epoch", seconds="from begin to end"),
    _Key("started_at", "string", "the same as started, in RFC 3339", lambda d: rfc3339(d.started)),
    *_attributes("string", branch="branch", revision="commit", builder="builder"),
    _Key("services", "string[]", "services", lambda d: d.services),
    *_attributes("integer", targets="targets", executed="steps executed"),
    *_attributes("number?", hit_rate="of steps", go_hit_rate="of Go packages", saved="seconds"),
    *_attributes("integer?", compiled="Go packages"),
)


def _path(report: Report) -> list[tuple[StepRecord, str]]:
    card = report.account.card
    names = labels(card.run)
    return [(card.run.steps[at], names[at]) for at in card.critical_path]


_DOCUMENT: tuple[_Key, ...] = (
    _Key("schema", "integer", "of this document", lambda _: SCHEMA),
    _Key("run", "object", "the run", lambda r: r.account.card.run, _RUN),
    _Key("steps", "object", "steps; work that targets share counts once", lambda r: r.account.card.steps, _STEPS),
    _Key("go", "object", "Go's own account", lambda r: r, _GO),
    _Key("seconds", "object", "times", lambda r: r, _SECONDS),
    _Key("targets", "object[]", "targets", lambda r: r.account.card.targets, _TARGET),
    _Key("services", "object[]", "by service", lambda r: r.account.card.services, _PART),
    _Key("strategies", "object[]", "by strategy", lambda r: r.account.card.strategies, _PART),
    _Key("platforms", "object[]", "by platform", lambda r: r.account.card.platforms, _PART),
    _Key("critical_path", "object[]", "the longest chain of steps", _path, _PATH),
    _Key("mounts", "object[]", "Go cache mounts", lambda r: r.account.card.mounts, _MOUNT),
    _Key(
        "host",
        "object[]",
        "go builds on this machine before the build, for prebuilt",
        lambda r: r.account.card.run.host,
        _HOST,
    ),
    _Key("seeds", "object[]", "what was done with seeds", lambda r: r.account.card.seeds, _SEED),
    _Key("caches", "object[]", "layer caches read and written", lambda r: r.account.card.caches, _CACHE),
    _Key("growth", "object[]", "of the images of services", lambda r: r.account.growth, _GROWTH),
    _Key("trend", "object?", "against earlier runs of the branch", lambda r: r.account.trend, _TREND),
    _Key("compare", "object?", "against the run asked for", lambda r: r.account.compared, _COMPARED),
    _Key("explanation", "object?", "why steps missed", lambda r: r.account.explanation, _EXPLANATION),
    _Key("runs", "object[]", "the last runs, where they were asked for; newest first", lambda r: r.runs, _DIGEST),
    _Key("trends", "object[]", "by branch, where the last runs were asked for", lambda r: r.trends, _TREND),
)
