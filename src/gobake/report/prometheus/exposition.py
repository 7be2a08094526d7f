"""Runs as Prometheus metrics. An unknown figure has no sample, as 0 would be a figure.

Others choose the names in records: a label's value is one printable line of bounded length, and the Prometheus client
quotes it. A family has a bounded number of series per run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gobake.insight.card import RunSummary, Scorecard
from gobake.report.prometheus.families import COMMON, COUNTERS, GAUGES
from gobake.runs.outcomes import RunOutcome, SeedAction
from gobake.runs.record import CacheRecord, SeedRecord
from gobake.text.printable import one_line

MOST_SERIES = 1000  # per family and run, enough for hundreds of services
_LONGEST_LABEL = 128

Labels = dict[str, str]


class Sample(Struct, frozen=True, kw_only=True):
    """One value; ``labels`` in the metric's order."""

    metric: str
    labels: tuple[str, ...]
    value: float


def exposition(card: Scorecard) -> str:
    """One run in Prometheus' text format, for a file of node_exporter's textfile collector, or a push gateway."""
    return text(registry(samples(card)))


def samples(card: Scorecard) -> tuple[Sample, ...]:
    """The figures of a run, each series once."""
    common = (label(card.run.project), label(card.run.branch))
    order = {metric.name: metric.labels for metric in GAUGES}
    found: dict[tuple[str, tuple[str, ...]], Sample] = {}
    counts: Counter[str] = Counter()
    for name, labels, value in _figures(card):
        number = _number(value)
        shown = (*common, *(label(labels[key]) for key in order[name]))
        if number is None or (name, shown) in found or counts[name] >= MOST_SERIES:
            continue
        counts[name] += 1
        found[name, shown] = Sample(metric=name, labels=shown, value=number)
    return tuple(found.values())


def totals(project: str, summaries: Iterable[RunSummary]) -> tuple[Sample, ...]:
    """Totals over all runs, without a branch, as branches come and go and a counter may only grow."""
    runs = Counter({str(outcome): 0 for outcome in RunOutcome})
    seconds, executed, compiled = 0.0, 0, 0
    for summary in summaries:
        runs[str(summary.outcome) if summary.outcome in tuple(RunOutcome) else "unknown"] += 1
        seconds += summary.seconds
        executed += summary.executed
        compiled += summary.compiled or 0
    name = label(project)
    return (
        *(Sample(metric="gobake_runs_total", labels=(name, key), value=count) for key, count in runs.items()),
        Sample(metric="gobake_build_seconds_total", labels=(name,), value=seconds),
        Sample(metric="gobake_executed_steps_total", labels=(name,), value=executed),
        Sample(metric="gobake_compiled_packages_total", labels=(name,), value=compiled),
    )


def label(text: str) -> str:
    """A name as a label's value."""
    return one_line(text, _LONGEST_LABEL)


class _Given(Collector):
    """Existing samples in the form of the client library."""

    def __init__(self, given: Sequence[Sample]) -> None:
        self._given = given

    def collect(self) -> Iterator[Metric]:
        by_name: dict[str, list[Sample]] = {}
        for sample in self._given:
            by_name.setdefault(sample.metric, []).append(sample)
        for metric in (m for m in GAUGES if m.name in by_name):
            gauge = GaugeMetricFamily(metric.name, metric.meaning, labels=(*COMMON, *metric.labels))
            for sample in by_name[metric.name]:
                gauge.add_metric(sample.labels, sample.value)
            yield gauge
        for metric in (m for m in COUNTERS if m.name in by_name):
            counter = CounterMetricFamily(
                metric.name.removesuffix("_total"), metric.meaning, labels=("project", *metric.labels)
            )
            for sample in by_name[metric.name]:
                counter.add_metric(sample.labels, sample.value)
            yield counter


def registry(given: Sequence[Sample]) -> CollectorRegistry:
    made = CollectorRegistry()
    made.register(_Given(given))
    return made


def text(given: CollectorRegistry) -> str:
    return generate_latest(given).decode()


# ---- the figures

_Figure = tuple[str, Mapping[str, str], float | None]


def _figures(card: Scorecard) -> Iterator[_Figure]:
    yield from _run(card)
    yield from _steps(card)
    yield from _go(card)
    yield from _sizes(card)
    yield from _seeds(card.seeds)
    yield from _layers(card.caches)


def _run(card: Scorecard) -> Iterator[_Figure]:
    run = card.run
    info = {
        "run": run.id,
        "revision": run.revision,
        "outcome": run.outcome,
        "builder": run.builder,
        "policy": run.cache_policy,
        "go_version": run.go_version,
        "gobake_version": run.gobake,
    }
    yield "gobake_run_info", info, 1
    yield "gobake_run_success", {}, run.outcome == RunOutcome.DONE
    yield "gobake_run_timestamp_seconds", {}, run.started
    yield "gobake_run_seconds", {}, run.seconds
    yield "gobake_run_saved_seconds", {}, card.saved
    yield "gobake_run_cache_cost_seconds", {}, card.work.cost if card.work else None
    yield "gobake_critical_path_seconds", {}, card.critical_seconds
    yield "gobake_targets", {}, len(card.targets)
    for kind, parts in (("service", card.services), ("strategy", card.strategies), ("platform", card.platforms)):
        for part in parts:
            yield f"gobake_{kind}_seconds", {kind: part.name}, part.seconds


