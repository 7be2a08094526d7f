"""Scans Go sources for calls and imports that show what a program needs at run time.

The scan checks no types and computes no values; it finds only literal calls such as `os.MkdirTemp("", "x")`. A finding
is a hint with its place; the absence of findings proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import PurePosixPath

from msgspec import Struct


class Kind(StrEnum):
    """What is needed, in the order of reports."""

    USER = "user"  # the current user, from /etc/passwd
    HOME = "home"  # a writable home
    TEMP = "temp"  # a folder for temporary files
    WRITES = "writes"  # a path that is written
    READS = "reads"  # a file of the project that is read at run time
    ZONES = "zones"  # the time zone database
    PROGRAM = "program"  # another program that is started
    PORT = "port"  # a port below 1024
    CGO = "cgo"  # files that are compiled only with cgo


class Finding(Struct, frozen=True, kw_only=True, order=True):
    """One place in a source."""

    kind: Kind
    file: PurePosixPath  # relative to the context
    line: int
    word: str  # the call or import found there: os.MkdirTemp
    value: str = ""  # its path, program or port


class _Rule(Struct, frozen=True, kw_only=True):
    kind: Kind
    word: str  # a regular expression for the called function
    argument: str = ""  # and for what follows the bracket; its first group is the value


_TEXT = r"(?:\"((?:[^\"\\\n]|\\.)*)\"|`([^`]*)`)"
_FIRST = rf"\s*{_TEXT}"
_SECOND = rf"[^,()\"`]*,\s*{_TEXT}"
_RULES = (
    _Rule(kind=Kind.HOME, word=r"os\.User(?:Home|Config|Cache)Dir"),
    _Rule(kind=Kind.TEMP, word=r"os\.TempDir"),
    _Rule(kind=Kind.TEMP, word=r"(?:os\.(?:MkdirTemp|CreateTemp)|ioutil\.Temp(?:Dir|File))", argument=r"\s*\"\""),
    _Rule(kind=Kind.WRITES, word=r"(?:os\.(?:Create|WriteFile|Mkdir|MkdirAll)|ioutil\.WriteFile)", argument=_FIRST),
    _Rule(
        kind=Kind.READS,
        word=r"(?:os\.(?:Open|ReadFile|ReadDir|DirFS)|ioutil\.Read(?:File|Dir)|http\.Dir|filepath\.Glob)",
        argument=_FIRST,
    ),
    _Rule(kind=Kind.ZONES, word=r"time\.LoadLocation", argument=r"(?!\s*\"(?:|UTC|Local)\"\s*\))"),
    _Rule(kind=Kind.PROGRAM, word=r"exec\.(?:Command|LookPath)", argument=_FIRST),
    _Rule(kind=Kind.PROGRAM, word=r"exec\.CommandContext", argument=_SECOND),
    _Rule(kind=Kind.PORT, word=r"http\.ListenAndServe(?:TLS)?", argument=_FIRST),
    _Rule(kind=Kind.PORT, word=r"(?:net|tls)\.Listen(?:Packet)?", argument=rf"\s*\"(?:tcp|udp)[46]?\",{_FIRST}"),
)
_PATTERNS = tuple((rule, re.compile(rf"(?<![\w.])({rule.word})\({rule.argument}")) for rule in _RULES)
_METHOD = re.compile(r"\.(Parse(?:Files|Glob))\(" + _FIRST)  # template.ParseFiles, and the method of a template
_IMPORT = re.compile(r"^\s*(?:import\s+)?(?:[\w.]+\s+)?\"(os/user)\"", re.MULTILINE)
_COMMENT = re.compile(rf"{_TEXT}|'(?:[^'\\\n]|\\.)*'|//[^\n]*|/\*.*?\*/", re.DOTALL)
_CGO_IMPORT = re.compile(r"^import\s+\"C\"", re.MULTILINE)
_CONSTRAINT = re.compile(r"^//go:build\s+(.*)$", re.MULTILINE)
_BUILD_TAG = re.compile(r"[\w.]+")
_LOW_PORT = re.compile(r"(?:.*:)?([1-9][0-9]{0,3})")
# Go compiles such files only for another system or for one architecture (go/build, goodOSArchFile)
_FOREIGN = re.compile(
    r"_(?:aix|android|darwin|dragonfly|freebsd|illumos|ios|js|netbsd|openbsd|plan9|solaris|wasip1|windows|"
    r"386|amd64|arm|arm64|loong64|mips|mipsle|mips64|mips64le|ppc64|ppc64le|riscv64|s390x|wasm)$"
)
_LOWEST_FREE = 1024  # from this port on any user may listen, whatever the kernel's settings


def scan(text: str, file: PurePosixPath) -> tuple[Finding, ...]:
    """Return all findings of one source, ordered by line."""
    code = _COMMENT.sub(_blanked, text)
    return tuple(sorted(_found(code, file), key=lambda finding: (finding.line, finding.word)))


def left_out_without_cgo(text: str, file: PurePosixPath) -> tuple[Finding, ...]:
    """Return a finding if only the lack of cgo excludes a file from a Linux compile.

    Files with any other condition in name or build constraint give no finding, since the text does not decide it.
    """
    if _FOREIGN.search(file.stem):
        return ()
    cgo_import = _CGO_IMPORT.search(text)
    constraint = _CONSTRAINT.search(text.partition("\npackage ")[0])
    tags = set(_BUILD_TAG.findall(constraint[1])) if constraint else set()
    if not cgo_import or not tags <= {"cgo", "linux", "unix"} or (constraint and "!" in constraint[1]):
        return ()
    return (_finding(Kind.CGO, file, text, cgo_import.start(), 'import "C"', ""),)


def _found(code: str, file: PurePosixPath) -> Iterator[Finding]:
    for match in _IMPORT.finditer(code):
        yield _finding(Kind.USER, file, code, match.start(1), "os/user", "")
    for rule, pattern in _PATTERNS:
        for match in pattern.finditer(code):
            yield from _of_rule(rule.kind, match, code, file)
    for match in _METHOD.finditer(code):
        yield from _of_rule(Kind.READS, match, code, file)


def _of_rule(kind: Kind, match: re.Match[str], code: str, file: PurePosixPath) -> Iterator[Finding]:
    value = next((group for group in match.groups()[1:] if group is not None), "")
    if kind is Kind.PORT:
        port = _LOW_PORT.fullmatch(value)
        if not port or int(port[1]) >= _LOWEST_FREE:
            return
        value = port[1]
    elif kind in (Kind.WRITES, Kind.READS, Kind.PROGRAM) and not _plain(value):
        return
    yield _finding(kind, file, code, match.start(1), match[1], value)


def _plain(value: str) -> bool:
    """Whether a text is a literal path or name, without format verbs or escapes."""
    return bool(value) and not re.search(r"[\\%\s\"']", value) and value not in (".", "..", "/")


def _finding(kind: Kind, file: PurePosixPath, code: str, at: int, word: str, value: str) -> Finding:
    return Finding(kind=kind, file=file, line=code.count("\n", 0, at) + 1, word=word, value=value)


def _blanked(match: re.Match[str]) -> str:
    """Replace a comment by blanks, so that lines keep their numbers; keep string literals."""
    text = match[0]
    return text if text[0] in "\"`'" else re.sub(r"[^\n]", " ", text)
