"""A real engine for the tests: that of the environment, else one of the harness for the length of the session.

Workers that run modules side by side have an engine each.
"""

from __future__ import annotations

import os
import subprocess
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness
from harness.places import cache_folder
from tests.conftest import Gobake, commit, copy_shop, outside_ci

# also where a test has a cache folder of its own: nobody wants an engine prepared anew
os.environ.setdefault("GOBAKE_HARNESS_CACHE", str(cache_folder()))

pytest.register_assert_rewrite("tests.engine.cases")


# What takes longest comes first, lest a worker begins it at the end while the other waits; and before all others what
# looks at an engine that has built nothing yet.
_FIRST = (
    "test_right_on_every_change",
    "test_cache_commands",
    "test_nothing_changed",
    "test_seeds",
    "test_cache_runs",
    "test_layer_caches",
    "test_cache_verify",
    "test_projects",
    "test_public_cases",
    "test_classes",
    "test_right_program",
    "test_builders",
    "test_history",
    "test_main_job",
)
# What a module is about: `pytest -m seeds` runs one room. Markers are described in pyproject.toml.
_ROOMS = {
    "images": (
        *(
            "test_affected",
            "test_asked",
            "test_context",
            "test_main_job",
            "test_namesakes",
            "test_nothing_changed",
            "test_projects",
            "test_push",
        ),
        *("test_public_cases", "test_right_on_every_change", "test_right_program", "test_runtime", "test_versions"),
        "test_shown_commands",
    ),
    "layers": ("test_classes", "test_layer_caches"),
    "seeds": ("test_cache_commands", "test_cache_runs", "test_cache_verify", "test_seeds"),
    "private": ("test_private_modules", "test_private_secrets", "test_private_verify"),
    "reports": (
        *("test_ci_summary", "test_compare", "test_explain", "test_gate", "test_history", "test_metrics", "test_page"),
        *("test_size", "test_starts"),
    ),
    "faults": (
        *("test_ends", "test_faults", "test_faults_at_once", "test_faults_disk", "test_faults_dockerd"),
        *("test_faults_registry", "test_shared_builder"),
    ),
    "places": (
        *("test_builders", "test_doctor", "test_harness", "test_nodes", "test_own_image", "test_pipelines"),
        *("test_private_registry", "test_registry", "test_shards"),
    ),
}
_MOST_TOLD = 30  # modules, with their seconds
_ROOM_OF = {module: room for room, modules in _ROOMS.items() for module in modules}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/engine" in str(item.path) or "tests/security/builds" in str(item.path):
            item.add_marker(pytest.mark.engine)
            item.add_marker(_ROOM_OF[item.path.stem])  # a KeyError: a new module belongs into one of the rooms
    items.sort(key=lambda item: _FIRST.index(item.path.stem) if item.path.stem in _FIRST else len(_FIRST))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what each module took: _FIRST should name those that take longest."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[report.nodeid.partition("::")[0]] += report.duration
    terminalreporter.section("seconds by module")
    for module, took in sorted(seconds.items(), key=lambda one: -one[1])[:_MOST_TOLD]:
        terminalreporter.line(f"{took:7.1f} s {module}")


@pytest.fixture(scope="session", autouse=True)
def engine() -> Iterator[None]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    if "GOBAKE_HARNESS_STATE" in os.environ and worker == "gw0":
        yield
        return
    suite, name = os.environ.get("GOBAKE_ENGINE_SUITE", "sid"), f"pytest-{worker}"
    started = harness.up(suite, name, force_private=True, fresh=True)
    os.environ.update(started.env)
    try:
        yield
    finally:
        harness.down(name, purge=True)


@pytest.fixture(scope="session")
def registry() -> str:
    return os.environ["GOBAKE_TEST_REGISTRY"]


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Gobake:
    """One world for tests that follow each other on the same caches."""
    home = tmp_path_factory.mktemp("home")
    return Gobake(
        env={
            **outside_ci(),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_DATA_HOME": str(home / "data"),
            "NO_COLOR": "1",
        }
    )


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example workspace in a repository of its own."""
    root = copy_shop(tmp_path_factory.mktemp("example") / "shop")
    commit(root)
    return root


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def without_go() -> str:
    """The PATH of a host that has no Go."""
    return ":".join(p for p in os.environ["PATH"].split(":") if not (Path(p) / "go").exists())


def answer_of(image: str, platform: str, port: int, path: str) -> str:
    """Start an image, ask it over HTTP, stop it."""
    name = docker("run", "-d", "--rm", "--platform", platform, "-p", f"127.0.0.1:0:{port}", image)
    try:
        address = docker("port", name, str(port)).splitlines()[0]
        for _ in range(150):
            try:
                with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as said:
                    return str(said.read().decode())
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"{image} on {platform} does not answer; it logged:\n{docker('logs', name)}")
    finally:
        subprocess.run(["docker", "kill", name], capture_output=True, check=False)
