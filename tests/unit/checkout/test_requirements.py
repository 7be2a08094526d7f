"""Which line of a go.mod asks for a module, and which commit wrote it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gobake.checkout.requirements import Requirement, requirements
from tests.conftest import Tree
from tests.unit.checkout.test_git import git

GO_MOD = """module example.com/shop

go 1.26.1

require github.com/single/line v1.0.0 // indirect

require (
\tgo.uber.org/zap v1.27.0
\texample.com/other v0.1.0
)

replace example.com/other => ./other
"""


def written(root: Path, subject: str, text: str) -> None:
    (root / "go.mod").write_text(text)
    git(root, "add", "go.mod")
    git(root, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", subject)


@pytest.fixture
def root(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2026-11-24T23:30:00-0500")
    root = tree({"README": ""})
    git(root, "init", "-q", "-b", "main")
    written(root, "Begin", GO_MOD)
    written(root, "Log better (#12)\n\nA body.", GO_MOD.replace("zap v1.27.0", "zap v1.28.0"))
    written(root, "Move it down", GO_MOD.replace("zap v1.27.0", "zap v1.28.0").replace("go 1.26.1", "go 1.26.2"))
    return root


def test_the_commit_that_wrote_the_line_is_named_and_not_a_later_one(root: Path) -> None:
    found = requirements([root], {"go.uber.org/zap": "v1.28.0", "std": "go1.26.2"})
    hashes = git(root, "log", "--format=%H").split()
    assert found["go.uber.org/zap"] == Requirement(
        file="go.mod", line=8, commit=hashes[1][:8], date="2026-11-24", subject="Log better (#12)"
    )
    assert (found["std"].line, found["std"].subject) == (3, "Move it down")


def test_lines_of_all_forms_are_found(root: Path) -> None:
    wanted = {"github.com/single/line": "v1.0.0", "example.com/other": "./other", "example.com/absent": "v1.0.0"}
    found = requirements([root], wanted)
    assert {name: one.line for name, one in found.items()} == {"github.com/single/line": 5, "example.com/other": 12}
    assert {one.subject for one in found.values()} == {"Begin"}


def test_a_module_of_a_workspace_has_its_own_file(root: Path) -> None:
    (root / "sub").mkdir()
    (root / "sub" / "go.mod").write_text("module x\n\nrequire example.com/deep v1.2.3\n")
    found = requirements([root, root / "sub"], {"example.com/deep": "v1.2.3", "go.uber.org/zap": "v1.28.0"})
    assert (found["example.com/deep"].file, found["example.com/deep"].unknown) == ("sub/go.mod", "not committed")
    assert found["go.uber.org/zap"].subject == "Log better (#12)"


def test_a_change_that_is_not_committed_has_no_commit(root: Path) -> None:
    (root / "go.mod").write_text(GO_MOD.replace("zap v1.27.0", "zap v1.29.0"))
    found = requirements([root], {"go.uber.org/zap": "v1.29.0"})
    assert found == {"go.uber.org/zap": Requirement(file="go.mod", line=8, unknown="not committed")}


def test_a_shallow_clone_knows_only_its_own_commits(root: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{root}", str(clone)], check=True)
    found = requirements([clone], {"go.uber.org/zap": "v1.28.0", "std": "go1.26.2"})
    assert {one.unknown for one in found.values()} == {"the clone is shallow"}
    assert found["go.uber.org/zap"].line == 8


def test_without_a_repository_the_line_is_told_alone(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text(GO_MOD)
    (one,) = requirements([tmp_path], {"go.uber.org/zap": "v1.27.0"}).values()
    assert (one.line, one.commit, one.unknown) == (8, "", "there is no Git repository")
    assert requirements([tmp_path / "none"], {"go.uber.org/zap": "v1.27.0"}) == {}


def test_nothing_that_the_repository_names_is_run(root: Path) -> None:
    """Filters and converters are named by .gitattributes and .git/config of a tree that was unpacked from anywhere."""
    mark, script = root / "ran", root / "evil"
    script.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    script.chmod(0o755)
    (root / ".gitattributes").write_text("go.mod filter=evil diff=evil\n")
    for key in ("filter.evil.clean", "filter.evil.smudge", "diff.evil.textconv", "core.fsmonitor", "core.pager"):
        git(root, "config", key, str(script))
    git(root, "config", "core.hooksPath", str(root))
    (root / "go.mod").touch()
    os.utime(root / "go.mod", (1, 1))
    assert requirements([root], {"go.uber.org/zap": "v1.28.0"})["go.uber.org/zap"].subject == "Log better (#12)"
    assert not mark.exists()
