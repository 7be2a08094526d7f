"""GitHub's workflow commands: errors at their lines, folded logs, and no commands from what others wrote.

GitHub's runner obeys lines of a log that begin with `::`, after any spaces, and `##[` anywhere in a line. What Go, a
registry or a container says could therefore set a mask or an error. While such text is printed, the runner is told to
obey nothing but a token that nobody can guess (`::stop-commands::TOKEN`).
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from gobake.text.printable import one_line
from gobake.text.say import write

MOST = 10  # error annotations; GitHub shows no more of one step
_PLACED = re.compile(r"(?P<file>[^\s:][^:]*\.\w+):(?P<line>\d+)(?::(?P<column>\d+))?: (?P<message>.+)")


class Annotation(Struct, frozen=True, kw_only=True):
    """An error, and where it is; file "" if that is unknown."""

    message: str
    file: str = ""  # relative to the repository
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """The command. https://docs.github.com/actions/reference/workflow-commands-for-github-actions"""
        where = [("file", self.file), ("line", str(self.line or "")), ("col", str(self.column or ""))]
        properties = ",".join(f"{name}={_property(value)}" for name, value in where if value) if self.file else ""
        return f"::error {properties}".rstrip() + f"::{_data(self.message)}"


def is_github(environ: Mapping[str, str]) -> bool:
    return environ.get("GITHUB_ACTIONS") == "true"


@contextlib.contextmanager
def guarded(environ: Mapping[str, str], title: str = "") -> Iterator[None]:
    """Let nothing that is printed meanwhile be a command. ``title``: of a group to fold it into; "" for none."""
    if not is_github(environ):
        yield
        return
    token = os.urandom(16).hex()
    _command(f"::group::{_data(one_line(title))}" if title else "", f"::stop-commands::{token}")
    try:
        yield
    finally:
        _command(f"::{token}::", "::endgroup::" if title else "")


def annotate(errors: Iterable[str], environ: Mapping[str, str], seen_from: Path) -> None:
    """Print Go's errors (`main.go:3:15: undefined: x`) as annotations of GitHub, if that is where we run.

    ``seen_from``: the folder to which their files are relative.
    """
    if is_github(environ):
        root = Path(environ.get("GITHUB_WORKSPACE") or seen_from)
        _command(*map(str, annotated(errors, root, seen_from)))


def annotated(errors: Iterable[str], root: Path, seen_from: Path) -> list[Annotation]:
    """Return the first errors as annotations, each once. ``root``: of the repository."""
    found = dict.fromkeys(_annotation(one_line(error), root, seen_from) for error in errors)
    return list(found)[:MOST]


def _annotation(error: str, root: Path, seen_from: Path) -> Annotation:
    match = _PLACED.fullmatch(error)
    if not match:
        return Annotation(message=error)
    file = _inside(match["file"], root, seen_from)
    if not file:
        return Annotation(message=error)
    return Annotation(message=match["message"], file=file, line=int(match["line"]), column=int(match["column"] or 0))


def _inside(file: str, root: Path, seen_from: Path) -> str:
    """Return a file relative to the repository; "" if it is outside."""
    try:
        return (seen_from / file).resolve().relative_to(root.resolve()).as_posix()
    except (OSError, ValueError):
        return ""


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _command(*lines: str) -> None:
    """Print commands. The output is gone or closed: nobody reads them."""
    said: Sequence[str] = [line for line in lines if line]
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        write("".join(f"{line}\n" for line in said), sys.stderr)
