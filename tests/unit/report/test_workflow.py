"""GitHub's workflow commands: errors at their lines, and none from what others wrote."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from gobake import cli
from gobake.errors import CompileFailed
from gobake.report.workflow import MOST, Annotation, annotate, annotated, guarded

GITHUB = {"GITHUB_ACTIONS": "true"}
Printed = pytest.CaptureFixture[str]


def test_an_error_of_go_is_shown_at_its_line(capsys: Printed, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    environ = {**GITHUB, "GITHUB_WORKSPACE": str(tmp_path)}
    errors = [
        "cmd/web/main.go:12:92: undefined: x",
        "link: too big",
        f"{tmp_path}/a.go:3: bad",
        "/elsewhere/b.go:1:2: c",
    ]
    annotate(errors, environ, tmp_path / "shop")
    assert capsys.readouterr().err.splitlines() == [
        "::error file=shop/cmd/web/main.go,line=12,col=92::undefined: x",
        "::error::link: too big",
        "::error file=a.go,line=3::bad",
        "::error::/elsewhere/b.go:1:2: c",
    ]
    annotate(errors, {}, tmp_path)
    assert capsys.readouterr().err == ""


def test_values_are_escaped_as_github_asks() -> None:
    found = Annotation(message="100 %\r\nof it: a, b", file="a:b,c%.go", line=1)
    assert str(found) == "::error file=a%3Ab%2Cc%25.go,line=1::100 %25%0D%0Aof it: a, b"


@pytest.mark.parametrize(
    "error", ["x.go:1:2: a\n::set-env name=A::b", "::error::a", "x.go:1:2: \x1b[31m::a\r::b", "##[add-mask]x"]
)
def test_a_message_is_one_command_whatever_it_says(capsys: Printed, error: str) -> None:
    annotate([error], GITHUB, Path())
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("::error")
    assert line.isprintable()


def test_annotations_are_bounded_and_each_once(tmp_path: Path) -> None:
    many = [f"main.go:{number}:1: bad" for number in range(100) for _ in range(2)]
    found = annotated(many, tmp_path, tmp_path)
    assert [one.line for one in found] == list(range(MOST))


def test_nothing_that_is_printed_meanwhile_is_a_command(capsys: Printed) -> None:
    with guarded(GITHUB, "gobake: 2 targets"):
        sys.stderr.write("  ::error::from a compiler\n")
    group, stop, said, resume, end = capsys.readouterr().err.splitlines()
    assert group == "::group::gobake: 2 targets"
    token = re.fullmatch("::stop-commands::([0-9a-f]{32})", stop)
    assert token
    assert (said, resume, end) == ("  ::error::from a compiler", f"::{token[1]}::", "::endgroup::")
    with guarded({}, "gobake"):
        pass
    assert capsys.readouterr().err == ""


def test_commands_are_obeyed_again_after_an_error(capsys: Printed) -> None:
    with pytest.raises(CompileFailed), guarded(GITHUB):
        raise CompileFailed("x")
    stop, resume = capsys.readouterr().err.splitlines()
    assert resume == f"::{stop.removeprefix('::stop-commands::')}::"


def test_every_error_of_gobake_is_told_between_the_two_and_annotated(
    capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**_: object) -> None:
        raise CompileFailed("cmd/web/main.go:1:2: bad", words="::set-output name=a::b")

    monkeypatch.setattr(cli.gobake, "main", fails)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(Path.cwd()))
    with pytest.raises(SystemExit):
        cli.main()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("::stop-commands::")
    assert lines[1:3] == ["error: cmd/web/main.go:1:2: bad", "  ::set-output name=a::b"]
    assert lines[3:] == [f"::{lines[0].rpartition('::')[2]}::", "::error file=cmd/web/main.go,line=1,col=2::bad"]
