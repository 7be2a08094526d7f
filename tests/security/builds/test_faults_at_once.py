"""Several gobake at once on one store and one builder: programs are right, and what is left can be restored."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path

import pytest

from gobake.caching.seeds import solve as solving
from tests.conftest import Gobake
from tests.engine.caches import edit
from tests.security.builds.real import at_once, build, comes_to, ended, restored_from, right_program
from tests.security.faults import here, one_line, works, works_or_one_line


@pytest.fixture(scope="module", params=["registry", "folder"])
def store(request: pytest.FixtureRequest, registry: str, built: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "registry":
        return f"{registry}/at-once/{built.name}"
    return str(tmp_path_factory.mktemp("store") / "at-once")


def save(store: str, branch: str = "main") -> tuple[str, ...]:
    return ("cache", "save", "--to", store, "--branch", branch)


def prune(store: str, *what: str) -> tuple[str, ...]:
    return ("cache", "prune", *what, "--yes", "--cache-store", store)


def seeds(world: Gobake, root: Path, store: str) -> list[str]:
    """The branches that have one."""
    listed = world.good("cache", "ls", "--cache-store", store, "--format", "json", cwd=root).json
    return sorted(entry["branch"] for entry in listed["seeds"])


def test_saves_at_once_leave_whole_seeds(world: Gobake, built: Path, store: str) -> None:
    edit(built)
    build(world, built)
    for done in at_once(world, built, save(store), save(store), save(store, "other")):
        works(done)
    assert seeds(world, built, store) == ["main", "other"]
    assert restored_from(world, built, store) == ["restored"]


def test_prunes_at_once_leave_what_was_not_named(world: Gobake, built: Path, store: str) -> None:
    (other,) = [
        entry["tag"]
        for entry in world.good("cache", "ls", "--cache-store", store, "--format", "json", cwd=built).json["seeds"]
        if entry["branch"] == "other"
    ]
    for done in at_once(world, built, prune(store, other), prune(store, other)):
        works_or_one_line(done)
    assert seeds(world, built, store) == ["main"]
    assert restored_from(world, built, store) == ["restored"]


def test_a_prune_beside_a_save(world: Gobake, built: Path, store: str) -> None:
    edit(built)
    build(world, built)
    saved, pruned = at_once(world, built, save(store), prune(store, "--older-than", "1h"))
    works(saved)
    works(pruned)
    assert restored_from(world, built, store) == ["restored"]


def test_prunes_beside_a_build(world: Gobake, built: Path, store: str) -> None:
    """Of gobake's own and of buildx, over and over."""
    edit(built)
    process = world.start("build", "one", "--progress", "plain", "--cache-store", store, cwd=built)
    comes_to(process, "go build", "begins")
    while process.poll() is None:
        subprocess.run(["docker", "buildx", "prune", "-af"], check=True, capture_output=True)
        done = world("cache", "prune", "gobuild", "--yes", cwd=built)
        assert done.code == 0 or "keeps no cache 'gobuild'" in one_line(done, 2)
    works(ended(process))
    right_program(built)
    assert restored_from(world, built, store) == ["restored"]


def test_a_folder_whose_index_is_in_use_is_asked_again(
    world: Gobake, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prune holds it, which buildx does not wait for; here until a save has met it. A restore does not need it."""
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, world.env[name])
    store, paused = tmp_path / "store", list[float]()
    build(world, built)
    works(world(*save(str(store)), cwd=built))
    edit(built)
    build(world, built)
    with (store / "seeds/index.json.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        def release(seconds: float) -> None:
            paused.append(seconds)
            fcntl.flock(held, fcntl.LOCK_UN)

        monkeypatch.setattr(solving, "sleep", release)
        works(here(*save(str(store)), "-C", str(built)))
    assert len(paused) == 1
    with (store / "seeds/index.json.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert restored_from(world, built, str(store)) == ["restored"]
