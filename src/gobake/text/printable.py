"""Text that came out of a build, made safe to show: it may hold whatever a program in a container has written.

A step's log or name can carry terminal escapes (colours, cursor movement, window titles, clickable links), carriage
returns that overwrite a line, and characters that turn the direction of text around. None of it may reach a terminal.
"""

from __future__ import annotations

import re

# ECMA-48: CSI and the like; OSC, DCS, SOS, PM and APC up to their terminator; the two-byte escapes.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\x9c|$)"
    r"|\x1b[ -/]*[0-~]?"
    r"|\x9b[0-?]*[ -/]*[@-~]",
    re.DOTALL,
)
# What is left of C0 and C1 but tab and newline; bidirectional controls (https://trojansource.codes); lone surrogates.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")

_LONGEST = 8_000  # characters of a line that is looked into; some patterns take their square
_TOO_LONG = re.compile(r"(?m)^([^\n]{6000})[^\n]+([^\n]{2000})")


def bounded(text: str) -> str:
    """The text, and of lines that nobody reads both ends: a program may print its data without a newline."""
    return _TOO_LONG.sub(r"\1…\2", text) if len(text) > _LONGEST else text


def printable(text: str) -> str:
    """The text without anything that a terminal would obey; newlines and tabs stay."""
    text = _ESCAPES.sub("", text.replace("\r\n", "\n"))
    return _CONTROLS.sub("", _last_written(text))


def _last_written(text: str) -> str:
    """Of each line what a terminal shows in the end, where it returns to the line's begin. In one pass: a line may have
    megabytes."""
    if "\r" not in text:
        return text
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def flat(text: str) -> str:
    """The text on one line, with its columns."""
    return re.sub(r"\s*\n\s*", " ", printable(text).strip("\n"))


def one_line(text: str, width: int = 0) -> str:
    """The text on one line, its white space narrowed, cut to ``width`` characters where that is not 0."""
    line = " ".join(printable(text).split())
    return line if not width or len(line) <= width else line[: max(width - 1, 0)] + "…"


def scrubbed(text: str) -> str:
    """The text with lone surrogates replaced, so that it can be encoded; JSON allows them, UTF-8 does not."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
