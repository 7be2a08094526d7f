"""What a build is told by its options, and by the variables of the environment that stand for them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from gobake import run as build
from gobake.cli import gobake
from gobake.errors import GobakeError
from gobake.model import Platform
from gobake.plan.request import BuildRequest
from tests.conftest import REPOSITORY, Tree
from tests.unit.invoked import good

ONE = {"go.mod": "module example.com/one\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"}
AMD64, ARM64 = Platform.parse("linux/amd64"), Platform.parse("linux/arm64")


class Builds:
    """`gobake build` and `gobake all` up to the build itself."""

    def __init__(self) -> None:
        self.asked: list[BuildRequest] = []

    def __call__(self, *words: str, **env: str) -> BuildRequest:
        good(self.ended(*words, **env))
        return self.asked[-1]

    def ended(self, *words: str, **env: str) -> Result:
        return CliRunner().invoke(gobake, words, env={"DOCKER_HOST": "unix:///nowhere", **env})

    def run(self, asked: BuildRequest, _questions: object) -> int:
        self.asked.append(asked)
        return 0


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> Builds:
    found = Builds()
    monkeypatch.setattr(build, "run", found.run)
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    return found


def _commands(group: click.Group, *before: str) -> list[tuple[str, click.Command]]:
    context = click.Context(group)
    found: list[tuple[str, click.Command]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        words = (*before, name)
        found += _commands(command, *words) if isinstance(command, click.Group) else [(" ".join(words), command)]
    return found


def variables() -> dict[str, str]:
    """By variable: the option that it stands for, in whatever command."""
    options = [option for _, command in _commands(gobake) for option in command.params]
    return {str(option.envvar): max(option.opts, key=len) for option in options if option.envvar}


# ---- the environment


SAID: list[tuple[str, str, Any, str, Any, Callable[[BuildRequest], object]]] = [
    ("PROGRESS", "plain", "plain", "json", "json", lambda asked: asked.progress),
    ("COLOR", "never", "never", "always", "always", lambda asked: asked.color),
    ("STALL_TIMEOUT", "15m", 900.0, "1h", 3600.0, lambda asked: asked.stall_seconds),
    ("CACHE_STORE", "ghcr.io/acme/cache", "ghcr.io/acme/cache", "./c", "./c", lambda asked: asked.caches.store),
    ("CACHE_POLICY", "release", "release", "dev", "dev", lambda asked: asked.caches.policy),
    ("TAG", "v1", "v1", "v2", "v2", lambda asked: asked.tag),
    ("VERSION", "1.0", "1.0", "2.0", "2.0", lambda asked: asked.project.version),
    ("REGISTRY", "ghcr.io/a", "ghcr.io/a", "ghcr.io/b", "ghcr.io/b", lambda asked: asked.project.registry),
    ("BUILDER", "farm", "farm", "mine", "mine", lambda asked: asked.project.builder),
    ("HISTORY", "/a", Path("/a"), "/b", Path("/b"), lambda asked: asked.project.history),
    ("LOCKED", "/a.yaml", Path("/a.yaml"), "/b.yaml", Path("/b.yaml"), lambda asked: asked.project.locked),
    ("PLATFORM", "linux/arm64", (ARM64,), "linux/amd64", (AMD64,), lambda asked: asked.selection.platforms),
]


@pytest.mark.parametrize("command", ["build", "all"])
@pytest.mark.parametrize(("name", "there", "means", "here", "wins", "of"), SAID, ids=[name for name, *_ in SAID])
def test_the_environment_is_heard_and_the_command_line_wins(
    command: str,
    name: str,
    there: str,
    means: object,
    here: str,
    wins: object,
    of: Callable[[BuildRequest], object],
    builds: Builds,
) -> None:
    env = {f"GOBAKE_{name}": there}
    option = f"--{name.lower().replace('_', '-')}"
    assert of(builds(command)) != means
    assert of(builds(command, **env)) == means
    assert of(builds(command, option, here, **env)) == wins


def test_who_trusts_a_project_says_so_in_the_environment_or_on_the_command_line(builds: Builds) -> None:
    assert builds("build").project.trust is False
    assert builds("build", GOBAKE_TRUST="1").project.trust is True
    assert builds("build", GOBAKE_TRUST="0").project.trust is False
    assert builds("build", "--trust").project.trust is True


def test_other_base_images_are_joined_name_by_name(builds: Builds) -> None:
    asked = builds("build", "--base", "go=golang:1.27", GOBAKE_BASE="go=golang:1.26,alpine=alpine:3.21")
    assert asked.project.bases == {"go": "golang:1.27", "alpine": "alpine:3.21"}


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PROGRESS", "loud", "is not one of"),
        ("COLOR", "red", "is not one of"),
        ("CACHE_STORE", "https://ghcr.io/acme", "invalid cache store"),
        ("STALL_TIMEOUT", "soon", "invalid time"),
        ("PLATFORM", "linux", "platform"),
    ],
)
def test_a_variable_that_says_nothing_sensible_stops_the_build(
    name: str, value: str, says: str, builds: Builds
) -> None:
    ended = builds.ended("build", **{f"GOBAKE_{name}": value})
    assert ended.exit_code != 0
    assert says in (str(ended.exception) if isinstance(ended.exception, GobakeError) else ended.output)
    assert builds.asked == []


def test_every_variable_is_documented_with_its_option() -> None:
    page = (REPOSITORY / "docs" / "configuration.md").read_text(encoding="utf-8")
    table = page.partition("## Environment variables")[2].partition("\n## ")[0]
    assert dict(re.findall(r"^\| `(GOBAKE_\w+)` \| `(?:metrics )?(--[a-z-]+)`", table, re.MULTILINE)) == variables()


# ---- short and long


@pytest.mark.parametrize("option", ["-C", "--directory"])
def test_another_folder_is_the_projects(option: str, tree: Tree, builds: Builds) -> None:
    assert builds("build", option, "elsewhere").project.directory == Path("elsewhere")
    text = good(CliRunner().invoke(gobake, ["plan", option, str(tree(ONE)), "--format", "json"]))
    assert '"one-scratch"' in text


def test_a_build_may_wait_for_ever(builds: Builds) -> None:
    assert builds("build").stall_seconds == 300.0
    assert builds("build", "--stall-timeout", "none").stall_seconds == 0.0


@pytest.mark.parametrize(
    ("words", "keeps_going"),
    [((), True), (("one",), False), (("--fail-fast",), False), (("one", "--keep-going"), True)],
)
def test_a_build_goes_on_unless_services_are_named(words: tuple[str, ...], keeps_going: bool, builds: Builds) -> None:
    assert builds("build", *words).keep_going is keeps_going


def test_a_start_has_a_limit(builds: Builds) -> None:
    assert (builds("build", "--smoke").smoke, builds("build").smoke_seconds) == (True, 0.0)
    assert builds("all", "--smoke", "--smoke-timeout", "90s").smoke_seconds == 90.0
    ended = builds.ended("build", "--smoke", "--smoke-timeout", "none")
    assert "a start needs a limit" in str(ended.exception)


@pytest.mark.parametrize("name", ["push", "load", "smoke", "no_cache", "dry_run", "verbose", "quiet"])
def test_what_a_build_does_besides_is_said_by_a_flag(name: str, builds: Builds) -> None:
    assert getattr(builds("all"), name) is False
    assert getattr(builds("all", f"--{name.replace('_', '-')}"), name) is True


def test_the_whole_matrix_is_another_command(builds: Builds) -> None:
    assert builds("build").selection.every_strategy is False
    assert builds("all").selection.every_strategy is True
    assert builds("all", "--strategy", "alpine,upx").selection.strategies == ("alpine", "upx")
