"""Every file of gobake's caches, damaged byte by byte: it costs time, never the right program, and hides nothing else."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from gobake import memo, recipe
from gobake.caching.seeds import memory as mount_memory
from gobake.caching.seeds.memory import Memory
from gobake.context.entries import Admitted, Entry
from gobake.context.staging import Staged, stage
from gobake.gotool import list_cache
from gobake.recipe.writing import write_recipe
from tests.conftest import Tree
from tests.security.faults import HELLO, WAYS, damaged, here, works

pytestmark = pytest.mark.usefixtures("pretended_world")

# ---- what is remembered


@pytest.mark.parametrize("way", WAYS)
def test_a_damaged_memory_is_forgotten(pretended_world: Path, way: str) -> None:
    value = {"packages": [{"import_path": "example.com/hello", "files": ["main.go"]}], "asked": 1795551330.0}
    memo.remember("kind", "key", "evidence", value)
    (file,) = (pretended_world / "cache/gobake/memory").iterdir()
    assert memo.recall("kind", "key", "evidence") == value
    for _ in damaged(file, way):
        assert memo.recall("kind", "key", "evidence") is None
    assert memo.recall("kind", "key", "evidence") == value
    file.write_bytes(b"")
    memo.remember("kind", "key", "evidence", value)
    assert memo.recall("kind", "key", "evidence") == value


@pytest.mark.parametrize("way", WAYS)
def test_a_damaged_survey_changes_no_plan(
    pretended_world: Path, tree: Tree, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that is remembered of a project is damaged at once, in the middle, where its words are."""
    monkeypatch.setattr(list_cache, "_SETTLED_SECONDS", -1000.0)  # the files are at rest although they are new
    root = tree(HELLO)
    plan = works(here("plan", "-C", str(root)))
    files = sorted((pretended_world / "cache/gobake/memory").iterdir())
    assert any(file.name.startswith(f"{list_cache._KIND}-") for file in files)
    for file in files:
        steps = damaged(file, way)
        for _ in range(10):
            next(steps)
    assert works(here("plan", "-C", str(root))) == plan


@pytest.mark.parametrize("way", WAYS)
def test_damaged_memories_of_mounts_are_forgotten(tmp_path: Path, way: str) -> None:
    known = {"hello-gobuild": Memory(record="r1", seed="sha256:1", go="1.26"), "hello-gomod": Memory(record="r2")}
    mount_memory.remember(tmp_path, "default", known)
    for _ in damaged(tmp_path / "mounts.json", way):
        assert mount_memory.remembered(tmp_path, "default") == {}
    assert mount_memory.remembered(tmp_path, "default") == known
    (tmp_path / "mounts.json").write_bytes(b"\0")
    mount_memory.remember(tmp_path, "default", known)
    assert mount_memory.remembered(tmp_path, "default") == known


# ---- what is built from


def staged(root: Path, home: Path) -> Staged:
    paths = ("go.mod", "main.go")
    return stage(Admitted(sources=tuple(Entry(path=p, source=str(root / p)) for p in paths), files=()), home)


def content(found: Staged) -> dict[str, bytes]:
    return {f.name: f.read_bytes() for f in found.sources.iterdir()}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["index.json", "sources/main.go", "sources/go.mod"])
def test_a_damaged_copy_is_never_built_from(tree: Tree, tmp_path: Path, name: str, way: str) -> None:
    root, home = tree(HELLO), tmp_path / "home"
    for file in root.iterdir():
        os.utime(file, (time.time() - 3600,) * 2)
    first = staged(root, home)
    good, read = content(first), first.read
    del first
    for _ in damaged(home / "1" / name, way):
        again = staged(root, home)
        assert (content(again), again.read) == (good, read)
        del again


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [recipe.DOCKERFILE, recipe.IGNORE_FILE, recipe.BAKE_FILE])
def test_a_damaged_recipe_is_written_anew(tmp_path: Path, name: str, way: str) -> None:
    texts = recipe.Recipe(dockerfile="FROM scratch\nCOPY hello /\n", ignore="*\n!main.go\n", bake='{"target": {}}\n')
    write_recipe(tmp_path / "r", texts)
    good = {f.name: f.read_bytes() for f in (tmp_path / "r").iterdir()}
    for _ in damaged(tmp_path / "r" / name, way):
        write_recipe(tmp_path / "r", texts)
        assert {f.name: f.read_bytes() for f in (tmp_path / "r").iterdir()} == good
