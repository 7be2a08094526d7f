"""What a person is shown and asked, what a script is told, what is remembered: values, and one small file."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from gobake.checkout import git
from gobake.checkout.ci import CIContext, CIProvider
from gobake.config.loading import parse_config
from gobake.config.values import Config
from gobake.errors import ExitCode, NotTrusted, Where
from gobake.plan.request import ProjectRequest
from gobake.plan.trust import establish
from gobake.trust import asking, remembered
from gobake.trust.deciding import IMAGES_ALONE, Trust, apply
from gobake.trust.keys import KeyClass, Want, wants

WANTS = "registry: ghcr.io/acme\ncache: {policy: release}\n"
CHECKOUT = git.Checkout(revision="a" * 40, branch="main")


def config(text: str, file: str = "/shop/gobake.yaml") -> Config:
    return parse_config(text.encode(), Path(file))


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A terminal at which nothing was said before."""
    for name in ("CI", "GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


# ---- asking


class Stream(io.StringIO):
    """A terminal, or none."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


Answers = Callable[[bool | None], list[dict[str, Any]]]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Somebody who answers, or with None nobody who could; and how often they were asked."""

    def will(answer: bool | None) -> list[dict[str, Any]]:
        asked: list[dict[str, Any]] = []

        def confirm(text: str, **more: Any) -> bool | None:
            asked.append({"text": text, **more})
            return answer

        monkeypatch.setattr(asking, "asks", lambda: answer is not None)
        monkeypatch.setattr(click, "confirm", confirm)
        return asked

    return will


@pytest.mark.parametrize(("reads", "shows"), [(True, True), (True, False), (False, True), (False, False)])
def test_only_one_who_sees_the_question_and_can_answer_is_asked(
    reads: bool, shows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is piped away is no place for a question, and what is piped in no answer."""
    monkeypatch.setattr(sys, "stdin", Stream(terminal=reads))
    monkeypatch.setattr(sys, "stderr", Stream(terminal=shows))
    assert asking.asks() is (reads and shows)


@pytest.mark.parametrize("answer", [True, False])
def test_a_yes_is_remembered_and_a_no_is_not(
    answer: bool, answers: Answers, nobody: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = answers(answer)
    assert asking.ask(nobody, config(WANTS), ("a login for ghcr.io",)) is answer
    assert remembered.is_trusted(nobody, config(WANTS)) is answer
    assert [(one["default"], one["err"]) for one in asked] == [(False, True)], (
        "Enter alone is a no, and no output is lost"
    )
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "ghcr.io/acme" in shown.err
    assert "a login for ghcr.io" in shown.err


def test_what_is_wanted_and_given_is_shown_a_line_each() -> None:
    told = asking.describe(Path("/shop"), wants(config(WANTS)), ("one login", "another"))
    assert told.splitlines() == [
        "The gobake.yaml of /shop does more than describe images:",
        "  cache.policy  release  (decides who may write; line 2)",
        "  registry      ghcr.io/acme  (chooses whom gobake contacts; line 1)",
        "Its build gets from this machine:",
        "  one login",
        "  another",
    ]
    assert asking.describe(Path("/shop"), (), ("one login",)).splitlines() == [
        "The build of /shop gets from this machine:",
        "  one login",
    ]
    assert asking.describe(Path("/shop"), ()) == ""


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (WANTS, "chooses whom gobake contacts (cache.policy, registry)"),
        ("cache: {policy: release}\n", "decides who may write (cache.policy)"),
        ("registry: ghcr.io/acme\n", "chooses whom gobake contacts (registry)"),
    ],
)
def test_a_script_is_told_which_keys_it_is_about(text: str, what: str) -> None:
    refused = asking.refused(Path("/shop"), wants(config(text)))
    assert refused.what == f"/shop/gobake.yaml {what}, and nobody has trusted /shop yet"
    assert "--trust (GOBAKE_TRUST=1)" in refused.remedy
    assert refused.exit_code is ExitCode.USAGE


# ---- one run


def test_a_person_is_asked_where_something_would_not_hold(nobody: Path, answers: Answers) -> None:
    asked = answers(True)
    tree = config(WANTS)
    found = establish(nobody, tree, ProjectRequest(directory=nobody), CHECKOUT)
    assert (found.config, found.trust.credentials, len(asked)) == (tree, True, 1)
    establish(nobody, tree, ProjectRequest(directory=nobody), CHECKOUT)
    assert len(asked) == 1, "what was said holds"
    answers(False)
    with pytest.raises(NotTrusted):
        establish(nobody, config("registry: ghcr.io/other"), ProjectRequest(directory=nobody), CHECKOUT)


@pytest.mark.parametrize("text", ["name: shop\n", "gate: {min_hit_rate: 80%}\n"])
def test_nobody_is_asked_about_what_describes_images(text: str, nobody: Path, answers: Answers) -> None:
    asked = answers(False)
    establish(nobody, config(text), ProjectRequest(directory=nobody), CHECKOUT)
    assert asked == []


def test_what_only_shows_something_asks_nobody(nobody: Path, answers: Answers) -> None:
    asked = answers(True)
    found = establish(nobody, config(WANTS), ProjectRequest(directory=nobody, lenient=True), CHECKOUT)
    assert asked == []
    assert [want.key for want in found.trust.left_out] == ["cache.policy", "registry"]
    assert found.written == config(WANTS)


def test_a_script_that_nobody_answers_for_ends(nobody: Path, answers: Answers) -> None:
    answers(None)
    with pytest.raises(NotTrusted, match="nobody has trusted"):
        establish(nobody, config(WANTS), ProjectRequest(directory=nobody), CHECKOUT)
    found = establish(nobody, config(WANTS), ProjectRequest(directory=nobody, trust=True), CHECKOUT)
    assert found.config == config(WANTS)


def test_a_file_of_whoever_runs_holds_in_all_and_gives_the_tree_nothing(nobody: Path, answers: Answers) -> None:
    asked = answers(True)
    own = nobody / "mine.yaml"
    own.write_text(WANTS)
    request = ProjectRequest(directory=nobody / "shop", config_file=own)
    found = establish(nobody / "shop", config(WANTS, str(own)), request, CHECKOUT)
    assert (found.config, found.written, asked) == (config(WANTS, str(own)), None, [])
    assert found.trust.left_out == ()
    assert (found.trust.classes, found.trust.credentials) == (IMAGES_ALONE, False)


def test_paths_of_a_locked_file_are_seen_from_its_own_folder(nobody: Path) -> None:
    home = nobody / "ci"
    home.mkdir()
    locked = home / "locked.yaml"
    locked.write_text(
        "private: {netrc: netrc, ssh: agent, known_hosts: /etc/known_hosts, ca_bundle: ~/ca.pem}\n"
        "cache: {store: ./kept, policy: release, branches: {main: ./mine.yaml, '*': dev}}\n"
        "history: {folder: runs}\n"
    )
    shop = nobody / "shop"
    found = establish(shop, None, ProjectRequest(directory=shop, locked=locked), CHECKOUT).config
    assert found
    private, cache = found.private, found.cache
    assert (private.netrc, private.ssh) == (str(home / "netrc"), "agent")
    assert (private.known_hosts, private.ca_bundle) == ("/etc/known_hosts", "~/ca.pem")
    assert (cache.store, cache.policy) == (str(home / "./kept"), "release")
    assert dict(cache.branches) == {"main": str(home / "./mine.yaml"), "*": "dev"}
    assert found.history.folder == str(home / "runs")


@pytest.mark.parametrize(
    ("base", "locked", "registry", "source", "gate_left"),
    [
        ("", "", None, "", False),
        ("registry: ghcr.io/base", "", "ghcr.io/base", "the target branch", True),
        ("", "registry: ghcr.io/locked", "ghcr.io/locked", "/ci/locked.yaml", True),
        ("registry: ghcr.io/base", "registry: ghcr.io/locked", "ghcr.io/locked", "/ci/locked.yaml", True),
    ],
    ids=["neither", "base", "locked", "both"],
)
def test_what_a_stranger_may_not_say_is_said_by_the_base_and_before_it_by_a_locked_file(
    base: str, locked: str, registry: str | None, source: str, gate_left: bool
) -> None:
    tree = config("registry: evil.example/acme\ngate: {min_hit_rate: none}\n")
    held, left, told = apply(
        Trust(classes=IMAGES_ALONE),
        tree,
        config(base) if base else None,
        config(locked, "/ci/locked.yaml") if locked else None,
    )
    assert held
    assert (held.registry, told) == (registry, source)
    assert [want.key for want in left] == [*(["gate.min_hit_rate"] if gate_left else []), "registry"]


def test_a_locked_file_holds_over_a_tree_that_is_trusted() -> None:
    held, left, _ = apply(Trust(), config(WANTS), None, config("registry: ghcr.io/locked", "/ci/locked.yaml"))
    assert held
    assert (held.registry, held.cache.policy) == ("ghcr.io/locked", None)
    assert [want.key for want in left] == ["cache.policy", "registry"]


# ---- in words


def want(key: str) -> Want:
    return Want(key=key, kind=KeyClass.TALKS, where=Where(file=Path("/shop/gobake.yaml"), line=1), text="x")


@pytest.mark.parametrize(
    ("keys", "source", "note"),
    [
        ((), "", ()),
        (("registry",), "", ("registry of gobake.yaml is ignored (a fork)",)),
        (
            ("bases.go", "registry"),
            "the target branch",
            ("bases.go, registry of gobake.yaml are ignored (a fork); set by the target branch",),
        ),
    ],
)
def test_what_does_not_hold_is_told_with_what_holds_instead(
    keys: tuple[str, ...], source: str, note: tuple[str, ...]
) -> None:
    trust = Trust(why="a fork", left_out=tuple(map(want, keys)), source=source)
    assert trust.notes() == note
    assert (trust.as_json()["left_out"], trust.as_json()["source"]) == (list(keys), source or None)


def test_a_decision_is_shown_in_one_line() -> None:
    assert Trust(why="--trust").shown() == (
        "gobake.yaml is trusted in full; its build gets the logins that its modules need: --trust"
    )
    stranger = Trust(classes=IMAGES_ALONE, credentials=False, host_code=False, why="a fork")
    assert stranger.shown() == "gobake.yaml is trusted where it describes the image; its build gets no logins: a fork"
    assert stranger.as_json() == {
        "tree": ["image"],
        "credentials": False,
        "host_code": False,
        "why": "a fork",
        "left_out": [],
        "source": None,
    }


# ---- what was said


def test_what_was_said_is_forgotten_once(nobody: Path) -> None:
    remembered.trust(nobody, config(WANTS))
    remembered.trust(nobody / "other", config(WANTS))
    assert remembered.forget(nobody) is True
    assert remembered.forget(nobody) is False
    assert not remembered.is_trusted(nobody, config(WANTS))
    assert remembered.is_trusted(nobody / "other", config(WANTS)), "that of others stays"


@pytest.mark.parametrize("damaged", ["", "[]", "5", "{", '{"PLACE": 5}', '{"PLACE": {"wants": 5}}', "[" * 100_000])
def test_a_damaged_file_was_never_written(damaged: str, nobody: Path) -> None:
    remembered.trust(nobody, config(WANTS))
    remembered.file().write_text(damaged.replace("PLACE", str(nobody)))
    assert not remembered.is_trusted(nobody, config(WANTS))
    remembered.trust(nobody, config(WANTS))
    assert remembered.is_trusted(nobody, config(WANTS))


def test_the_file_is_its_owners_alone_and_nothing_lies_beside_it(nobody: Path) -> None:
    remembered.trust(nobody, config(WANTS))
    file = remembered.file()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert list(file.parent.iterdir()) == [file]
    assert list(json.loads(file.read_text())) == [str(nobody)]


def test_a_yes_is_to_the_same_words_wherever_they_stand(nobody: Path) -> None:
    remembered.trust(nobody, config(WANTS))
    moved = "# a comment\ncache:\n  policy: release\nname: shop\nregistry: ghcr.io/acme\n"
    assert remembered.is_trusted(nobody, config(moved))
    assert not remembered.is_trusted(nobody, config(WANTS.replace("release", "dev")))
    assert not remembered.is_trusted(nobody, None)


def test_a_project_that_wants_nothing_is_trusted_for_nothing(nobody: Path) -> None:
    remembered.trust(nobody, None)
    assert remembered.is_trusted(nobody, config("name: shop\n"))
    assert not remembered.is_trusted(nobody, config(WANTS))


def test_nothing_that_was_said_on_a_terminal_counts_elsewhere(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remembered.trust(nobody, config(WANTS))
    monkeypatch.setenv("CI", "true")
    found = establish(nobody, config(WANTS), ProjectRequest(directory=nobody), CHECKOUT)
    assert (found.trust.classes, found.trust.askable) == (IMAGES_ALONE, False)
    assert CIContext(kind=CIProvider.CI).trusted
