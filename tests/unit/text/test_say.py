"""Lines of text: broken between words on a terminal, whole in a pipe."""

from __future__ import annotations

import io
from contextlib import redirect_stderr

import pytest

from gobake.text.say import say, show

LONG = "the local modules of this project have only the root of the file system in common; move the replaced ones"


class _Stream(io.StringIO):
    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.fixture(params=[True, False], ids=["terminal", "pipe"])
def stream(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> _Stream:
    found = _Stream(terminal=request.param)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return found


def test_an_error_breaks_between_words_on_a_terminal(stream: _Stream) -> None:
    with redirect_stderr(stream):
        say(LONG, head="error: ", fg="red", bold=True, err=True)
    assert stream.getvalue() == (
        "\x1b[1;31merror: \x1b[0mthe local modules of this project have only the root\n"
        "    of the file system in common; move the replaced ones\n"
        if stream.terminal
        else f"error: {LONG}\n"
    )


def test_a_warning_has_its_colour_in_every_line(stream: _Stream) -> None:
    with redirect_stderr(stream):
        say(LONG, fg="yellow", err=True)
    lines = stream.getvalue().splitlines()
    if stream.terminal:
        assert len(lines) == 2
        assert all(line.startswith("\x1b[33m") and line.endswith("\x1b[0m") for line in lines)
    else:
        assert lines == [LONG]


def test_what_is_to_be_copied_is_never_broken(stream: _Stream) -> None:
    with redirect_stderr(stream):
        show(LONG, err=True)
    assert stream.getvalue() == f"{LONG}\n"


def test_a_name_in_a_text_brings_no_escapes_and_no_lines(stream: _Stream) -> None:
    with redirect_stderr(stream):
        say(f"\x1b]0;title\x07{LONG}\nnext\x1b[31m", err=True)
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().endswith("next\n")
