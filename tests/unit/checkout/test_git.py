"""What git says about a checkout; everything is optional."""

from __future__ import annotations

import subprocess
from pathlib import Path, PurePosixPath

import pytest

from gobake.checkout.git import Checkout, Look, _https, branches, look, stray, tag_prefix
from gobake.errors import UsageError
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


# ---- tags of modules


def tagged(root: Path, *names: str) -> None:
    for name in names:
        git(root, "tag", name)


def another_commit(root: Path) -> None:
    (root / "a").write_text((root / "a").read_text() + "x")
    commit(root)


def test_the_modules_of_a_repository_have_versions_by_tags_of_their_own(tree: Tree) -> None:
    root = tree({"a": "1", "cmd/tool/go.mod": "", "cmd/tool/v2/go.mod": "", "lib/go.mod": ""})
    commit(root)
    tagged(root, "v1.2.3", "cmd/tool/v0.5.0", "cmd/tool/v2.0.0", "cmd/tool/sub/v9.0.0", "nightly")
    with Look(root, "example.com/x") as asked:
        seen = asked.checkout()
        assert (seen.description, seen.tagged) == ("v1.2.3", True)
        assert asked.description(seen, root / "cmd" / "tool" / "v2", "example.com/x/cmd/tool/v2") == "v2.0.0"
        assert asked.description(seen, root / "lib", "example.com/x/lib") == "v1.2.3"
        (root / "a").write_text("dirty")
    another_commit(root)
    tagged(root, "cmd/tool/v0.5.1")
    (root / "a").write_text("dirty")
    with Look(root, "example.com/x") as asked:
        seen = asked.checkout()
        assert seen.description == f"v1.2.3-1-g{seen.short_revision}-dirty"
        assert asked.description(seen, root / "cmd" / "tool", "example.com/x/cmd/tool") == "v0.5.1-dirty"
    assert look(root / "cmd" / "tool").description == "v0.5.1-dirty"


def test_a_tag_of_another_module_is_no_version_of_the_root(tree: Tree) -> None:
    root = tree({"a": "1"})
    commit(root)
    tagged(root, "config/configauth/v1.65.0")
    seen = look(root)
    assert (seen.description, seen.tagged) == (git(root, "rev-parse", "--short", "HEAD"), False)
    tagged(root, "release-7")
    assert look(root).description == "release-7"
    another_commit(root)
    assert look(root).description == f"release-7-1-g{git(root, 'rev-parse', '--short', 'HEAD')}"


@pytest.mark.parametrize(
    ("place", "module", "prefix"),
    [
        (".", "example.com/x", ""),
        (".", "example.com/x/v2", ""),
        ("v2", "example.com/x/v2", ""),
        ("v2", "example.com/x/sub", "v2/"),
        ("server", "go.etcd.io/etcd/server/v3", "server/"),
        ("a/b/v3", "example.com/a/b/v3", "a/b/"),
        ("a/v1", "example.com/a/v1", "a/v1/"),
    ],
)
def test_the_folder_of_a_major_version_is_no_part_of_a_tag(place: str, module: str, prefix: str) -> None:
    assert tag_prefix(PurePosixPath(place), module) == prefix


def test_a_folder_with_signs_of_patterns_has_its_own_tags(tree: Tree) -> None:
    root = tree({"a": "1", "web/{id}/go.mod": ""})
    commit(root)
    tagged(root, "web/{id}/v1.0.0")
    assert look(root / "web" / "{id}").description == "v1.0.0"


def test_a_shallow_clone_without_tags_says_so(tree: Tree, tmp_path: Path) -> None:
    root = tree({"a": "1"})
    commit(root)
    tagged(root, "v1.0.0")
    another_commit(root)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{root}", str(clone)], check=True)
    seen = look(clone)
    assert (seen.shallow, seen.tagged, seen.description) == (True, False, seen.short_revision)
    assert not look(root).shallow


# ---- what git refuses


def test_a_repository_of_somebody_else_is_not_taken_for_none(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree({"a": "1"})
    commit(root)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    seen = look(root)
    assert seen.refusal == f"detected dubious ownership in repository at '{root}'"
    assert seen.remedy == f"git config --global --add safe.directory {root}"
    assert (seen.revision, seen.known_revision, seen.description) == ("", "unknown", "")
    with pytest.raises(UsageError, match="dubious ownership"):
        branches(root)


def test_a_broken_repository_is_not_taken_for_none(tree: Tree) -> None:
    root = tree({"a": "1", "deep/er/b": ""})
    (root / ".git").mkdir()
    seen = look(root / "deep" / "er")
    assert f"{root / '.git'} is not a repository that git can read" in seen.refusal
    assert seen.remedy == f"`git -C {root} status` shows the same"


def test_a_work_tree_whose_repository_is_gone_is_not_taken_for_none(tree: Tree) -> None:
    root = tree({"a": "1", ".git": "gitdir: /nowhere/repo/.git/worktrees/x"})
    assert "not a git repository: /nowhere/repo" in look(root).refusal


def test_a_lost_commit_is_not_taken_for_none(tree: Tree) -> None:
    root = tree({"a": "1"})
    commit(root)
    revision = git(root, "rev-parse", "HEAD")
    (root / ".git" / "objects" / revision[:2] / revision[2:]).unlink()
    assert look(root).refusal


def test_a_repository_on_a_machine_without_git_is_said(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree({"a": "1"})
    commit(root)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (look(root).refusal, look(root).remedy) == ("git is not installed on this machine", "install git")


def test_what_git_would_list_as_untracked_is_a_stray(tree: Tree) -> None:
    root = tree({"go.mod": "module m\n", ".gitignore": "ignored\n", "sub/kept": "", "ignored/x": ""})
    commit(root)
    for name in ("page.html", "sub/[a] page", "seed/blobs/x"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    assert [stray(root / name) for name in ("page.html", "sub/[a] page", "seed")] == [
        "/page.html",
        "/sub/[a] page",
        "/seed",
    ]
    assert [stray(root / name) for name in ("ignored", "ignored/x", "sub/kept", "nosuch")] == [""] * 4
    assert stray(root.parent / "elsewhere") == ""


def test_looking_writes_nothing(tree: Tree) -> None:
    root = tree({"a": "1"})
    commit(root)
    (root / "a").touch()  # git would refresh its index
    before = (root / ".git" / "index").stat().st_mtime_ns, sorted((root / ".git").rglob("*"))
    assert not look(root).dirty
    assert ((root / ".git" / "index").stat().st_mtime_ns, sorted((root / ".git").rglob("*"))) == before
