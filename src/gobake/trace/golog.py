"""Parses the go command's output in a build step: packages, downloads, and errors with places in the user's tree.

It knows the messages of cmd/go, cmd/compile, cmd/link, and gcc for cgo; the tests have a recorded example of each.
stdout and stderr of a step are interleaved, and a step may run two go commands one after the other.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from gobake.text.printable import printable

# `go build -v` names each package that it compiles, one import path per line
_PACKAGE = re.compile(r"[A-Za-z0-9_][\w.~+-]*(?:/[\w.~+-]+)*")
_DOWNLOAD = re.compile(r"go: downloading (\S+) (v\S+)(?: \(.*\))?")
_HEADER = re.compile(r"# \[?([^\s\]]+)\]?.*")
_PLACED = re.compile(
    r"(?:vet: )?(?P<file>(?!\d+[ |])[^\s:#|][^:|\t]*\.(?:go|s|S|c|cc|cpp|cxx|m|h|hh|hpp|swig|mod|work|sum))"
    r":(?P<line>\d+)(?::(?P<column>\d+))?: (?P<text>\S.*)"
)
_WITHOUT_PLACE = (
    re.compile(r"\S+: (relocation target .+)"),
    re.compile(r"\S+: (function main is undeclared in the main package)"),
    re.compile(r".+: (undefined reference to .+)"),
    re.compile(r"\S*/ld(?:\.\w+)?: (cannot find .+)"),
    re.compile(r"(?:link|loadinternal|\S+/link): ((?!running ).+)"),
    re.compile(r"(?:cgo|gcc|clang): (.+)"),
)
_TEMPORARY = (
    "$WORK/",
    "/tmp/go-",
    "/cache/golink/tmp/",
)  # temporary files of cgo and the linker
_SEVERITY = re.compile(r"(?:fatal )?error: ")
_REMARK = re.compile(r"note: |warning: |too many errors$")
_PACKAGE_COMPLAINT = re.compile(r"package (\S+?)(?:: (.+))?")
BEAT = "gobake: Go still loads packages"  # written by the compile step itself; see stalls.py
_CHATTER = re.compile(r"go: (?:downloading|finding|extracting|added|creating|upgraded|to add|found|warning)\b")


class GoError(Struct, frozen=True, kw_only=True):
    """One error. Line and column count from 1; they are 0 and the file is "" if Go names no place."""

    message: str
    file: str = ""  # as Go wrote it; `located` makes it a path of the user's tree
    line: int = 0
    column: int = 0
    package: str = ""
    detail: tuple[str, ...] = ()  # the indented lines after it: have and want, other declarations, import chains

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        place = place or self.package  # the linker does not name a file
        return f"{place}: {self.message}" if place and self.message else self.message or place


class Module(Struct, frozen=True, kw_only=True, order=True):
    """A downloaded module."""

    path: str
    version: str


class GoLog(Struct, frozen=True, kw_only=True):
    """The parsed log of one step."""

    compiled: tuple[str, ...] = ()  # import paths, in order, each once
    downloaded: tuple[Module, ...] = ()
    errors: tuple[GoError, ...] = ()
    complaints: tuple[str, ...] = ()  # the go command's own `go: ...` lines except for progress


def parse(text: str | bytes) -> GoLog:
    """Parse a log; unknown lines are skipped."""
    reading = _Reading()
    for line in printable(text.decode("utf-8", "replace") if isinstance(text, bytes) else text).split("\n"):
        reading.line(line.rstrip())
    return GoLog(
        compiled=tuple(reading.compiled),
        downloaded=tuple(reading.downloaded),
        errors=tuple(dict.fromkeys(reading.errors)),
        complaints=tuple(dict.fromkeys(reading.complaints)),
    )


class _Reading:
    """The state of the line by line parser."""

    def __init__(self) -> None:
        self.compiled: dict[str, None] = {}
        self.downloaded: dict[Module, None] = {}
        self.errors: list[GoError] = []
        self.complaints: list[str] = []
        self.package = ""
        self.open = False  # whether indented lines belong to the last error

    def line(self, line: str) -> None:
        if line.startswith("\t"):
            self._continue(line.strip())
            return
        self.open = False
        if match := _DOWNLOAD.fullmatch(line):
            self.downloaded[Module(path=match[1], version=match[2])] = None
        elif line.startswith("go: "):
            if not _CHATTER.match(line):
                self.complaints.append(line.removeprefix("go: "))
        elif match := _HEADER.fullmatch(line):
            self.package = match[1]
        elif match := _PLACED.fullmatch(line):
            self._placed(match)
        elif match := _PACKAGE_COMPLAINT.fullmatch(line):
            self._add(GoError(message=match[2] or "", package=match[1]))
        elif _PACKAGE.fullmatch(line):
            self.compiled[line] = None
        elif self.package:
            self._without_place(line)

    def _placed(self, match: re.Match[str]) -> None:
        text = match["text"]
        if _REMARK.match(text):
            return
        message = _SEVERITY.sub("", text, count=1) if _SEVERITY.match(text) else text
        message = message.removesuffix("; to add it:")  # the next, indented line says how
        if match["file"].startswith(_TEMPORARY):
            self._add(GoError(message=message, package=self.package))
            return
        line, column = int(match["line"]), int(match["column"] or 0)
        self._add(GoError(message=message, file=match["file"], line=line, column=column, package=self.package))

    def _without_place(self, line: str) -> None:
        for form in _WITHOUT_PLACE:
            if match := form.fullmatch(line):
                self._add(GoError(message=match[1], package=self.package))
                return

    def _continue(self, line: str) -> None:
        """Take an indented line: a place, a detail, or the reason of an import cycle, which is on its last line."""
        if not self.open:
            return
        error = self.errors[-1]
        if not error.message and (placed := _PLACED.fullmatch(line)):
            self.errors[-1] = replace(
                error,
                message=placed["text"],
                file=placed["file"],
                line=int(placed["line"]),
                column=int(placed["column"] or 0),
            )
            return
        if not error.message and (found := re.fullmatch(r"(imports .+): ([^:]+)", line)):
            error = replace(error, message=found[2])
            line = found[1]
        self.errors[-1] = replace(error, detail=(*error.detail, line))

    def _add(self, error: GoError) -> None:
        self.errors.append(error)
        self.open = True


def located(
    error: GoError,
    *,
    source: str,
    build_root: PurePosixPath,
    context: Path,
    shown_from: Path | None = None,
) -> GoError:
    """Return the error with its file as a path of the user's tree.

    ``source``: the context's path in the container; ``build_root``: where `go build` ran, relative to the context;
    ``shown_from``: paths below this folder become relative to it. A file outside of the context, such as one in Go's
    module cache, stays as Go wrote it.
    """
    path = inside(error.file, source, build_root)
    if path is None:
        return error
    file = context.joinpath(path)
    shown = file.relative_to(shown_from) if shown_from and shown_from in file.parents else file
    return replace(error, file=str(shown))


def inside(file: str, source: str, build_root: PurePosixPath) -> PurePosixPath | None:
    """Return a file that Go named relative to the context; None if it is outside."""
    if not file or file.startswith("$"):
        return None
    root = PurePosixPath(source)
    whole = root / build_root / file
    parts: list[str] = []
    for part in whole.parts[1:] if whole.is_absolute() else whole.parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part != ".":
            parts.append(part)
    flat = PurePosixPath("/", *parts) if whole.is_absolute() else PurePosixPath(*parts)
    return flat.relative_to(root) if root in flat.parents else None
