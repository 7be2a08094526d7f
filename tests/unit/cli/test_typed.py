"""What users of docker and go type by habit."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from gobake import __version__
from gobake.cli import COMMANDS, gobake, main
from gobake.cli.explain import _targets as targets_of
from gobake.errors import UsageError
from gobake.model import Strategy
from tests.conftest import Gobake, Tree
from tests.unit.cli.test_commands import TWO, error, good
from tests.unit.cli.test_options import Builds, builds
from tests.unit.scoring import run as run_of
from tests.unit.scoring import target

__all__ = ["builds"]


# ---- commands


@pytest.mark.parametrize("words", [(), ("cache",), ("runs",)], ids=" ".join)
def test_a_group_alone_prints_its_help(gobake: Gobake, tmp_path: Path, words: tuple[str, ...]) -> None:
    ended = gobake.good(*words, cwd=tmp_path)
    assert ended.err == ""
    assert ended.out == gobake.good(*words, "--help", cwd=tmp_path).out
    assert ended.out.count("\n") > 5


def test_help_of_a_command_is_its_help() -> None:
    assert good("help", "runs", "ls") == good("runs", "ls", "--help")
    assert good("help") == good("--help")
    assert "did you mean build?" in error("help", "biuld")


def test_versions_are_told_without_an_engine() -> None:
    told = json.loads(good("version", "--format", "json"))
    assert (told["schema"], told["gobake"]) == (1, __version__)
    assert {"python", "docker", "buildx"} < told.keys()
    assert good("version").splitlines()[0].split() == ["gobake", __version__]


def test_every_command_of_the_list_exists() -> None:
    for name in COMMANDS:
        assert gobake.get_command(None, name).name == name  # type: ignore[arg-type, union-attr]


# ---- options before the command


@pytest.mark.parametrize(
    "before",
    [("-C", "{}"), ("-C{}",), ("--directory={}",), ("--directory", "{}", "-qv"), ("--color=never", "-C", "{}")],
)
def test_options_of_all_commands_may_precede_the_command(tree: Tree, before: tuple[str, ...]) -> None:
    root = str(tree(TWO))
    words = [word.format(root) for word in before]
    assert good(*words, "plan", "--format", "json") == good("plan", "-C", root, "--format", "json")
    assert good(*words, "runs", "ls", "--format", "json") == good("runs", "ls", "-C", root, "--format", "json")


def test_other_options_before_the_command_are_told_their_place() -> None:
    assert "options follow the command: gobake build --push" in error("--push", "build")


def test_early_options_without_a_command_leave_the_help() -> None:
    assert good("-v", "--help") == good("--help")


# ---- what to build


def test_build_takes_strategies_as_all_does(builds: Builds, tree: Tree) -> None:
    root = str(tree(TWO))
    for command in ("build", "all"):
        asked = builds(command, "-C", root, "-s", "alpine,upx", "--strategy", "scratch")
        assert asked.selection.strategies == (Strategy.ALPINE, Strategy.UPX, Strategy.SCRATCH)


def test_every_tag_is_kept(builds: Builds, tree: Tree) -> None:
    root = str(tree(TWO))
    asked = builds("build", "-C", root, "-t", "v1", "--tag", "v2", "-t", "v1")
    assert (asked.tag, asked.selection.further_tags) == ("v1", ("v2",))
    assert builds("build", "-C", root).tag == "latest"
    assert builds("build", "-C", root, GOBAKE_TAG="v3 v4").selection.further_tags == ("v4",)


def test_images_have_every_tag(tree: Tree) -> None:
    words = ("plan", "one", "-C", str(tree(TWO)), "--format", "json", "-t", "v1", "-t", "v2")
    assert json.loads(good(*words))["targets"][0]["images"] == ["one:v1", "one:v2"]
    other = json.loads(good(*words, "-s", "alpine"))
    assert other["targets"][0]["images"] == ["one:v1-alpine", "one:v2-alpine"]


@pytest.mark.parametrize("word", ["api", "api-scratch", "./cmd/api", "cmd/api/", "example.com/shop/cmd/api"])
def test_explain_takes_services_as_build_does(word: str) -> None:
    record = run_of(
        targets=(target("api", package="example.com/shop/cmd/api"), target("web", package="example.com/shop/cmd/web"))
    )
    assert targets_of(record, word) == {"api-scratch"}


@pytest.mark.parametrize("word", ["./", "./cmd", "md/api", "/", "apo", "./cmd/wbe"])
def test_explain_says_what_it_does_not_know_and_names_only_what_is_near(word: str) -> None:
    record = run_of(targets=tuple(target(f"service{number}") for number in range(30)))
    with pytest.raises(UsageError, match="built no target or service") as raised:
        targets_of(record, word)
    assert len(str(raised.value)) < 200


def test_a_name_with_a_tag_is_not_taken_for_a_tag(tree: Tree) -> None:
    said = error("plan", "-C", str(tree(TWO)), "-t", "ghcr.io/acme/one:v1")
    assert "'ghcr.io/acme/one:v1' is the name 'ghcr.io/acme/one' with a tag; " in said
    assert "write --tag v1" in said


# ---- answers


def test_a_command_of_cgo_files_is_told_what_it_needs(tree: Tree) -> None:
    root = tree({"go.mod": TWO["go.mod"], "cmd/c/main.go": 'package main\n\nimport "C"\n\nfunc main() {}\n'})
    assert (
        'cmd/c consists of cgo files, which Go leaves out without cgo; write `defaults: {build_env: {CGO_ENABLED: "1"}}`'
        in (error("plan", "-C", str(root)))
    )


def test_the_root_of_the_file_system_is_not_searched() -> None:
    if not Path("/go.mod").exists():
        assert "there is no Go module in /" in error("plan", "-C", "/")


def test_an_unknown_policy_of_the_file_has_its_place(tree: Tree) -> None:
    root = tree({**TWO, "gobake.yaml": "name: two\ncache: {policy: prod}\n"})
    assert "gobake.yaml:2:17: cache.policy: " in error("plan", "-C", str(root), "--trust")
    assert "gobake.yaml" not in error("plan", "-C", str(root), "--trust", "--cache-policy", "test")


def test_why_a_strategy_is_built(tree: Tree) -> None:
    def why(yaml: str, *words: str) -> set[str]:
        root = str(tree({**TWO, "gobake.yaml": yaml}))
        return {t["why"] for t in json.loads(good("plan", "one", "-C", root, *words, "--format", "json"))["targets"]}

    assert why("name: two\n") == {"the default"}
    assert why("defaults: {strategy: alpine}\n") == {"chosen"}
    assert why("services: {one: {strategy: alpine}}\n") == {"chosen"}
    assert why("name: two\n", "-s", "upx") == {"asked for"}


@pytest.mark.parametrize("word", ["./cmd/one", "cmd/one", "./cmd/one/", "example.com/two/cmd/one", "./cmd/on[e]"])
def test_services_go_by_folder_and_import_path(tree: Tree, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.chdir(tree(TWO))
    assert [t["service"] for t in json.loads(good("plan", word, "--format", "json"))["targets"]] == ["one"]


def test_folders_are_seen_from_the_current_one(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree(TWO) / "cmd/one")
    assert [t["service"] for t in json.loads(good("plan", ".", "--format", "json"))["targets"]] == ["one"]


# ---- errors


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _ended(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, *words: str) -> str:
    monkeypatch.setattr(sys, "argv", ["gobake", *words])
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    with pytest.raises(SystemExit):
        main()
    return stream.getvalue()


def test_a_hint_has_its_own_line_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("build", "--push", "--load")
    hint = "push, then `docker pull` where you need it"
    said = _ended(monkeypatch, _Terminal(), *words)
    assert said == f"error: --push and --load exclude each other\nhint: {hint}\n"
    assert _ended(monkeypatch, io.StringIO(), *words) == f"error: --push and --load exclude each other; {hint}\n"


def test_an_error_breaks_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    said = _ended(monkeypatch, _Terminal(), "plan", "-C", "/")
    assert all(len(line) <= 60 for line in said.splitlines())
    assert "\nhint: run gobake in a Go repository" in said
