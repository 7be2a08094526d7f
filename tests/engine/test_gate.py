"""The gate over real runs: cold, warm, without caches, pruned; what it says and how it ends."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Gobake
from tests.engine.caches import edit, forget_mounts, make_bare, small_project

EIGHTY = ("--min-hit-rate", "80%", "--min-go-hit-rate", "80%")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One project for all tests here, in the order in which they stand: the first one compiles it."""
    made = small_project(tmp_path_factory.mktemp("gate"))
    (made / "go.mod").write_text("module example.com/small\n\ngo 1.26\n")  # no module from elsewhere
    (made / "go.sum").unlink()
    for command in ("one", "two"):
        file = made / "cmd" / command / "main.go"
        file.write_text('package main\n\nimport "example.com/small/shared"\n\nfunc main() { println(shared.Mark) }\n')
    yield made
    forget_mounts(made.name)


@pytest.fixture(scope="module")
def gobake(world: Gobake) -> Gobake:
    return world


def test_a_first_run_is_cold_and_may_be(gobake: Gobake, root: Path) -> None:
    make_bare()
    ended = gobake.good("build", *EIGHTY, "--require-cache", "--gate-exempt", "first-run", cwd=root)
    assert "gate: exempt: min-hit-rate: " in ended.err
    assert "(first-run: no earlier run of these services is on record)" in ended.err


def test_a_warm_run_passes_and_a_regression_is_not_told_of_one_run(gobake: Gobake, root: Path) -> None:
    ended = gobake.good("build", *EIGHTY, "--require-cache", "--max-seconds-regression", "0%", cwd=root)
    assert "gate: reached: min-hit-rate: 100 % of the steps came from a cache" in ended.err
    assert "gate: reached: min-go-hit-rate: 100 % of the Go packages" in ended.err
    assert "gate: reached: require-cache" in ended.err
    assert "earlier runs that built the same targets: 1, and 3 are needed" in ended.err


def test_no_cache_ends_with_5_and_says_so_and_the_image_is_there(gobake: Gobake, root: Path) -> None:
    edit(root)
    ended = gobake("build", "one", "--no-cache", *EIGHTY, "--require-cache", cwd=root)
    assert ended.code == 5, ended.err
    lines = ended.err.splitlines()
    assert lines[-1].startswith("error: the gate failed: min-hit-rate: ")
    for short in (
        "min-hit-rate: ",
        "min-go-hit-rate: 0 % of the Go packages",
        "require-cache: no cache was used: --no-cache",
    ):
        assert any(line.startswith(f"gate: fell short: {short}") for line in lines), short
    causes = [line for line in lines if line.startswith("  because ")]
    assert causes
    assert all("--no-cache" in line for line in causes), causes
    record = gobake.last_run(root)
    assert (record["outcome"], record["no_cache"]) == ("done", True)
    image = record["targets"][0]["images"][0]
    subprocess.run(["docker", "image", "inspect", image], check=True, capture_output=True)


def test_a_builder_that_was_pruned_ends_with_5(gobake: Gobake, root: Path) -> None:
    make_bare()
    ended = gobake("build", "--min-hit-rate", "80%", "--gate-exempt", "first-run,go-version,modules", cwd=root)
    assert ended.code == 5, ended.err
    assert "gate: exempt" not in ended.err
    assert "pruned" in "".join(line for line in ended.err.splitlines() if line.startswith("  because "))


def test_the_file_asks_by_branch_and_the_command_line_wins(gobake: Gobake, root: Path) -> None:
    file = root / "gobake.yaml"
    before = file.read_text()
    gate = "gate: {min_hit_rate: 1%, branches: {main: {max_seconds_regression: none, min_hit_rate: 100%}}}\n"
    file.write_text(before + gate)
    edit(root)
    try:
        asked = gobake("build", cwd=root)
        assert asked.code == 5, asked.err
        assert "100 % is asked" in asked.err
        edit(root)
        gobake.good("build", "--min-hit-rate", "none", cwd=root)
    finally:
        file.write_text(before)


def test_a_cache_store_that_does_not_answer_ends_with_5_and_costs_no_image(gobake: Gobake, root: Path) -> None:
    gobake.good("build", cwd=root)
    forget_mounts(root.name)
    edit(root)
    gone = ("--cache-store", "localhost:1/acme/gone", "--cache-policy", "dev")
    ended = gobake("build", *gone, "--require-cache", cwd=root)
    assert ended.code == 5, ended.err
    short = [line for line in ended.err.splitlines() if line.startswith("gate: fell short: ")]
    assert len(short) == 2, short
    assert "layer cache localhost:1/acme/gone:layers-" in short[0]
    assert "seed localhost:1/acme/gone could not be read: " in short[1]
    record = gobake.last_run(root)
    assert (record["outcome"], [seed["action"] for seed in record["seeds"]]) == ("done", ["refused"])


def test_a_build_that_failed_ends_with_4(gobake: Gobake, root: Path) -> None:
    (root / "cmd/one/main.go").write_text("package main\n\nfunc main() { undefined() }\n")
    ended = gobake("build", "one", "--min-hit-rate", "100%", cwd=root)
    assert ended.code == 4
    assert "gate:" not in ended.err
