"""A clock that is set back or forward, between runs and in the middle of one: order, ages and memories stay sensible."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from gobake import memo
from gobake.caching.kept.contents import Entry, What
from gobake.caching.kept.prune import Wanted, choose, items
from gobake.caching.layers import oci_folder
from gobake.context import slots
from gobake.engine import builder_cache
from gobake.runs.begun import BegunRun, next_id, open_history, settle
from gobake.runs.record import new_id
from gobake.runs.store import RunStore, is_id
from tests.conftest import Gobake, Tree
from tests.security.faults import HELLO, works
from tests.security.pretended import Pretended
from tests.unit.scoring import run

HOUR, YEAR = 3600.0, 365 * 86_400.0
JUMPS = pytest.mark.parametrize(
    "jump", [-YEAR, -HOUR, HOUR, YEAR], ids=["year back", "hour back", "hour on", "year on"]
)

Clock = Callable[[float], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Sets the clock of this process, by so many seconds from the true time."""
    true = time.time

    def set_by(seconds: float) -> None:
        monkeypatch.setattr(time, "time", lambda: true() + seconds)

    return set_by


# ---- order


@JUMPS
def test_runs_keep_the_order_in_which_they_were_made(tmp_path: Path, clock: Clock, jump: float) -> None:
    ids = []
    with RunStore(tmp_path) as store:
        for by in (0.0, jump, jump + 1, 0.0):
            clock(by)
            ids.append(next_id(tmp_path, time.time()))
            store.add(replace(run(), id=ids[-1], started=time.time()), ["events\n"])
        assert store.ids() == ids
        assert store.resolve("last") == ids[-1]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("last", ["99991231-235959-999ffffff", "20269999-999999-zz", "", "x"])
def test_an_id_of_no_time_spoils_none(last: str) -> None:
    assert is_id(new_id(1795551330.0, last))


CLOCK = """
import os, time
true = time.time
def told():
    with open(os.environ["CLOCK"]) as file:
        return true() + float(file.read() or 0)
time.time = told
"""


@JUMPS
def test_a_clock_that_is_set_while_a_build_runs(gobake: Gobake, tree: Tree, tmp_path: Path, jump: float) -> None:
    docker, root, clock = Pretended(tmp_path / "docker"), tree(HELLO), tmp_path / "clock"
    clock.write_text("0")
    (tmp_path / "sitecustomize.py").write_text(CLOCK)
    env = {**docker.env, "CLOCK": str(clock), "PYTHONPATH": os.pathsep.join((str(tmp_path), *filter(None, sys.path)))}
    docker.says("bake", f"echo {jump} > {clock}")
    works(gobake("build", cwd=root, env=env))
    docker.usual("bake")
    works(gobake("build", cwd=root, env=env))
    runs = gobake.good("runs", "ls", "--format", "json", cwd=root, env=env).json["runs"]
    assert [r["outcome"] for r in runs] == ["done", "done"]
    assert all(0 <= r["seconds"] < 600 for r in runs)
    assert runs[0]["started"] - runs[1]["started"] == pytest.approx(jump, abs=600)


# ---- ages


@JUMPS
def test_no_age_is_negative_and_what_is_new_is_not_pruned(clock: Clock, jump: float) -> None:
    made = time.time() + min(0.0, jump)  # on a clock that was right, or set back already
    entry = Entry(what=What.SEED, tag="seed-shop-a", digest="sha256:1", project="shop", made=made + max(0.0, -jump))
    clock(min(0.0, jump))
    (item,) = items((), [entry], time.time())
    assert item.unused_seconds is not None
    assert 0.0 <= item.unused_seconds < HOUR
    assert choose([item], Wanted(older_than=14 * 86_400.0), ["shop"]) == ()


@pytest.mark.parametrize("jump", [-YEAR, -HOUR])
def test_blobs_from_the_future_are_not_swept(tmp_path: Path, clock: Clock, jump: float) -> None:
    """An export that is under way wrote them before the clock was set back."""
    oci_folder.prepare(tmp_path, ["layers-a"])
    blob = tmp_path / "layers/blobs/sha256" / ("0" * 64)
    blob.write_bytes(b"a layer")
    clock(jump)
    assert oci_folder.sweep(tmp_path) == 0
    assert blob.exists()


@JUMPS
def test_the_folder_of_a_run_that_lives_is_kept(tmp_path: Path, clock: Clock, jump: float) -> None:
    first = slots.take(tmp_path)
    clock(jump)
    second = slots.take(tmp_path)
    assert first.folder != second.folder
    assert first.folder.is_dir()


# ---- memories


@JUMPS
def test_a_builder_that_was_asked_in_another_time_is_asked_again(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("gobake.engine.api.get", lambda _: {"ID": "x"})
    plugin = tmp_path / "docker-buildx"
    plugin.write_text("")
    builder_cache.remember("", "Name: default\n", "v0.25.0", str(plugin))
    assert builder_cache.recall("") is not None
    clock(jump)
    assert builder_cache.recall("") is None


@JUMPS
def test_a_memory_of_another_time_is_true_and_hides_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    memo.remember("kind", "key", "evidence", "value")
    (file,) = (tmp_path / "gobake/memory").iterdir()
    os.utime(file, (time.time() - jump,) * 2)
    assert memo.recall("kind", "key", "evidence") == "value"
    memo.remember("kind", "other", "evidence", "value")  # which sweeps
    assert memo.recall("kind", "other", "evidence") == "value"


@JUMPS
def test_an_edit_in_another_time_is_seen(gobake: Gobake, tree: Tree, jump: float) -> None:
    """Files whose dates lie in the future or in the past: what Go says is remembered only for what it saw."""
    root = tree(HELLO)
    os.utime(root / "main.go", (time.time() + jump,) * 2)
    assert "hello-scratch" in works(gobake("plan", cwd=root))
    (root / "cmd/two").mkdir(parents=True)
    (root / "cmd/two/main.go").write_text(HELLO["main.go"])
    os.utime(root / "cmd/two/main.go", (time.time() + jump,) * 2)
    assert "two-scratch" in works(gobake("plan", cwd=root))


# ---- begun runs


@JUMPS
def test_a_run_that_lives_is_not_settled(tmp_path: Path, clock: Clock, jump: float) -> None:
    """Also one of another machine, whose lock does not reach here: what it says in the end is what counts."""
    live = BegunRun(tmp_path, replace(run(), id=new_id(), started=time.time(), outcome=""))
    clock(jump)
    settle(tmp_path)
    with RunStore(tmp_path) as store:
        assert store.ids() == []
        done = replace(live.record, outcome="done", seconds=live.seconds())
        store.add(done, ["events\n"])
        live.end()
        assert 0.0 <= done.seconds < HOUR
        assert store.get(live.record.id).outcome == "done"
    assert list((tmp_path / "begun").iterdir()) == []


@JUMPS
def test_a_killed_run_took_no_negative_time(tmp_path: Path, clock: Clock, jump: float) -> None:
    dead = BegunRun(tmp_path, replace(run(), id=new_id(), started=time.time() - jump, outcome=""))
    file = tmp_path / "begun" / f"{dead.record.id}.json"
    text = file.read_bytes()
    dead.end()
    file.write_bytes(text)
    clock(jump)
    with open_history(tmp_path) as store:
        assert store.get(dead.record.id).outcome == "killed"
        assert store.get(dead.record.id).seconds >= 0.0
