"""Stores that two use at once, and that have no room."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from gobake.caching.policy.place import CacheStore
from gobake.caching.store.history import RemoteHistory
from tests.conftest import Gobake, Tree
from tests.security import stores
from tests.security.faults import HELLO, fill, names, works
from tests.security.pretended import Pretended
from tests.unit.scoring import run, step


def until(true: Callable[[], object]) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it never came to that")


def test_no_room_for_the_history_in_a_store_is_a_note(disk: Path) -> None:
    """The run itself is done; what other runs left there can be read."""
    travel = RemoteHistory(
        store=CacheStore(folder=disk), project="shop", fallbacks=("main",), own="main", reads=True, writes=True
    )
    travel.send(run(at=1), None)
    before = names(disk)
    filler = fill(disk)
    travel.send(run(*(step(at, "executed", name=os.urandom(20_000).hex()) for at in range(9)), at=2), None)
    assert len(travel.notes) == 1
    assert "left out" in travel.notes[0]
    assert names(disk) == before
    filler.unlink()
    again = RemoteHistory(
        store=CacheStore(folder=disk), project="shop", fallbacks=("main",), own="main", reads=True, writes=True
    )
    again.send(run(at=3), None)
    again.begin(list)
    assert [entry.record.id for entry in again.arrived("9")] == [run(at=1).id, run(at=3).id]
    assert again.notes == []


def test_two_prunes_at_once(gobake: Gobake, tree: Tree, docker: Pretended, tmp_path: Path) -> None:
    """Both end in order, what both were told to delete is gone, and the rest is whole."""
    root = tree(HELLO)
    store = stores.make(tmp_path / "store")
    words = (
        "cache",
        "prune",
        stores.layer_tag("topic"),
        stores.seed_tag("topic"),
        "--yes",
        "--cache-store",
        str(store),
    )
    ended = [gobake.start(*words, cwd=root, env=docker.env) for _ in range(2)]
    for process in ended:
        out, err = process.communicate(timeout=120)
        assert process.returncode in (0, 2, 6), out + err
        assert "Traceback" not in err
    told = works(gobake("cache", "ls", "--cache-store", str(store), cwd=root, env=docker.env))
    assert "main" in told
    assert "topic" not in told
    assert "cannot be read" not in told


def test_a_prune_beside_a_build(gobake: Gobake, tree: Tree, docker: Pretended, tmp_path: Path) -> None:
    root = tree(HELLO)
    store = stores.make(tmp_path / "store")
    docker.says("bake", 'touch "$PRETENDED/baking"; while [ ! -e "$PRETENDED/go" ]; do sleep 0.05; done')
    process = gobake.start("build", "--cache-store", str(store), cwd=root, env=docker.env)
    until(lambda: (docker.folder / "baking").exists() or process.poll() is not None)
    works(gobake("cache", "prune", "--all", "-y", "--cache-store", str(store), cwd=root, env=docker.env))
    (docker.folder / "go").touch()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert gobake.last_run(root)["outcome"] == "done"
