"""What the shell completes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from gobake.cli import COMPLETION, gobake
from gobake.gotool import list_cache, local
from tests.conftest import REPOSITORY, Tree
from tests.unit.cli.test_commands import TWO, error, good
from tests.unit.invoked import history_of
from tests.unit.scoring import run, step


def completed(*words: str) -> list[str]:
    """The words that a shell offers in place of the last one."""
    shell = ShellComplete(gobake, {}, "gobake", COMPLETION)
    return [item.value for item in shell.get_completions(list(words[:-1]), words[-1])]


@pytest.fixture
def two(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose packages are remembered."""
    monkeypatch.setattr(list_cache, "_SETTLED_SECONDS", -1000.0)
    root = tree(TWO)
    monkeypatch.chdir(root)
    good("plan")
    return root


@pytest.mark.parametrize("command", [("build",), ("all",), ("plan",), ("render",), ("cache", "verify")])
def test_services_are_completed(two: Path, command: tuple[str, ...]) -> None:
    assert completed(*command, "o") == ["one", "other"]
    assert completed(*command, "on") == ["one"]
    assert completed(*command, "./cmd/ot") == ["./cmd/other"]


def test_the_project_of_an_option_is_meant(two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert completed("build", "") == []
    assert completed("build", "-C", str(two), "") == ["one", "other"]
    assert completed("-C", str(two), "build", "") == ["one", "other"]


def test_go_is_not_asked(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree(TWO))
    monkeypatch.setattr(local, "survey", lambda *_: pytest.fail("Go was asked"))
    assert completed("build", "") == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("build", "-s", "al"), ["alpine"]),
        (("all", "-s", "alpine,dist"), ["alpine,distroless", "alpine,distalpine"]),
        (("plan", "-p", "linux/arm64,linux/am"), ["linux/arm64,linux/amd64"]),
        (("build", "--base", "al"), ["alpine="]),
        (("build", "--cache-policy", "ci"), ["ci-branch", "ci-pull-request"]),
        (("build", "--gate-exempt", "f"), ["first-run"]),
        (("cache", "prune", "gob"), ["gobuild"]),
        (("explain", "one-scr"), ["one-scratch"]),
        (("completion", "z"), ["zsh"]),
    ],
)
def test_other_words_are_completed(two: Path, words: tuple[str, ...], found: list[str]) -> None:
    assert completed(*words) == found


@pytest.mark.parametrize("words", [("runs", "show"), ("runs", "rm"), ("report",), ("explain", "--run")])
def test_runs_are_completed_newest_first(two: Path, words: tuple[str, ...]) -> None:
    assert completed(*words, "") == []
    with history_of(two) as store:
        for day in (1, 2):
            store.add(run(step(1, "executed"), at=day, started=day * 86400.0), [])
        ids = store.ids()
    assert completed(*words, "") == ["last", *reversed(ids)]
    assert completed(*words, ids[0]) == [ids[0]]


def test_every_policy_is_offered() -> None:
    there = {file.stem for file in (REPOSITORY / "cache").glob("*.yaml")}
    assert set(completed("build", "--cache-policy", "")) == there


def test_a_broken_project_completes_to_nothing(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree({**TWO, "gobake.yaml": "services: 3\n"}))
    assert completed("build", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_printed(shell: str) -> None:
    script = good("completion", shell)
    assert f"{COMPLETION}={shell}_complete" in script
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=script, text=True, check=True, timeout=60)


def test_other_shells_are_refused() -> None:
    assert "bash" in error("completion", "tcsh")
