"""Runs as Prometheus metrics, read back by Prometheus' own parser."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from gobake.insight.card import Scorecard
from gobake.insight.scorecard import scorecard
from gobake.report.prometheus.exposition import MOST_SERIES, exposition, registry, samples, text, totals
from gobake.report.prometheus.families import COMMON, COUNTERS, GAUGES
from gobake.runs.outcomes import SeedAction
from gobake.runs.record import CacheRecord, MountRecord, RunRecord, SeedRecord, SizeRecord
from tests.conftest import REPOSITORY
from tests.unit.scoring import NAMES, before, hostile, recorded, run, step, summary, target

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(said: str) -> Series:
    """Every series by name and labels; none comes twice."""
    found: Series = {}
    for family in text_string_to_metric_families(said):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, f"{key} comes twice"
            found[key] = sample.value
    return found


def values(said: str, name: str, **labels: str) -> list[float]:
    return [
        value for (metric, given), value in read(said).items() if metric == name and set(labels.items()) <= set(given)
    ]


def card(name: str) -> Scorecard:
    return scorecard(recorded(name), before(name))


def of(record: RunRecord) -> str:
    return exposition(scorecard(record, []))


# ---- real runs


def test_the_figures_of_a_bare_run() -> None:
    said = exposition(card("bare"))
    assert values(said, "gobake_run_seconds", project="shop", branch="main") == [recorded("bare").seconds]
    assert values(said, "gobake_steps", outcome="imported") == [11]
    assert values(said, "gobake_step_hit_ratio") == [pytest.approx(11 / 21)]
    assert values(said, "gobake_go_packages", platform="linux/amd64", result="compiled") == [265]
    assert values(said, "gobake_go_packages", platform="linux/amd64", result="cached") == [0]
    assert values(said, "gobake_service_go_packages", service="api", platform="linux/arm64", result="compiled") == [248]
    assert values(said, "gobake_go_modules", result="downloaded") == [13]
    assert values(said, "gobake_mount_bytes", mount="gobuild", moment="after") == [218431488]
    assert values(said, "gobake_seed_bytes", direction="save", form="packed") == [78798832]
    assert values(said, "gobake_seed_seconds", direction="save") == [recorded("bare").seeds[0].seconds]
    assert values(said, "gobake_layer_caches", direction="import", result="found") == [5]
    assert values(said, "gobake_layer_cache_layers", direction="export") == [56]
    exports = sum(c.seconds or 0 for c in recorded("bare").caches if c.direction == "export")
    assert values(said, "gobake_layer_cache_seconds", direction="export") == [pytest.approx(exports)]
    assert values(said, "gobake_run_info", run=recorded("bare").id, outcome="done", policy="ci-branch") == [1]


def test_a_run_that_lost_by_its_caches_has_a_negative_saving() -> None:
    cold = run(step(1, "executed", 1.0), seconds=1.0)
    slow = run(step(1, "reused"), seconds=9.0, at=1)
    assert values(exposition(scorecard(slow, [cold])), "gobake_run_saved_seconds") == [-8.0]


@pytest.mark.parametrize("name", NAMES)
def test_every_series_of_a_real_run_has_a_known_metric_and_its_labels(name: str) -> None:
    known = {metric.name: {*COMMON, *metric.labels} for metric in GAUGES}
    for metric, labels in read(exposition(card(name))):
        assert {label for label, _ in labels} == known[metric]


# ---- what is unknown


def test_what_is_unknown_is_left_out() -> None:
    said = of(
        run(
            targets=(target(sizes=(SizeRecord(platform="linux/amd64", compressed=7, uncompressed=None),)),),
            mounts=(MountRecord(name="gomod", id="x", before=None, after=0),),
        )
    )
    assert values(said, "gobake_target_size_bytes") == [7]
    assert values(said, "gobake_mount_bytes") == [0]  # a mount that is not there is known
    names = {metric for metric, _ in read(said)}
    assert not names & {
        "gobake_steps",
        "gobake_step_hit_ratio",
        "gobake_step_weighted_hit_ratio",
        "gobake_go_hit_ratio",
        "gobake_go_packages",
        "gobake_go_modules",
        "gobake_critical_path_seconds",
        "gobake_seed_bytes",
        "gobake_layer_cache_seconds",
    }


def test_a_sum_of_which_a_part_is_unknown_is_unknown() -> None:
    whole = CacheRecord(direction="export", target="a", ref="r", seconds=2.0, bytes=5)
    part = replace(whole, target="b", seconds=None, bytes=None)
    said = of(run(caches=(whole, part)))
    assert values(said, "gobake_layer_cache_seconds") == []
    assert values(said, "gobake_layer_cache_bytes") == [5]  # the other wrote nothing as far as is known
    assert values(said, "gobake_layer_caches", result="unknown") == [1]


def test_a_seed_that_was_refused_cost_time_and_moved_nothing() -> None:
    said = of(
        run(seeds=(SeedRecord(action=SeedAction.REFUSED, name="s", size=3, packed=2, seconds=4.0, error="gone"),))
    )
    assert values(said, "gobake_seed_seconds", direction="restore") == [4.0]
    assert values(said, "gobake_seed_bytes") == []


def test_a_number_that_no_float_holds_measures_nothing() -> None:
    said = of(run(mounts=(MountRecord(name="gomod", id="x", before=10**400, after=1),)))
    assert values(said, "gobake_mount_bytes") == [1]


# ---- names that others choose


def test_hostile_names_are_labels_and_nothing_else() -> None:
    plain = {metric for metric, _ in read(exposition(scorecard(recorded("bare"), [])))}
    said = of(hostile())
    unknown_action = {"gobake_seed_bytes", "gobake_seed_seconds"}  # neither restored nor saved
    assert {metric for metric, _ in read(said)} == plain - unknown_action
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", said)
    assert all(line.startswith(("# HELP gobake_", "# TYPE gobake_", "gobake_")) for line in said.splitlines())


@pytest.mark.parametrize(
    ("branch", "shown"),
    [
        ('quo"te', 'quo"te'),
        ("back\\slash\\n", "back\\slash\\n"),
        ('x"} 1\ngobake_evil 7', 'x"} 1 gobake_evil 7'),
        ("\x1b[31mred\x1b[0m", "red"),
        ("half \ud800", "half"),
        ("ünïcode", "ünïcode"),
        ("", ""),
    ],
)
def test_a_label_comes_back_as_it_was_on_one_printable_line(branch: str, shown: str) -> None:
    assert values(of(run(branch=branch)), "gobake_run_seconds", branch=shown) == [10.0]


def test_names_that_are_alike_once_they_are_cut_make_no_series_twice() -> None:
    said = of(run(targets=(target("a" * 500 + "1"), target("a" * 500 + "2"))))
    assert len(values(said, "gobake_target_size_bytes", kind="compressed")) == 1


def test_the_number_of_series_is_bounded() -> None:
    said = of(run(targets=tuple(target(f"s{at}") for at in range(MOST_SERIES))))
    assert len(values(said, "gobake_target_size_bytes")) == MOST_SERIES


# ---- all runs


def test_totals_count_every_run() -> None:
    digests = [
        summary(0, outcome="done", seconds=2.0, executed=3, compiled=None),
        summary(1, outcome="failed", seconds=1.5, executed=1, compiled=4),
        summary(2, outcome="a \x1b surprise", seconds=1.0, executed=0, compiled=1),
    ]
    said = text(registry(totals("shop", digests)))
    assert values(said, "gobake_runs_total", project="shop", outcome="done") == [1]
    assert values(said, "gobake_runs_total", outcome="unknown") == [1]
    assert values(said, "gobake_runs_total", outcome="interrupted") == [0]
    assert values(said, "gobake_build_seconds_total") == [4.5]
    assert values(said, "gobake_executed_steps_total") == [4]
    assert values(said, "gobake_compiled_packages_total") == [5]


def test_the_newer_format_holds_the_same() -> None:
    everything = registry([*samples(card("bare")), *totals("shop", [summary(0)])])
    said = openmetrics(everything).decode()  # type: ignore[no-untyped-call]
    families = openmetrics_families(said)  # type: ignore[no-untyped-call]
    newer = {sample.name for family in families for sample in family.samples}
    assert newer == {metric for metric, _ in read(text(everything))}


# ---- what is written about it


def _table() -> dict[str, tuple[str, str, str]]:
    page = (REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(gobake_\w+)` \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", page, re.MULTILINE)
    return {name: (unit, labels, meaning) for name, unit, labels, meaning in rows}


def test_the_documentation_has_every_metric_with_unit_labels_and_meaning() -> None:
    told = {m.name: (m.unit, ", ".join(f"`{label}`" for label in m.labels), m.meaning) for m in (*GAUGES, *COUNTERS)}
    assert _table() == told


def _dashboard() -> dict[str, Any]:
    found = json.loads((REPOSITORY / "dashboards" / "gobake.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def test_the_dashboard_asks_for_metrics_that_exist_by_variables_that_exist() -> None:
    board = _dashboard()
    known = {metric.name for metric in (*GAUGES, *COUNTERS)}
    variables = {variable["name"] for variable in board["templating"]["list"]}
    assert variables == {"datasource", "project", "branch"}
    for panel in (p for p in board["panels"] if p["type"] != "row"):
        assert panel["datasource"]["uid"] == "${datasource}"
        for asked in panel["targets"]:
            assert set(re.findall(r"gobake_\w+", asked["expr"])) <= known
            assert set(re.findall(r"\$(\w+)", asked["expr"])) <= variables


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    panels = _dashboard()["panels"]
    assert len({p["id"] for p in panels}) == len(panels)
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
