"""A disk that is full when something is written: the build is told in a line, other runs' records stay, and once there is
room all works again."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gobake import memo
from gobake.caching.seeds import memory as mount_memory
from gobake.caching.seeds.memory import Memory
from gobake.errors import Unwritable
from gobake.runs.archive import Entry, write
from gobake.runs.store import RunStore
from tests.conftest import Ended, Gobake, Tree
from tests.security.faults import HELLO, fill, names, one_line, works
from tests.security.pretended import Pretended
from tests.unit.scoring import run, step

BIG = "// " + "x" * 200_000 + "\n"


# ---- a whole run


def test_no_room_for_the_recipe_nor_the_copies(gobake: Gobake, tree: Tree, disk: Path, docker: Pretended) -> None:
    """The cache folder lies on the full disk."""
    root, env = tree(HELLO), {**docker.env, "XDG_CACHE_HOME": str(disk)}
    filler = fill(disk)
    ended = gobake("build", cwd=root, env=env)
    assert "cannot be" in one_line(ended, 2)
    assert not any("bake" in asked.split() for asked in docker.asked)
    filler.unlink()
    works(gobake("build", cwd=root, env=env))
    assert gobake.last_run(root)["outcome"] == "done"


def test_no_room_for_a_copy_in_the_middle(gobake: Gobake, tree: Tree, disk: Path, docker: Pretended) -> None:
    """Room for a part of one source: no half of it is ever built from."""
    root, env = tree({**HELLO, "big.go": f"package main\n\n{BIG}"}), {**docker.env, "XDG_CACHE_HOME": str(disk)}
    filler = fill(disk, leave=100_000)
    ended = gobake("build", cwd=root, env=env)
    assert "is the disk full?" in one_line(ended, 2)
    filler.unlink()
    works(gobake("build", cwd=root, env=env))
    (copy,) = disk.glob("gobake/*/context/1/sources/big.go")
    assert copy.read_text() == (root / "big.go").read_text()
    assert not list(disk.rglob("*gobake-part"))


def test_no_room_for_the_record(gobake: Gobake, tree: Tree, disk: Path, docker: Pretended) -> None:
    """The build is what counts: it goes well, and the records of earlier runs are as they were."""
    root, env = tree(HELLO), {**docker.env, "XDG_DATA_HOME": str(disk)}
    works(gobake("build", cwd=root, env=env))
    filler = fill(disk)
    ended = gobake("build", cwd=root, env=env)
    works(ended)
    assert (ended.out + ended.err).count("record cannot be kept") == 1
    assert len(gobake.good("runs", "ls", "--format", "json", cwd=root, env=env).json["runs"]) == 1
    filler.unlink()
    works(gobake("build", cwd=root, env=env))
    assert len(gobake.good("runs", "ls", "--format", "json", cwd=root, env=env).json["runs"]) == 2
    assert not [name for name in names(disk) if name.endswith(".part")]


def test_no_room_for_what_is_temporary(gobake: Gobake, tree: Tree, disk: Path, docker: Pretended) -> None:
    root = tree(HELLO)
    fill(disk)
    ended = gobake("build", cwd=root, env={**docker.env, "TMPDIR": str(disk)})
    if ended.code:
        one_line(ended, 2, 4)
    works(gobake("build", cwd=root, env=docker.env))


@pytest.mark.parametrize("words", [("report", "-o"), ("report", "--format", "json", "-o"), ("runs", "export", "-o")])
def test_no_room_for_what_is_written_for_the_user(
    gobake: Gobake, tree: Tree, disk: Path, docker: Pretended, words: tuple[str, ...]
) -> None:
    root = tree(HELLO)
    works(gobake("build", cwd=root, env=docker.env))
    filler = fill(disk)
    one_line(gobake(*words, str(disk / "file"), cwd=root), 2)
    assert names(disk) == set()
    filler.unlink()
    works(gobake(*words, str(disk / "file"), cwd=root))
    assert names(disk) == {"file"}


@pytest.mark.parametrize("words", [("plan",), ("runs", "ls"), ("report", "--format", "json"), ("--help",)])
def test_no_room_for_what_is_printed(gobake: Gobake, tree: Tree, docker: Pretended, words: tuple[str, ...]) -> None:
    """As with `gobake plan > file`."""
    root = tree(HELLO)
    works(gobake("build", cwd=root, env=docker.env))
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "gobake", *words]
        env = {**gobake.env, **docker.env}
        done = subprocess.run(command, cwd=root, env=env, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert "No space left" in one_line(Ended(code=done.returncode, out="", err=done.stderr), 2)
    assert len(done.stderr.splitlines()) == 1


def test_no_room_for_a_rendered_recipe(gobake: Gobake, tree: Tree, disk: Path) -> None:
    """What lay there before stays as it was, all of it: files of two renders do not fit together."""
    root = tree(HELLO)
    works(gobake("render", "--to", str(disk / "out"), cwd=root))
    before = {f.name: f.read_bytes() for f in (disk / "out").iterdir()}
    filler = fill(disk, leave=max(map(len, before.values())) + 4096)  # for one of them
    for at in range(20):
        (root / f"cmd/c{at}").mkdir(parents=True)
        (root / f"cmd/c{at}/main.go").write_text(HELLO["main.go"])
    one_line(gobake("render", "--to", str(disk / "out"), cwd=root), 2)
    assert {f.name: f.read_bytes() for f in (disk / "out").iterdir()} == before
    filler.unlink()
    works(gobake("render", "--to", str(disk / "out"), cwd=root))
    assert {f.name: f.read_bytes() for f in (disk / "out").iterdir()} != before


# ---- what a run keeps


@pytest.mark.parametrize("room", [0, 4096, 20_000, 60_000])
def test_no_room_for_a_record_keeps_all_others(disk: Path, room: int) -> None:
    kept = [run(step(1, "executed"), at=at) for at in range(3)]
    with RunStore(disk / "runs") as store:
        for record in kept:
            store.add(record, ["events\n"])
        filler = fill(disk, leave=room)
        added = run(step(1, "executed"), at=9)
        with pytest.raises(Unwritable, match="cannot be written"):
            store.add(added, [os.urandom(50_000).hex() for _ in range(9)])
    with RunStore.reading(disk / "runs") as store:
        assert [record for _, record in store.read_all()] == kept
    assert not [name for name in names(disk) if name.startswith(".") and name.endswith(".part")]
    assert f"{added.id}.jsonl.gz" not in names(disk)
    filler.unlink()
    with RunStore(disk / "runs") as store:
        store.add(added, ["events\n"])
        assert store.get(added.id) == added


def test_no_room_for_an_archive_leaves_the_old_one(disk: Path) -> None:
    entries = [Entry(record=run(at=at), events=os.urandom(40_000).hex()) for at in range(3)]
    write(disk / "archive", iter(entries[:1]))
    whole = (disk / "archive").read_bytes()
    fill(disk, leave=50_000)
    with pytest.raises(Unwritable, match="cannot be written"):
        write(disk / "archive", iter(entries))
    assert (disk / "archive").read_bytes() == whole
    assert gzip.decompress(whole)
    assert names(disk) == {"archive"}


def test_no_room_for_a_memory_leaves_the_old_one(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(disk))
    memo.remember("kind", "key", 1, "old")
    mount_memory.remember(disk, "default", {"m": Memory(record="old")})
    before = names(disk)
    filler = fill(disk)
    memo.remember("kind", "key", 1, "new" * 5000)
    mount_memory.remember(disk, "default", {"m": Memory(record="new" * 5000)})
    assert memo.recall("kind", "key", 1) == "old"
    assert mount_memory.remembered(disk, "default") == {"m": Memory(record="old")}
    assert names(disk) == before
    filler.unlink()
    memo.remember("kind", "key", 1, "new")
    assert memo.recall("kind", "key", 1) == "new"
