"""Several at once, and killed at any moment: every run is on record once, and nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gobake.caching.seeds import memory as mount_memory
from gobake.caching.seeds.memory import Memory
from gobake.proc.orphans import MARK
from gobake.runs.store import RunStore
from tests.conftest import Gobake, Tree
from tests.security.faults import HELLO, works
from tests.security.pretended import Pretended


def runs(gobake: Gobake, root: Path) -> list[dict[str, Any]]:
    found = gobake.good("runs", "ls", "--format", "json", cwd=root).json["runs"]
    assert isinstance(found, list)
    return found


def until(true: Callable[[], object]) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it never came to that")


def left(docker: Pretended) -> list[str]:
    """What still runs of the docker programs that were started."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environment = (process / "environ").read_bytes()
            if f"PRETENDED={docker.folder}".encode() in environment and MARK.encode() in environment:
                found.append((process / "cmdline").read_text().replace("\0", " "))
    return found


# ---- killed


def killed_at(process: subprocess.Popen[str], moment: Callable[[], object]) -> None:
    until(lambda: moment() or process.poll() is not None)
    assert process.poll() is None, "it ended before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def test_killed_while_it_builds(gobake: Gobake, tree: Tree, docker: Pretended) -> None:
    root = tree(HELLO)
    works(gobake("build", cwd=root, env=docker.env))
    docker.says("bake", 'touch "$PRETENDED/baking"; sleep 60')
    process = gobake.start("build", cwd=root, env=docker.env)
    killed_at(process, (docker.folder / "baking").exists)
    until(lambda: not left(docker))
    docker.usual("bake")
    assert [r["outcome"] for r in runs(gobake, root)] == ["killed", "done"]
    works(gobake("build", cwd=root, env=docker.env))
    assert [r["outcome"] for r in runs(gobake, root)] == ["done", "killed", "done"]


STOPPED_AT = """
import os, signal, sys
import {module} as module
before = getattr(module{within}, {name!r})
def stopped(*words, **more):
    print("now", flush=True)
    signal.pause()
    return before(*words, **more)
def after(*words, **more):
    found = before(*words, **more)
    print("now", flush=True)
    signal.pause()
setattr(module{within}, {name!r}, {which})
sys.argv = ["gobake", "build", "--progress", "quiet"]
from gobake.cli import main
main()
"""
MOMENTS = {
    "while it stages": ("gobake.context.staging", "", "_finish", "stopped"),
    "before the copies' index": ("gobake.context.staging", "", "_write_index", "stopped"),
    "while the recipe is written": ("gobake.files.whole", "", "write_all", "stopped"),
    "before it begins": ("gobake.runs.begun", ".BegunRun", "_write", "stopped"),
    "when it has begun": ("gobake.runs.begun", ".BegunRun", "_write", "after"),
    "while events are packed": ("gobake.runs.store", ".RunStore", "_pack", "after"),
    "before the record": ("gobake.runs.store", ".RunStore", "_mending", "stopped"),
    "after the record": ("gobake.runs.store", ".RunStore", "add", "after"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_a_moment(gobake: Gobake, tree: Tree, docker: Pretended, moment: str) -> None:
    """The run before is on record, the killed one at most once, and the next one works from whole files."""
    root = tree(HELLO)
    works(gobake("build", cwd=root, env=docker.env))
    (root / "main.go").write_text(HELLO["main.go"] + "\n// another one\n")
    module, within, name, which = MOMENTS[moment]
    script = STOPPED_AT.format(module=module, within=within, name=name, which=which)
    command = [sys.executable, "-c", script]
    env = {**gobake.env, **docker.env}
    process = subprocess.Popen(command, cwd=root, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "now\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    until(lambda: not left(docker))
    works(gobake("build", cwd=root, env=docker.env))
    told = runs(gobake, root)
    assert (told[0]["outcome"], told[-1]["outcome"]) == ("done", "done")
    assert [r["outcome"] for r in told[1:-1]] in ([], ["killed"], ["done"])
    cache = Path(gobake.env["XDG_CACHE_HOME"]) / "gobake"
    (copy,) = cache.glob("*/context/1/sources/main.go")
    assert copy.read_text() == (root / "main.go").read_text()
    assert not list(cache.rglob("*gobake-part"))
    history = next((Path(gobake.env["XDG_DATA_HOME"]) / "gobake/runs").iterdir())
    assert list((history / "begun").glob("*.json")) == []


# ---- at once


def test_builds_of_one_project_at_once_are_all_on_record(gobake: Gobake, tree: Tree, docker: Pretended) -> None:
    """Each has copies of its own, and the sources are edited between the starts."""
    root = tree(HELLO)
    docker.says("bake", 'touch "$PRETENDED/baking.$$"; while [ ! -e "$PRETENDED/go" ]; do sleep 0.05; done')
    processes = []
    for at in range(3):
        (root / "main.go").write_text(f"{HELLO['main.go']}\n// {at}\n")
        processes.append(gobake.start("build", cwd=root, env=docker.env))
        until(lambda: len(list(docker.folder.glob("baking.*"))) == len(processes))
    copies = [
        f.read_text()[-2] for f in sorted(Path(gobake.env["XDG_CACHE_HOME"]).glob("gobake/*/context/*/sources/main.go"))
    ]
    assert copies == ["0", "1", "2"]
    (docker.folder / "go").touch()
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err
    assert [r["outcome"] for r in runs(gobake, root)] == ["done"] * 3
    assert len({r["id"] for r in runs(gobake, root)}) == 3


WRITER = """
import sys
from pathlib import Path
from gobake.runs.store import RunStore
from tests.unit.scoring import run, step
for at in range(10):
    with RunStore(Path(sys.argv[1])) as store:
        store.add(run(step(1, "executed"), at=10 * int(sys.argv[2]) + at), ["events\\n"])
"""


def test_a_damaged_history_is_mended_once_by_two_at_once(tmp_path: Path) -> None:
    with RunStore(tmp_path):
        pass
    (tmp_path / "records/cache.db").write_bytes(b"no database" * 1000)
    for log in (tmp_path / "records").glob("cache.db-*"):
        log.unlink()
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(at)], env=env, stderr=subprocess.PIPE, text=True
        )
        for at in range(2)
    ]
    for writer in writers:
        _, err = writer.communicate(timeout=120)
        assert writer.returncode == 0, err
    with RunStore(tmp_path) as store:
        assert len(store.ids()) == 20


def test_two_that_remember_at_once_leave_whole_memories(tmp_path: Path) -> None:
    def note(at: int) -> None:
        for again in range(20):
            mount_memory.remember(tmp_path, f"builder{at}", {"m": Memory(record=f"{again}" * 2000)})
            mount_memory.remembered(tmp_path, f"builder{at}")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(note, range(2)))
    assert {f.name for f in tmp_path.iterdir()} == {"mounts.json"}
    found = [mount_memory.remembered(tmp_path, f"builder{at}") for at in range(2)]
    assert {"m": Memory(record="19" * 2000)} in found
