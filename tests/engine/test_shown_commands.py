"""The commands that the README and the first page of the docs show, run as they stand, one after the other.

The names of registries become that of the test's own; what another page is about, or what installs or serves, is left
out by name.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, Gobake, Tree, commit

_CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
_COMMAND = re.compile(r"^\$ (.*)$", re.MULTILINE)
_LEFT_OUT = re.compile(
    r"make |pip|uv |pipx|docker login|docker run|docker images|brew |cd |git clone"  # this machine, and not the project
    r"|gobake metrics --listen"  # serves until Ctrl-C
)
_OWN_IMAGE = "in a clone of this repository"


def commands(page: str) -> list[str]:
    """The command lines of a page, without their remarks."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    said = [line for block in _CONSOLE.findall(text) for line in _COMMAND.findall(block)]
    kept = [line for line in said if not _LEFT_OUT.match(line) and _OWN_IMAGE not in line]
    return [re.sub(r"\s+#.*$", "", line) for line in kept]


def program(name: str) -> str:
    return (
        f'package main\n\nimport "example.com/notes/notes"\n\nfunc main() {{ println("{name}", len(notes.All())) }}\n'
    )


NOTES = {
    "go.mod": "module example.com/notes\n\ngo 1.26\n",
    "notes/notes.go": 'package notes\n\nfunc All() []string { return []string{"one"} }\n',
    **{f"cmd/{name}/main.go": program(name) for name in ("api", "worker", "web", "webctl")},
}


@pytest.fixture
def project(tree: Tree) -> Path:
    root = tree(NOTES, "notes")
    commit(root)
    return root


def test_there_are_commands_to_run() -> None:
    assert len(commands("README.md")) > 8
    assert len(commands("docs/getting-started.md")) > 8


@pytest.mark.parametrize("page", ["README.md", "docs/getting-started.md"])
def test_every_command_of_the_page_does_what_it_says(
    page: str, project: Path, gobake: Gobake, registry: str, tmp_path: Path
) -> None:
    programs = tmp_path / "bin"  # `gobake` as a command, also where the tests run without an activated environment
    programs.mkdir()
    (programs / "gobake").write_text(f'#!/bin/sh\nexec {sys.executable} -m gobake "$@"\n')
    (programs / "gobake").chmod(0o755)
    env = {**gobake.env, "PATH": f"{programs}:{os.environ['PATH']}", "GOBAKE_REGISTRY": ""}
    assert shutil.which("docker", path=env["PATH"])
    for line in commands(page):
        here = re.sub(r"\b(?:ghcr\.io|registry\.example\.com)/", f"{registry}/", line)
        done = subprocess.run(
            ["bash", "-ec", here], cwd=project, env=env, capture_output=True, text=True, check=False, timeout=600
        )
        assert done.returncode == 0, f"{page}: `{line}` ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
