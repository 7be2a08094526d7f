"""A commit as a folder beside the work tree."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import pytest

from gobake.checkout import snapshot
from gobake.checkout.git import look
from gobake.errors import UsageError
from tests.conftest import Tree, commit


def git(root: Path, *words: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    done = subprocess.run(["git", *identity, "-C", str(root), *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def content(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): str(path.readlink()) if path.is_symlink() else path.read_text()
        for path in sorted(folder.rglob("*"))
        if (path.is_file() or path.is_symlink()) and path.name != ".git"
    }


def test_the_files_are_those_of_the_commit(tree: Tree, tmp_path: Path) -> None:
    before = {"a.go": "1", "b/c.txt": "same\n", "b/gone.txt": "x", "d e\té.txt": "name"}
    root = tree(before)
    (root / "link").symlink_to("a.go")
    (root / "run.sh").write_text("true")
    (root / "run.sh").chmod(0o755)
    commit(root)
    revision = git(root, "rev-parse", "HEAD")
    (root / "a.go").write_text("2")
    (root / "b/gone.txt").unlink()
    (root / "new.go").write_text("new")
    taken = snapshot.take(root, revision, tmp_path / "commit")
    assert content(taken.folder) == {**before, "link": "a.go", "run.sh": "true"}
    assert taken.changed == {"a.go", "b/gone.txt", "new.go"}
    assert os.access(taken.folder / "run.sh", os.X_OK)
    assert not os.access(taken.folder / "a.go", os.X_OK)
    assert taken.place(root / "b") == taken.folder / "b"


def test_it_has_the_branch_and_remote_of_the_repository(tree: Tree, tmp_path: Path) -> None:
    root = tree({"a": "1"})
    commit(root)
    git(root, "remote", "add", "origin", "git@github.com:acme/shop.git")
    taken = snapshot.take(root, git(root, "rev-parse", "HEAD"), tmp_path / "commit")
    assert look(taken.folder).source_url == "https://github.com/acme/shop"
    assert look(taken.folder).branch == "main"


def test_what_git_ignores_differs_too_because_no_clone_has_it(tree: Tree, tmp_path: Path) -> None:
    root = tree({"a": "1", ".gitignore": "made.go\n"})
    commit(root)
    (root / "made.go").write_text("x")
    taken = snapshot.take(root, git(root, "rev-parse", "HEAD"), tmp_path / "commit")
    assert taken.changed == {"made.go"}
    assert "made.go" not in content(taken.folder)


def test_nothing_of_the_repository_is_written(tree: Tree, tmp_path: Path) -> None:
    root = tree({"a": "1", "b": "2"})
    commit(root)
    (root / "a").write_text("3")
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
    snapshot.take(root, git(root, "rev-parse", "HEAD"), tmp_path / "commit")
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()} == before


def test_a_hook_or_a_filter_of_the_repository_does_not_run(tree: Tree, tmp_path: Path) -> None:
    root = tree({"a": "1", ".gitattributes": "* filter=evil\n"})
    commit(root)
    (root / "a").write_text("2")
    mark = tmp_path / "ran"
    git(root, "config", "filter.evil.smudge", f"touch {mark}; cat")
    hook = root / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    taken = snapshot.take(root, git(root, "rev-parse", "HEAD"), tmp_path / "commit")
    assert content(taken.folder)["a"] == "1"
    assert not mark.exists()


def test_a_link_of_a_strange_tree_leads_nowhere(tree: Tree, tmp_path: Path) -> None:
    """A tree with both a link and a folder of one name, which no git makes: nothing is written through the link."""
    root = tree({"a": "1"})
    commit(root)
    outside = tmp_path / "outside"
    outside.mkdir()

    def made(kind: str, given: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(root), "hash-object", "-w", "--stdin", "-t", kind, "--literally"],
            input=given, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    blob, link = made("blob", "evil"), made("blob", str(outside))
    inner = subprocess.run(
        ["git", "-C", str(root), "mktree"], input=f"100644 blob {blob}\tx\n", capture_output=True, text=True, check=True
    ).stdout.strip()
    entries = b"".join(mode + b" d\0" + bytes.fromhex(sha) for mode, sha in ((b"120000", link), (b"40000", inner)))
    done = subprocess.run(
        ["git", "-C", str(root), "hash-object", "-w", "--stdin", "-t", "tree", "--literally"],
        input=entries, capture_output=True, check=True,
    )  # fmt: skip
    revision = git(root, "commit-tree", "-m", "strange", done.stdout.decode().strip())
    with contextlib.suppress(UsageError, OSError):
        snapshot.take(root, revision, tmp_path / "commit")
    assert list(outside.iterdir()) == []


def test_a_submodule_is_read_at_its_commit(tree: Tree, tmp_path: Path) -> None:
    inner = tree({"lib.go": "1"}, "inner")
    commit(inner)
    root = tree({"a": "1"}, "outer")
    commit(root)
    git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "lib")
    commit(root)
    revision = git(root, "rev-parse", "HEAD")
    (root / "lib/lib.go").write_text("2")
    commit(root / "lib")
    commit(root)
    taken = snapshot.take(root, revision, tmp_path / "commit")
    assert content(taken.folder)["lib/lib.go"] == "1"
    assert "lib/lib.go" in taken.changed


def test_an_unknown_commit_is_said_so(tree: Tree) -> None:
    root = tree({"a": "1"})
    commit(root)
    with pytest.raises(UsageError, match="knows no commit nothing"):
        snapshot.revision_of(root, "nothing")
    with pytest.raises(UsageError, match="knows no commit --all"):
        snapshot.revision_of(root, "--all")


def test_a_shallow_clone_is_told_what_to_fetch(tree: Tree, tmp_path: Path) -> None:
    root = tree({"a": "1"})
    commit(root)
    first = git(root, "rev-parse", "HEAD")
    (root / "a").write_text("2")
    commit(root)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{root}", str(clone)], check=True)
    with pytest.raises(UsageError, match=f"git fetch --depth=1 origin {first}"):
        snapshot.revision_of(clone, first)


def test_without_a_repository_there_is_nothing_to_compare_with(tree: Tree) -> None:
    with pytest.raises(UsageError, match="is in no Git repository"):
        snapshot.revision_of(tree({"a": "1"}), "HEAD")
