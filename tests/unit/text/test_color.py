"""Who decides about colours: --color, GOBAKE_COLOR, NO_COLOR, the terminal; errors obey as everything else."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import pytest
from rich.text import Text

from gobake import cli
from gobake.report.console import console_for
from gobake.text.color import choose, colored


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("NO_COLOR", "FORCE_COLOR", "GOBAKE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    yield
    choose((), {})


@pytest.mark.parametrize(
    ("words", "environ", "on_terminal"),
    [
        ((), {}, True),
        ((), {"NO_COLOR": "1"}, False),
        ((), {"NO_COLOR": ""}, True),
        ((), {"TERM": "dumb"}, False),
        ((), {"GOBAKE_COLOR": "never"}, False),
        (("build", "--color", "never"), {}, False),
        (("build", "--color=never"), {"GOBAKE_COLOR": "always"}, False),
        (("--color", "always", "build"), {"NO_COLOR": "1"}, True),
        (("build", "--color"), {}, True),
        (("build", "--color", "blue"), {}, True),
    ],
)
def test_the_command_line_decides_before_the_environment(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], environ: dict[str, str], on_terminal: bool
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    choose(words, environ)
    assert colored(Terminal()) is on_terminal
    assert colored(io.StringIO()) is ("always" in words)


@pytest.mark.parametrize(
    ("words", "environ", "escapes"),
    [
        ((), {}, True),
        ((), {"NO_COLOR": "1"}, False),
        ((), {"GOBAKE_COLOR": "never"}, False),
        (("--color", "never"), {}, False),
    ],
)
def test_errors_have_colours_only_where_they_are_wanted(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], environ: dict[str, str], escapes: bool
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    said = Terminal()
    monkeypatch.setattr(sys, "stderr", said)
    monkeypatch.setattr(sys, "argv", ["gobake", "plan", "--nosuch", *words])
    with pytest.raises(SystemExit):
        cli.main()
    assert "error: " in said.getvalue()
    assert ("\x1b" in said.getvalue()) is escapes


def test_a_console_without_colours_is_not_bold_either() -> None:
    for color, escapes in (("never", False), ("always", True)):
        stream = Terminal()
        console_for(stream, color).print(Text("x", style="bold red"))
        assert ("\x1b" in stream.getvalue()) is escapes
