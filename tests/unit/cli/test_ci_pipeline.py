"""`gobake ci github` and `gobake ci gitlab`: what is written where, for what, and what is left alone."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gobake.cli import gobake
from gobake.pipelines.heading import taken_apart
from gobake.pipelines.source import source
from tests.conftest import Tree
from tests.unit.invoked import error, good

SOURCE = "git+https://git.example.com/acme/gobake@v1"
INSTALL = ("--install", SOURCE)
FILES = {"go.mod": "module example.com/one\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"}
WORKFLOW, PIPELINE = Path(".github/workflows/gobake.yml"), Path(".gitlab-ci.yml")


@pytest.fixture
def root(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("GOBAKE_")]:
        monkeypatch.delenv(name)
    root = tree(FILES)
    _git(root, "init", "-q", "-b", "main")
    _git(root, "remote", "add", "origin", "git@github.com:Acme/shop.git")
    monkeypatch.chdir(root)
    return root


def _git(root: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(root), *words], check=True)


def _ci(*words: str) -> Result:
    return CliRunner().invoke(gobake, ["ci", *words])


def test_a_pipeline_is_written_where_its_system_looks_for_it(root: Path) -> None:
    assert "gobake.yml: written; read it, commit it" in good(_ci("github", *INSTALL))
    good(_ci("gitlab", *INSTALL))
    workflow = WORKFLOW.read_text()
    assert 'GOBAKE_REGISTRY: "ghcr.io/acme"' in workflow
    assert 'go-version-file: "go.mod"' in workflow
    assert f'SOURCE: "{SOURCE}"' in workflow
    assert 'GOBAKE_REGISTRY: "$CI_REGISTRY_IMAGE"' in PIPELINE.read_text()


def test_it_is_at_the_top_of_the_repository_of_a_project_below(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = root / "services" / "shop"
    below.mkdir(parents=True)
    for name, text in FILES.items():
        (root / name).unlink()
        (below / name).write_text(text)
    (below / "gobake.yaml").write_text(
        "registry: registry.example.com/shop\ncache: {store: registry.example.com/cache, main_branch: trunk}\n"
    )
    monkeypatch.chdir(below)
    good(_ci("github", *INSTALL))
    workflow = (root / WORKFLOW).read_text()
    for line in (
        'working-directory: "services/shop"',
        'go-version-file: "services/shop/go.mod"',
        'GOBAKE_REGISTRY: "registry.example.com/shop"',
        'GOBAKE_CACHE_STORE: "registry.example.com/cache"',
        'branches: ["trunk"]',
    ):
        assert line in workflow


def test_a_second_run_keeps_options_and_edits(root: Path) -> None:
    good(_ci("github", *INSTALL, "--platform", "linux/amd64", "--registry", "registry.example.com/a"))
    WORKFLOW.write_text(WORKFLOW.read_text().replace("timeout-minutes: 60", "timeout-minutes: 90"))
    assert "is as it should be" in good(_ci("github"))
    assert "written anew, with your edits" in good(_ci("github", "--cache-store", "registry.example.com/c"))
    workflow = WORKFLOW.read_text()
    for line in ("timeout-minutes: 90", 'GOBAKE_PLATFORM: "linux/amd64"', '"registry.example.com/a"'):
        assert line in workflow
    assert 'GOBAKE_CACHE_STORE: "registry.example.com/c"' in workflow


def test_check_and_diff_write_nothing(root: Path) -> None:
    ended = _ci("github", *INSTALL, "--check")
    assert ended.return_value is None
    assert (ended.exit_code or 0, WORKFLOW.exists()) == (0, False)
    good(_ci("github", *INSTALL))
    before = WORKFLOW.read_text()
    shown = good(_ci("github", "--platform", "linux/arm64", "--diff"))
    assert '\n-  GOBAKE_PLATFORM: "linux/amd64,linux/arm64"\n+  GOBAKE_PLATFORM: "linux/arm64"\n' in shown
    assert WORKFLOW.read_text() == before


@pytest.mark.parametrize(("words", "code"), [((), 0), (("--platform", "linux/arm64"), 5)])
def test_check_says_by_its_exit_code_whether_something_would_change(
    words: tuple[str, ...], code: int, root: Path
) -> None:
    good(_ci("github", *INSTALL))
    ended = gobake.main(["ci", "github", *words, "--check"], standalone_mode=False)
    assert ended == code


def test_edits_of_what_would_change_are_not_overwritten_but_by_force(root: Path) -> None:
    good(_ci("github", *INSTALL))
    edited = WORKFLOW.read_text().replace("linux/amd64,linux/arm64", "linux/s390x", 2)
    WORKFLOW.write_text(edited)
    ended = _ci("github", "--platform", "linux/arm64")
    assert "has edits where gobake would change it, as shown above; put it in by hand, or --force" in error(ended)
    assert "+<<<<<<< yours" in ended.stdout
    assert WORKFLOW.read_text() == edited
    assert "written anew" in good(_ci("github", "--platform", "linux/arm64", "--force"))
    assert "linux/s390x" not in WORKFLOW.read_text()


def test_a_pipeline_of_somebody_else_is_left_alone(root: Path) -> None:
    PIPELINE.write_text("test:\n  script: [make]\n")
    assert ".gitlab-ci.yml is not gobake's" in error(_ci("gitlab", *INSTALL))
    assert PIPELINE.read_text() == "test:\n  script: [make]\n"
    good(_ci("gitlab", *INSTALL, "-o", "ci/images.yml"))
    assert taken_apart(Path("ci/images.yml").read_text()).options is not None


def test_it_can_be_printed(root: Path) -> None:
    assert good(_ci("gitlab", *INSTALL, "--output", "-")).startswith("# Written by `gobake ci gitlab`")
    assert not PIPELINE.exists()


def test_what_is_not_known_is_asked_for(root: Path) -> None:
    assert "--install git+https://" in error(_ci("github"))
    _git(root, "remote", "set-url", "origin", "https://git.example.com/acme/shop")
    assert "say --registry" in error(_ci("github", *INSTALL))
    assert "cannot stand in a pipeline" in error(_ci("gitlab", "--install", "x; true"))


def test_no_link_of_the_tree_is_followed(root: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "ci.yml").write_text("theirs\n")
    PIPELINE.symlink_to(outside / "ci.yml")
    assert "cannot be read: it is a link" in error(_ci("gitlab", *INSTALL, "--force"))
    Path(".github").symlink_to(outside)
    assert "it is a link, or below one" in error(_ci("github", *INSTALL, "--force"))
    assert [(file.name, file.read_text()) for file in outside.iterdir()] == [("ci.yml", "theirs\n")]


@pytest.mark.parametrize("make", [lambda file: os.mkfifo(file), lambda file: file.write_bytes(b"#" * ((1 << 20) + 1))])
def test_what_is_no_file_of_a_usual_size_is_not_read(make: Callable[[Path], object], root: Path) -> None:
    make(PIPELINE)
    assert "cannot be read: " in error(_ci("gitlab", *INSTALL))


COMMIT = "0123456789012345678901234567890123456789"


@pytest.mark.parametrize(
    ("direct_url", "found"),
    [
        (
            {"url": "https://git.example.com/acme/gobake", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
            f"git+https://git.example.com/acme/gobake@{COMMIT}",
        ),
        ({"url": "https://me:secret@git.example.com/gobake", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}, ""),
        ({"url": "ssh://git@git.example.com/gobake", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}, ""),
        ({"url": "https://git.example.com/acme/gobake", "vcs_info": {"vcs": "git", "commit_id": "main"}}, ""),
        ({"url": "https://git.example.com/acme/gobake", "vcs_info": {"vcs": "hg", "commit_id": COMMIT}}, ""),
        ({"url": "file:///home/me/gobake", "dir_info": {"editable": True}}, ""),
        ({}, ""),
        ([], ""),
        ({"url": 1, "vcs_info": []}, ""),
    ],
)
def test_where_gobake_comes_from_is_what_pip_wrote_down(direct_url: object, found: str) -> None:
    assert source(json.loads(json.dumps(direct_url))) == found
