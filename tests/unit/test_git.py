"""What git says about a checkout; everything is optional."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gobake.git import Checkout, _https, look
from tests.conftest import Tree, commit


def git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_a_folder_without_git_has_no_facts(tmp_path: Path) -> None:
    assert look(tmp_path) == Checkout()
    assert Checkout().commit_date == ""


def test_a_repository_without_a_commit_has_an_address_at_most(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    assert look(tmp_path) == Checkout()
    git(tmp_path, "remote", "add", "origin", "git@github.com:acme/shop.git")
    assert look(tmp_path) == Checkout(source_url="https://github.com/acme/shop")


def test_a_commit_is_told_with_its_branch_and_time(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-01-01T01:00:00+0100")
    root = tree({"a": "1"})
    commit(root)
    found = look(root)
    assert found.revision == git(root, "rev-parse", "HEAD")
    assert found.branch == "main"
    assert not found.dirty
    assert found.description == git(root, "rev-parse", "--short", "HEAD")
    assert found.commit_date == "2026-01-01T00:00:00Z"


def test_a_change_makes_it_dirty_and_a_new_file_does_not(tree: Tree) -> None:
    root = tree({"a": "1"})
    commit(root)
    (root / "new").write_text("x")
    assert not look(root).dirty
    (root / "a").write_text("2")
    assert look(root).dirty
    assert look(root).description.endswith("-dirty")


def test_a_tag_is_its_description(tree: Tree) -> None:
    root = tree({"a": "1"})
    commit(root)
    git(root, "tag", "v1.2.3")
    assert look(root).description == "v1.2.3"


def test_a_detached_head_has_no_branch(tree: Tree) -> None:
    root = tree({"a": "1"})
    commit(root)
    git(root, "checkout", "-q", "--detach")
    found = look(root)
    assert found.branch == ""
    assert found.revision


def test_a_folder_inside_of_the_repository_is_told_of_it_too(tree: Tree) -> None:
    root = tree({"deep/er/a": "1"})
    commit(root)
    assert look(root / "deep" / "er").revision == look(root).revision


def test_a_machine_without_git_has_no_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert look(tmp_path) == Checkout()


def test_commit_times_are_told_in_utc() -> None:
    assert Checkout(commit_time=1767225600).commit_date == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("https://github.com/acme/shop.git", "https://github.com/acme/shop"),
        ("https://github.com/acme/shop/", "https://github.com/acme/shop"),
        ("https://user:secret@github.com/acme/shop.git", "https://github.com/acme/shop"),
        ("https://x-access-token:ghs_abc@github.com/acme/shop", "https://github.com/acme/shop"),
        ("git@github.com:acme/shop.git", "https://github.com/acme/shop"),
        ("ssh://git@git.example.com:2222/acme/shop.git", "https://git.example.com/acme/shop"),
        ("http://git.example.com:8080/shop.git", "https://git.example.com/shop"),
        ("git@git.sr.ht:~acme/shop", "https://git.sr.ht/~acme/shop"),
        ("/srv/git/shop.git", ""),
        ("../shop", ""),
        ("file:///srv/git/shop.git", ""),
        ("C:\\shop", ""),
        ("", ""),
    ],
)
def test_the_address_is_one_that_a_browser_opens_without_credentials(address: str, url: str) -> None:
    assert _https(address) == url


def test_the_default_branch_is_what_a_clone_noted(tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    subprocess.run(["git", "init", "-q", "-b", "trunk", str(origin)], check=True)
    (origin / "file").write_text("x")
    commit(origin)
    subprocess.run(["git", "clone", "-q", str(origin), str(tmp_path / "clone")], check=True)
    assert look(tmp_path / "clone").default_branch == "trunk"
    assert look(origin).default_branch == ""
