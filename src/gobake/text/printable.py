"""Makes untrusted text safe to show in a terminal.

Any program in a container can write to a step's log or name. The text may contain terminal escapes (colours, cursor
movement, window titles, links), carriage returns that overwrite a line, and bidirectional control characters.
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
# The rest of C0 and C1 except tab and newline; bidirectional controls (https://trojansource.codes); lone surrogates.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")

_LONGEST = 8_000  # characters of a line that patterns search; some take quadratic time
_TOO_LONG = re.compile(r"(?m)^([^\n]{6000})[^\n]+([^\n]{2000})")


def bounded(text: str) -> str:
    """Shorten very long lines to their two ends: a program may print its data without a newline."""
    return _TOO_LONG.sub(r"\1…\2", text) if len(text) > _LONGEST else text


def printable(text: str) -> str:
    """Remove everything that a terminal would interpret; keep newlines and tabs."""
    text = _ESCAPES.sub("", text.replace("\r\n", "\n"))
    return _CONTROLS.sub("", _last_written(text))


def _last_written(text: str) -> str:
    """Keep what a terminal would finally show of each line with carriage returns.

    One pass, because a line may have megabytes.
    """
    if "\r" not in text:
        return text
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def flat(text: str) -> str:
    """Return the text on one line; spacing within its lines is kept."""
    return re.sub(r"\s*\n\s*", " ", printable(text).strip("\n"))


def one_line(text: str, width: int = 0) -> str:
    """Return the text on one line with white space collapsed, cut to ``width`` characters unless that is 0."""
    line = " ".join(printable(text).split())
    return line if not width or len(line) <= width else line[: max(width - 1, 0)] + "…"


def scrubbed(text: str) -> str:
    """Replace lone surrogates, which JSON allows and UTF-8 does not."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