def _steps(card: Scorecard) -> Iterator[_Figure]:
    if not card.run.steps:  # prebuilt elsewhere, or stopped before the first
        return
    for outcome in ("reused", "imported", "shared", "executed", "uncacheable", "unknown"):
        yield "gobake_steps", {"outcome": outcome}, getattr(card.steps, outcome)
    yield "gobake_step_hit_ratio", {}, card.steps.hit_rate
    yield "gobake_step_weighted_hit_ratio", {}, card.steps.weighted_hit_rate


def _go(card: Scorecard) -> Iterator[_Figure]:
    if card.go:
        yield "gobake_go_hit_ratio", {}, card.go.hit_rate
        yield "gobake_go_tool_seconds", {}, card.go.seconds
    packages: Counter[tuple[str, str]] = Counter()
    links: Counter[str] = Counter()
    for work in card.run.go:  # several per platform if services have different build options
        packages[work.platform, "compiled"] += len(work.compiled)
        packages[work.platform, "cached"] += work.packages - len(work.compiled)
        links[work.platform] += len(work.linked)
    for (platform, result), count in packages.items():
        yield "gobake_go_packages", {"platform": platform, "result": result}, count
    for platform, count in links.items():
        yield "gobake_go_links", {"platform": platform}, count
    for command in card.commands:
        labels = {"service": command.service, "platform": command.platform}
        yield "gobake_service_go_packages", {**labels, "result": "compiled"}, command.go.compiled
        yield "gobake_service_go_packages", {**labels, "result": "cached"}, command.go.cached
    downloaded, total = card.modules_downloaded, card.modules_total
    yield "gobake_go_modules", {"result": "downloaded"}, downloaded
    if downloaded is not None and total is not None and total >= downloaded:
        yield "gobake_go_modules", {"result": "present"}, total - downloaded


def _sizes(card: Scorecard) -> Iterator[_Figure]:
    for target in card.targets:
        for size in target.sizes:
            labels = {"service": target.service, "strategy": target.strategy, "platform": size.platform}
            yield "gobake_target_size_bytes", {**labels, "kind": "compressed"}, size.compressed
            yield "gobake_target_size_bytes", {**labels, "kind": "uncompressed"}, size.uncompressed
    for mount in card.mounts:
        yield "gobake_mount_bytes", {"mount": mount.name, "moment": "before"}, mount.before
        yield "gobake_mount_bytes", {"mount": mount.name, "moment": "after"}, mount.after


def _seeds(seeds: Sequence[SeedRecord]) -> Iterator[_Figure]:
    for direction, actions in (
        ("restore", (SeedAction.RESTORED, SeedAction.REFUSED)),
        ("save", (SeedAction.SAVED_WHOLE, SeedAction.SAVED_GROWN, SeedAction.NOT_SAVED)),
    ):
        some = [seed for seed in seeds if seed.action in actions]
        moved = [seed for seed in some if seed.action not in (SeedAction.REFUSED, SeedAction.NOT_SAVED)]
        yield "gobake_seed_seconds", {"direction": direction}, _sum(seed.seconds for seed in some)
        yield "gobake_seed_bytes", {"direction": direction, "form": "unpacked"}, _sum(seed.size for seed in moved)
        yield "gobake_seed_bytes", {"direction": direction, "form": "packed"}, _sum(seed.packed for seed in moved)


def _layers(caches: Sequence[CacheRecord]) -> Iterator[_Figure]:
    for direction in ("import", "export"):
        some = [cache for cache in caches if cache.direction == direction]
        for result, count in Counter(_result(cache) for cache in some).items():
            yield "gobake_layer_caches", {"direction": direction, "result": result}, count
        yield "gobake_layer_cache_seconds", {"direction": direction}, _sum(cache.seconds for cache in some)
        written = [cache for cache in some if _result(cache) in ("found", "written")]
        yield "gobake_layer_cache_layers", {"direction": direction}, _sum(cache.layers for cache in written)
        yield "gobake_layer_cache_bytes", {"direction": direction}, _sum(cache.bytes for cache in written)


def _result(cache: CacheRecord) -> str:
    if cache.error:
        return "failed"
    if cache.seconds is None:
        return "unknown"
    if cache.direction == "export":
        return "written"
    return {True: "found", False: "empty", None: "unknown"}[cache.found]


def _sum(values: Iterable[float | None]) -> float | None:
    """The sum; None without values, or if one is unknown, as the rest would look like the whole."""
    given = list(values)
    known = [value for value in given if value is not None]
    return sum(known) if known and len(known) == len(given) else None


def _number(value: float | None) -> float | None:
    """The value as a float; None for an integer from JSON too large for a float, which is not a measurement."""
    try:
        return None if value is None else float(value)
    except OverflowError:
        return None
