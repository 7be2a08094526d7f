"""What gobake exposes, as a real Prometheus and a real push gateway take it, and the dashboard's every query."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gobake.plan.discover import open_project
from gobake.plan.project import identity
from gobake.plan.request import ProjectRequest
from gobake.report.prometheus.families import COUNTERS, GAUGES
from gobake.runs.record import RunRecord
from gobake.runs.store import RunStore
from harness.monitoring import Prometheus, programs, prometheus, push_gateway
from tests.conftest import REPOSITORY, Gobake, copy_shop, outside_ci
from tests.unit.scoring import NAMES, hostile, recorded

DASHBOARD = json.loads((REPOSITORY / "dashboards" / "gobake.json").read_text())
_PATIENCE = 60  # seconds


def _expressions() -> list[str]:
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]


def _chosen(expression: str, *, project: str = ".*", branch: str = ".*") -> str:
    """A query with the dashboard's variables replaced, as Grafana does."""
    given = {"$project": project, "$branch": branch}
    found = re.sub(r"\$(?:project|branch)", lambda name: given[name[0]], expression)
    assert "$" not in found, f"{expression} has a variable that no test knows"
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("metrics")


@pytest.fixture(scope="module")
def world(home: Path) -> Gobake:
    """Its history is that of no other test."""
    return Gobake(env={**outside_ci(), "XDG_CACHE_HOME": str(home / "cache"), "XDG_DATA_HOME": str(home / "data")})


@pytest.fixture(scope="module")
def shop(home: Path) -> Path:
    return copy_shop(home / "shop")


@pytest.fixture(scope="module")
def history(world: Gobake, shop: Path) -> Path:
    """The folder of a store with real runs, on two branches, and one with hostile names."""
    name = identity(open_project(ProjectRequest(directory=shop, trust=True)).project)
    folder = Path(world.env["XDG_DATA_HOME"]) / "gobake" / "runs" / name
    with RunStore(folder) as store:
        for kind in NAMES[1:]:
            store.add(recorded(kind), [])
        store.add(_into_a_folder(recorded("bare")), [])
        store.add(replace(recorded("edit"), id="20261125-060000-feed01", branch="feature/ratchet"), [])
        store.add(replace(hostile(), id="20261125-060100-feed02"), [])
    return folder


def _into_a_folder(run: RunRecord) -> RunRecord:
    """As if its layer caches were a folder: only there are the bytes of an export known."""
    exports = tuple(replace(c, bytes=1 << 20) if c.direction == "export" else c for c in run.caches)
    return replace(run, caches=exports)


@contextmanager
def _listening(world: Gobake, shop: Path) -> Iterator[str]:
    """`gobake metrics --listen`, ended as a person does."""
    process = world.start("metrics", "--listen", "0", cwd=shop)
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        found = re.match(r"http://(127\.0\.0\.1:\d+)/metrics", said)
        assert found, said
        yield found[1]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (0, "", "")
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def scraped(world: Gobake, shop: Path, history: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has scraped the history a few times."""
    with (
        _listening(world, shop) as address,
        prometheus(tmp_path_factory.mktemp("prometheus"), {"gobake": address}) as running,
    ):
        _until(lambda: (_scrapes(running) or 0) >= 4, lambda: str(running.api("targets")))
        yield running


def _scrapes(running: Prometheus) -> float | None:
    found = running.query('sum(count_over_time(gobake_run_info{branch="main"}[1h]))')
    return float(found[0]["value"][1]) if found else None


def _until(met: Any, said: Any) -> None:
    until = time.monotonic() + _PATIENCE
    while not met():
        assert time.monotonic() < until, said()
        time.sleep(0.3)


def _samples(series: list[Any]) -> list[float]:
    return [float(one["value"][1]) for one in series]


def test_there_are_queries() -> None:
    assert len(_expressions()) >= 25


@pytest.mark.parametrize("expression", _expressions())
def test_a_query_of_the_dashboard_gives_data(scraped: Prometheus, expression: str) -> None:
    assert scraped.query(_chosen(expression))
    assert scraped.query(_chosen(expression, project="shop", branch="main"))


def test_a_variable_of_the_dashboard_has_values(scraped: Prometheus) -> None:
    found = {}
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            asked = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"])
            assert asked
            found[variable["name"]] = scraped.api(f"label/{asked[2]}/values", **{"match[]": _chosen(asked[1])})
    assert found["project"] == ["shop"]
    assert {"main", "feature/ratchet"} <= set(found["branch"])


def test_every_metric_arrives_with_its_labels(scraped: Prometheus) -> None:
    for metric in (*GAUGES, *COUNTERS):
        (first, *_) = scraped.query(f'{metric.name}{{project="shop"}}')
        assert set(metric.labels) - {label for label, _ in first["metric"].items()} <= {"policy", "revision"}


def test_figures_are_those_of_the_run(scraped: Prometheus) -> None:
    assert _samples(scraped.query('gobake_run_seconds{branch="main"}')) == [recorded("bare").seconds]
    assert _samples(scraped.query('gobake_steps{branch="main", outcome="imported"}')) == [11]
    assert _samples(scraped.query('sum(gobake_go_packages{branch="feature/ratchet", result="compiled"})')) == [2]
    assert _samples(scraped.query('gobake_runs_total{outcome="done"}')) == [7]


def test_prometheus_took_all_samples_of_the_scrape(scraped: Prometheus) -> None:
    (target,) = scraped.api("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")


def test_a_new_run_is_seen_and_counted(scraped: Prometheus, history: Path) -> None:
    with RunStore(history) as store:
        store.add(replace(recorded("warm"), id="20261125-070000-feed03", branch="late", outcome="failed"), [])
    _until(lambda: _samples(scraped.query('gobake_run_success{branch="late"}')) == [0], lambda: "it is not seen")
    assert _samples(scraped.query('gobake_runs_total{outcome="failed"}')) == [1]


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("words", [("metrics",), ("report", "--format", "prometheus")])
def test_promtool_finds_nothing_to_say(world: Gobake, shop: Path, words: tuple[str, ...]) -> None:
    text = world.good(*words, cwd=shop).out
    command = [str(programs() / "promtool"), "check", "metrics"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.usefixtures("history")
def test_a_push_gateway_takes_a_run_and_keeps_branches_apart(
    world: Gobake, shop: Path, history: Path, tmp_path: Path
) -> None:
    def pushed(branch: str, run_id: str) -> None:
        with RunStore(history) as store:
            store.add(replace(recorded("warm"), id=run_id, branch=branch), [])
        assert world.good("metrics", "--push", gateway, cwd=shop).out == f"run {run_id} pushed\n"

    with push_gateway(tmp_path / "gateway") as gateway:
        pushed("main", "20261125-080000-feed04")
        pushed('odd/ "branch"', "20261125-080100-feed05")
        pushed("", "20261125-080200-feed06")
        with urllib.request.urlopen(f"{gateway}/metrics", timeout=20) as reply:
            text = reply.read().decode()
        with prometheus(tmp_path / "prometheus", {"gateway": gateway.removeprefix("http://")}) as running:
            _until(lambda: running.query("gobake_run_seconds"), lambda: str(running.api("targets")))
            found = running.query('gobake_run_seconds{exported_job="gobake"}')
    assert {one["metric"].get("branch", "") for one in found} == {"main", 'odd/ "branch"', ""}
    assert text.count("\npush_failure_time_seconds{") == 3
    assert not re.search(r"^push_failure_time_seconds\{.*\} [1-9]", text, re.MULTILINE)
