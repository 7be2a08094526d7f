"""Disks that are full while a real build writes to them: what was there stays whole, and is still read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Gobake
from tests.engine.caches import edit
from tests.engine.test_cache_runs import MAIN
from tests.security.builds.real import build, restored_from, right_program
from tests.security.faults import fill, one_line, small_disk, works


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "small", 100_000) as folder:
        yield folder


def test_no_room_for_a_seed(world: Gobake, built: Path, disk: Path) -> None:
    """The seed of before is in force, and the next save goes on from it."""
    store = str(disk / "store")
    save = ("cache", "save", "--to", store, "--branch", "main")
    build(world, built)
    filler = fill(disk, leave=1_000_000)
    assert "no space left on device" in one_line(world(*save, cwd=built), 6)
    filler.unlink()
    assert "written whole" in works(world(*save, cwd=built))
    for leave in (0, 30_000):  # not even for its index; not for its layer
        edit(built)
        build(world, built)
        filler = fill(disk, leave=leave)
        assert "cannot be written" in one_line(world(*save, cwd=built), 6)
        filler.unlink()
        assert restored_from(world, built, store) == ["restored"]
    assert "written whole" not in works(world(*save, cwd=built))


def imports(record: dict[str, Any]) -> list[bool]:
    return [cache["found"] for cache in record["caches"] if cache["direction"] == "import"]


def test_no_room_for_caches_of_a_build(world: Gobake, built: Path, disk: Path) -> None:
    """It costs lines and no build; the layers of before are still read."""
    words = ("--cache-store", str(disk / "store"))
    edit(built)
    build(world, built, *words, env={**world.env, **MAIN})
    filler = fill(disk)
    edit(built)
    done = world("build", "one", *words, cwd=built, env=MAIN)
    works(done)
    right_program(built)
    assert "warning: " in done.out + done.err
    filler.unlink()
    for _ in range(3):
        edit(built)  # a build that is quick can end before BuildKit has looked at what was exported
        record = build(world, built, *words, env={**world.env, **MAIN})
        if imports(record):
            break
    assert True in imports(record)
    assert [cache["error"] for cache in record["caches"] if cache["error"]] == []


def test_no_room_for_the_history(world: Gobake, built: Path, disk: Path) -> None:
    """The image is built all the same, and it is said that nothing tells of it."""
    env = {**world.env, "XDG_DATA_HOME": str(disk / "data")}
    build(world, built, env=env)
    edit(built)
    filler = fill(disk)
    done = world("build", "one", cwd=built, env=env)
    works(done)
    right_program(built)
    assert (done.out + done.err).count("record cannot be kept") == 1
    filler.unlink()
    build(world, built, env=env)
    assert len(world.good("runs", "ls", "--format", "json", cwd=built, env=env).json["runs"]) == 2
