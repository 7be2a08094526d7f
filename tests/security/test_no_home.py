"""A user without a home, or with one that cannot be written: gobake works, or says so in one line that is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from gobake.errors import ProjectError, Unwritable
from gobake.gotool import words
from tests.conftest import Gobake, Tree

HELLO = {
    "go.mod": "module example.com/hello\n\ngo 1.26\n",
    "main.go": 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("hello") }\n',
}
# what is below a device can be made by nobody, root included
HOMELESS = {"HOME": "/dev/null", "XDG_CACHE_HOME": "", "XDG_DATA_HOME": "", "GOCACHE": "", "GOPATH": ""}


def test_a_plan_needs_no_home(gobake: Gobake, tree: Tree) -> None:
    assert "hello-scratch" in gobake.good("plan", cwd=tree(HELLO), env=HOMELESS).out


@pytest.mark.parametrize("words", [["runs", "ls"], ["report"], ["explain"]], ids=" ".join)
def test_without_a_home_there_is_no_history_and_that_is_said(gobake: Gobake, tree: Tree, words: list[str]) -> None:
    ended = gobake(*words, cwd=tree(HELLO), env=HOMELESS)
    (line,) = ended.err.splitlines()
    assert ended.code == 2
    assert line.startswith("error: /dev/null/.local/share/gobake/runs/")
    assert ": the history cannot be read: Not a directory; " in line
    assert line.endswith("set HOME or XDG_DATA_HOME to a folder that you may read, or name one with --history")


@pytest.mark.parametrize(
    "said",
    [
        "go: could not create module cache: mkdir /home/x/go: read-only file system",
        "failed to initialize build cache at /home/x/.cache/go-build: mkdir /home/x: permission denied",
        "build cache is required, but could not be located: GOCACHE is not defined and neither $XDG_CACHE_HOME nor "
        "$HOME are defined",
        "go: module cache not found: neither GOMODCACHE nor GOPATH is set",
    ],
)
def test_go_without_a_folder_of_its_own_is_no_fault_of_the_project(said: str) -> None:
    error = words.refusal(Path("/src"), said)
    assert isinstance(error, Unwritable)
    assert str(error).startswith("Go has no writable folder: ")
    assert said.removeprefix("go: ") in str(error)
    assert "\n" not in str(error)


def test_what_is_wrong_with_the_project_is_still_said_of_it() -> None:
    assert isinstance(
        words.refusal(Path("/src"), "go: errors parsing go.mod:\ngo.mod:3: unknown directive: x"), ProjectError
    )
