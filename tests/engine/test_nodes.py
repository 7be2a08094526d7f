"""A builder of three nodes over loopback, two for one platform: one is replaced by an empty one, one dies."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.relay import Relay
from tests.conftest import Gobake
from tests.engine.caches import edit, small_project
from tests.engine.conftest import docker

BUILDER = "gobake-test-farm"
PLATFORMS = ("linux/amd64", "linux/arm64")  # of the first two; the third is another machine of the first's architecture


@dataclass(kw_only=True)
class Farm:
    """A builder whose nodes are engines of the harness."""

    engines: list[harness.Engine]
    relays: list[Relay]

    def empty(self, number: int) -> None:
        """Replace a node by one that has nothing."""
        env = {**os.environ, **self.engines[number].env}
        subprocess.run(["docker", "buildx", "prune", "-af"], check=True, capture_output=True, env=env)


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    suite, folder = os.environ.get("GOBAKE_ENGINE_SUITE", "sid"), tmp_path_factory.mktemp("farm")
    names = [f"node{number}" for number in range(3)]
    engines = [harness.up(suite, name, force_private=True, fresh=True) for name in names]
    relays = [Relay(folder / f"{number}.sock", engine.env) for number, engine in enumerate(engines)]
    try:
        for number, relay in enumerate(relays):
            relay.start()
            words = [*(["--append"] if number else []), *(["--platform", PLATFORMS[number]] if number < 2 else [])]
            docker("buildx", "create", "--name", BUILDER, "--driver", "remote", *words, f"unix://{relay.path}")
        yield Farm(engines=engines, relays=relays)
    finally:
        subprocess.run(["docker", "buildx", "rm", "--force", BUILDER], capture_output=True, check=False)
        for relay in relays:
            relay.stop()
        for name in names:
            harness.down(name, purge=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, world: Gobake, farm: Farm, registry: str) -> tuple[Path, str]:
    """A project that the farm has built, and the store with the seeds of its nodes."""
    root = small_project(tmp_path_factory.mktemp("nodes"))
    store = f"{registry}/nodes/cache"
    build(world, root)
    saved = world.good("cache", "save", "--builder", BUILDER, "--to", store, "--branch", "main", cwd=root)
    assert "node gobake-test-farm0: written whole" in saved.out
    assert "node gobake-test-farm1: one more layer" in saved.out
    return root, store


def build(world: Gobake, root: Path, *words: str) -> dict[str, Any]:
    """Build for both platforms, and return the run's record."""
    world.good("build", "--builder", BUILDER, "--platform", "linux/amd64,linux/arm64", *words, cwd=root)
    return world.last_run(root)


def compiled(record: dict[str, Any]) -> dict[str, tuple[list[str], list[str]]]:
    """The packages that were compiled and linked, by platform."""
    return {
        work["platform"]: ([path for path, _ in work["compiled"]], [path for path, _ in work["linked"]])
        for work in record["go"]
    }


ONE = ["example.com/small/cmd/one"]


def test_an_emptied_node_compiles_what_was_edited_and_the_others_too(
    world: Gobake, farm: Farm, built: tuple[Path, str]
) -> None:
    root, store = built
    farm.empty(1)
    edit(root)
    record = build(world, root, "--cache-store", store)
    assert compiled(record) == dict.fromkeys(PLATFORMS, (ONE, ONE))
    assert [seed["action"] for seed in record["seeds"]] == ["restored"]
    listed = world.good("cache", "ls", "--builder", BUILDER, cwd=root).out
    assert {line.split()[1] for line in listed.splitlines() if line.startswith("gobuild")} == {
        "gobake-test-farm0",
        "gobake-test-farm1",
    }


def test_another_node_takes_over_from_one_that_dies(world: Gobake, farm: Farm, built: tuple[Path, str]) -> None:
    """In the same run; the seed fills the node that takes over, so it compiles what was edited since."""
    root, store = built
    world.good("cache", "save", "--builder", BUILDER, "--to", store, "--branch", "main", cwd=root)
    words = ("build", "--builder", BUILDER, "--platform", ",".join(PLATFORMS), "--cache-store", store)
    main = root / "cmd" / "one" / "main.go"
    main.write_text(main.read_text() + "\nfunc init() { println(len(" + " + ".join(['"a"'] * 30_000) + ")) }\n")
    running = world.start(*words, "--progress", "plain", cwd=root)
    said = []
    assert running.stderr
    for line in running.stderr:
        said.append(line)
        if "go build linux/amd64  begins" in line:
            break
    farm.relays[0].stop()
    farm.relays[0].path.unlink(missing_ok=True)
    out, err = running.communicate(timeout=900)
    assert running.returncode == 0, out + err
    assert f"node {BUILDER}0 of builder {BUILDER} stopped answering; building again on {BUILDER}1, {BUILDER}2" in err
    record = world.last_run(root)
    assert compiled(record)["linux/amd64"] == (ONE, ["example.com/small/cmd/one", "example.com/small/cmd/two"])
    edit(root)
    ended = world.good(*words, cwd=root)
    assert f"warning: node {BUILDER}0 of builder {BUILDER} is left out: it does not answer" in ended.err
    assert compiled(world.last_run(root)) == dict.fromkeys(PLATFORMS, (ONE, ONE))
