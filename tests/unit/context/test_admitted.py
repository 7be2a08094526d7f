"""The digest of a build's inputs changes with what the compile reads, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from gobake.context.admitted import admitted
from gobake.context.staging import digest, stage
from gobake.model import Platform
from gobake.plan.discover import open_project
from gobake.plan.request import ProjectRequest
from gobake.targets.matrix import Selection, select
from tests.conftest import Tree

FILES = {
    "go.mod": "module example.com/app\n\ngo 1.24\n",
    "main.go": 'package main\n\nimport (\n\t_ "embed"\n\n\t"example.com/app/inner"\n)\n\n//go:embed text.txt\nvar t string\n\nfunc main() { println(t, inner.X) }\n',
    "main_test.go": "package main\n",
    "text.txt": "embedded",
    "README.md": "read me",
    "inner/inner.go": "package inner\n\nvar X = 1\n",
    "inner/notes.txt": "not embedded",
    "unused/unused.go": "package unused\n",
    "docs/api/schema.json": "{}",
    "gobake.yaml": "include: [docs/*/*.json]\n",
}


def state(root: Path) -> tuple[list[str], str]:
    opened = open_project(ProjectRequest(directory=root))
    matrix = select(opened.project, Selection(), [Platform.parse("linux/amd64")])
    staged = stage(admitted(opened.project, matrix, opened.tree), root.parent / "home")
    return [copy.path for copy in staged.read], digest(["recipe"], staged.read)


def test_just_what_the_build_reads_counts(tree: Tree) -> None:
    assert state(tree(FILES))[0] == ["docs/api/schema.json", "go.mod", "inner/inner.go", "main.go", "text.txt"]


@pytest.mark.parametrize("file", ["main.go", "text.txt", "inner/inner.go", "docs/api/schema.json"])
def test_another_input_gives_another_digest(tree: Tree, file: str) -> None:
    root = tree(FILES)
    before = state(root)[1]
    (root / file).write_text((root / file).read_text() + "\n")
    assert state(root)[1] != before


@pytest.mark.parametrize("file", ["README.md", "main_test.go", "inner/notes.txt", "unused/unused.go"])
def test_what_the_compile_does_not_read_does_not_count(tree: Tree, file: str) -> None:
    root = tree(FILES)
    before = state(root)[1]
    (root / file).write_text((root / file).read_text() + "\n")
    assert state(root)[1] == before


def test_another_recipe_gives_another_digest() -> None:
    assert digest(["a"], []) != digest(["b"], [])
    assert digest(["ab", ""], []) != digest(["a", "b"], [])
