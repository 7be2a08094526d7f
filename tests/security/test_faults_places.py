"""Folders of the user's that are missing, read only, or no folders: what needs none works, the rest says so in a line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Ended, Gobake, Tree
from tests.security.faults import HELLO, one_line, small_disk, works
from tests.security.pretended import Pretended


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """Also for root, whom no mode keeps out."""
    with small_disk(tmp_path / "read-only", 64) as folder:
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        yield folder


@pytest.fixture(params=["missing", "a file", "read only"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "read only":
        found: Path = request.getfixturevalue("read_only")
        return found
    (tmp_path / "file").write_text("")
    # a folder that is missing and cannot be made, either
    return tmp_path / "file" / "missing" if request.param == "missing" else tmp_path / "file"


def without(gobake: Gobake, *names: str) -> Gobake:
    return Gobake(env={name: value for name, value in gobake.env.items() if name not in names})


def test_a_home_of_no_use(gobake: Gobake, tree: Tree, docker: Pretended, place: Path) -> None:
    """Where nothing can be remembered and no copies can be laid, a plan is made, and a build says what to do."""
    bare, root = without(gobake, "XDG_CACHE_HOME", "XDG_DATA_HOME"), tree(HELLO)
    env = {**docker.env, "HOME": str(place), "GOCACHE": str(root.parent / "go"), "GOPATH": str(root.parent / "gopath")}
    assert "hello-scratch" in works(bare("plan", cwd=root, env=env))
    assert "XDG_CACHE_HOME" in one_line(bare("build", cwd=root, env=env), 2)
    for words in (("runs", "ls"), ("cache", "ls"), ("report",), ("explain",)):
        ended = bare(*words, cwd=root, env=env)
        if ended.code:
            one_line(ended, 2)
    works(gobake("build", cwd=root, env=docker.env))


def test_no_home_at_all(gobake: Gobake, tree: Tree, docker: Pretended) -> None:
    """As in a unit of systemd; the folders are named by themselves."""
    bare, root = without(gobake, "HOME", "GOPATH", "GOMODCACHE"), tree(HELLO)
    ended = bare("build", cwd=root, env={**docker.env, "GOCACHE": str(root.parent / "go")})
    if ended.code:
        one_line(ended, 2, 3)
    works(gobake("build", cwd=root, env=docker.env))


def test_a_cache_folder_of_no_use(gobake: Gobake, tree: Tree, docker: Pretended, place: Path) -> None:
    root = tree(HELLO)
    env = {**docker.env, "XDG_CACHE_HOME": str(place), "GOCACHE": str(root.parent / "go")}
    assert "hello-scratch" in works(gobake("plan", cwd=root, env=env))
    assert "XDG_CACHE_HOME" in one_line(gobake("build", cwd=root, env=env), 2)
    works(gobake("runs", "ls", cwd=root, env=env))
    works(gobake("build", cwd=root, env=docker.env))


def test_a_data_folder_of_no_use(gobake: Gobake, tree: Tree, docker: Pretended, place: Path) -> None:
    """The build is what counts; its record is missed in one line."""
    root = tree(HELLO)
    env = {**docker.env, "XDG_DATA_HOME": str(place)}
    ended = gobake("build", cwd=root, env=env)
    assert (works(ended) + ended.err).count("record cannot be kept") == 1
    assert gobake("runs", "ls", cwd=root, env=env).code in (0, 2)  # what is not there has no runs
    for words in (("report",), ("explain",), ("metrics",)):
        one_line(gobake(*words, cwd=root, env=env), 2)
    assert "hello-scratch" in works(gobake("plan", cwd=root, env=env))


def test_a_temporary_folder_of_no_use(gobake: Gobake, tree: Tree, docker: Pretended, place: Path) -> None:
    """Another one is found."""
    root = tree(HELLO)
    works(gobake("build", cwd=root, env={**docker.env, "TMPDIR": str(place)}))


def test_a_project_that_can_only_be_read(gobake: Gobake, docker: Pretended, tmp_path: Path) -> None:
    """Nothing is written beside the sources."""
    with small_disk(tmp_path / "project", 64) as root:
        for name, text in HELLO.items():
            (root / name).write_text(text)
        subprocess.run(["mount", "-o", "remount,ro", str(root)], check=True)
        works(gobake("build", cwd=root, env=docker.env))
        one_line(gobake("render", cwd=root, env=docker.env), 2)
        one_line(gobake("init", cwd=root, env=docker.env), 2)


@pytest.mark.parametrize("words", [("plan",), ("build",), ("runs", "ls"), ("cache", "ls")])
def test_a_folder_that_is_gone_under_ones_feet(
    gobake: Gobake, tree: Tree, docker: Pretended, words: tuple[str, ...]
) -> None:
    root = tree(HELLO, "gone")
    command = ["sh", "-c", 'rm -r "$PWD"; exec "$@"', "sh", sys.executable, "-m", "gobake", *words]
    env = {**gobake.env, **docker.env}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    one_line(Ended(code=done.returncode, out=done.stdout, err=done.stderr), 2)
