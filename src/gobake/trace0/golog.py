"""What the go command wrote in a build step: compiled packages, downloaded modules, errors with their place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_PACKAGE = re.compile(r"^[A-Za-z0-9_][\w.~-]*(?:/[\w.~-]+)*$")
_DOWNLOAD = re.compile(r"^go: downloading (\S+) (\S+)$")
_ERROR = re.compile(
    r"^(?P<file>[^\s:#][^:]*?\.(?:go|s|c|h|cc|cpp|mod|work|sum)):(?P<line>\d+)(?::(?P<column>\d+))?: (?P<text>.+)$"
)
_LINK = re.compile(r"^(?P<file>[\w./-]+):\s(?P<text>relocation target .+|undefined reference.+)$")


@dataclass(frozen=True, kw_only=True)
class GoError:
    """One complaint of Go. ``file`` is as Go wrote it until `located` maps it to the user's tree."""

    file: str
    line: int
    column: int  # 0 where Go tells none
    text: str
    package: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" + (f":{self.column}" if self.column else "")
        return f"{place}: {self.text}"


@dataclass(frozen=True, kw_only=True)
class GoLog:
    """The readable parts of a step's log."""

    compiled: tuple[str, ...] = ()  # import paths, in order
    downloaded: tuple[tuple[str, str], ...] = ()  # (module, version)
    errors: tuple[GoError, ...] = ()


def parse(data: bytes) -> GoLog:
    """Read a log; lines that mean nothing here are skipped."""
    compiled: dict[str, None] = {}
    downloaded: dict[tuple[str, str], None] = {}
    errors: dict[GoError, None] = {}
    package = ""
    for raw in data.decode(errors="replace").splitlines():
        line = plain(raw).rstrip()
        if line.startswith("# "):
            package = line[2:].split(" ")[0]
        elif match := _DOWNLOAD.match(line):
            downloaded[(match[1], match[2])] = None
        elif match := _ERROR.match(line):
            errors[
                GoError(
                    file=match["file"],
                    line=int(match["line"]),
                    column=int(match["column"] or 0),
                    text=match["text"],
                    package=package,
                )
            ] = None
        elif _PACKAGE.match(line):
            compiled[line] = None
    return GoLog(compiled=tuple(compiled), downloaded=tuple(downloaded), errors=tuple(errors))


def located(error: GoError, *, source: str, build_root: PurePosixPath, context: Path, shown_from: Path) -> GoError:
    """The error with its file as a path of the user's own tree, relative to ``shown_from`` where it lies below."""
    inside = PurePosixPath(error.file)
    if not inside.is_absolute():
        inside = PurePosixPath(source) / build_root / inside
    if not inside.is_relative_to(source):
        return error
    parts: list[str] = []
    for part in inside.relative_to(source).parts:
        if part == ".." and parts:
            parts.pop()
        elif part != "..":
            parts.append(part)
    file = context.joinpath(*parts)
    shown = file.relative_to(shown_from) if file.is_relative_to(shown_from) else file
    return GoError(file=str(shown), line=error.line, column=error.column, text=error.text, package=error.package)


_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(text: str) -> str:
    """Text without terminal escapes and control characters: what a step writes must not drive the terminal."""
    return _CONTROL.sub("", text)
