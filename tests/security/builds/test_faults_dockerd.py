"""An engine that is killed, or stands still, in the middle of what it does for gobake."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness
from harness.instance import instance_dir
from tests.conftest import Gobake
from tests.engine.caches import edit
from tests.security.builds.real import SECONDS, build, comes_to, ended, tiny_project, until
from tests.security.faults import one_line, works

NAME = "killed"


def up() -> dict[str, str]:
    """The environment of an engine that keeps what it has from one start to the next."""
    return harness.up(os.environ.get("GOBAKE_ENGINE_SUITE", "sid"), NAME, force_private=True).env


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, world: Gobake) -> Iterator[Path]:
    """A project that was built there."""
    made = tiny_project(tmp_path_factory.mktemp("dockerd"))
    try:
        build(world, made, env={**world.env, **up()})
        yield made
    finally:
        to_dockerd(up(), signal.SIGKILL)  # it takes its time to end in order
        harness.down(NAME)
        # a killed one leaves its data-root mounted on itself
        subprocess.run(["umount", "-l", str(instance_dir(NAME) / "data")], capture_output=True, check=False)
        harness.down(NAME, purge=True)


def to_dockerd(env: dict[str, str], sent: int) -> None:
    """A signal, to the process that the harness has started."""
    state = json.loads((Path(env["GOBAKE_HARNESS_STATE"]) / "state.json").read_text())
    os.kill(state["processes"]["dockerd"]["pid"], sent)


def compiling(world: Gobake, root: Path, env: dict[str, str]) -> subprocess.Popen[str]:
    edit(root)
    process = world.start("build", "one", "--progress", "plain", cwd=root, env=env)
    comes_to(process, "go build", "begins")
    return process


def outcomes(world: Gobake, root: Path) -> list[str]:
    """Of all runs, the newest first."""
    return [run["outcome"] for run in world.good("runs", "ls", "--format", "json", cwd=root).json["runs"]]


def running(root: Path) -> list[str]:
    """The command lines of buildx that bake for the project."""
    found = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if "buildx" in line and root.name in line]


def test_killed_in_a_build(world: Gobake, root: Path) -> None:
    env = up()
    before = outcomes(world, root)
    process = compiling(world, root, env)
    to_dockerd(env, signal.SIGKILL)
    assert "the engine does not answer" in one_line(ended(process), 3)
    assert not running(root)
    assert "no Docker Engine answers" in one_line(world("build", "one", cwd=root, env=env), 3)
    assert outcomes(world, root) == ["failed", *before]
    build(world, root, env=up())
    assert outcomes(world, root) == ["done", "failed", *before]


def test_killed_while_a_seed_is_saved(world: Gobake, root: Path, tmp_path: Path) -> None:
    env, store = up(), tmp_path / "store"
    save = ("cache", "save", "--to", str(store), "--branch", "main")
    process = world.start(*save, cwd=root, env=env)
    until((store / "seeds/ingest").exists)
    to_dockerd(env, signal.SIGKILL)
    assert "cannot be written" in one_line(ended(process), 6)
    env = up()
    assert world.good("cache", "ls", "--cache-store", str(store), "--format", "json", cwd=root).json["seeds"] == []
    assert "written whole" in works(world(*save, cwd=root, env=env))
    world.good("cache", "prune", "gobuild", "--yes", cwd=root, env=env)
    record = build(world, root, "--cache-store", str(store), env=env)
    assert [seed["action"] for seed in record["seeds"]] == ["restored"]


def test_ctrl_c_where_the_engine_stands_still(world: Gobake, root: Path) -> None:
    env = up()
    process = compiling(world, root, env)
    to_dockerd(env, signal.SIGSTOP)
    try:
        time.sleep(1)
        pressed = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        done = ended(process)
        assert done.code == 130, done.err
        assert "Traceback" not in done.err
        assert time.monotonic() - pressed < SECONDS / 4
        assert not running(root)
    finally:
        to_dockerd(env, signal.SIGCONT)
    assert outcomes(world, root)[0] == "interrupted"
    build(world, root, env=env)
