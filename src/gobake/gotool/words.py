"""Go's error messages: without progress lines, with the file and line that they name and a remedy."""

from __future__ import annotations

import os
import re
from pathlib import Path

from gobake.errors import GobakeError, ProjectError, Unwritable, Where

_PROGRESS = re.compile(r"go: (?:downloading|finding|extracting) ")
_PLACED = re.compile(r"(\S+\.(?:mod|work)):(\d+)(?::(\d+))?:?\s*(.*)")
# An `ambiguous import` lists a package of the standard library without a module
_NAMESAKE = re.compile(r"^ambiguous import: .*^\s+\((\S+)\)$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:run|to add(?: it)?|to match):?\s*\n?\s*(go (?:mod|get|work) [^\n;]+)")
OFF = "module lookup disabled by GOPROXY=off"
# Errors about Go's own folders, not the tree (cmd/go/internal/cache, modload and fsys)
_HOMELESS = re.compile(
    r"(?:could not create module cache|failed to initialize build cache|build cache is required|module cache not found|"
    r"GOPATH entry is relative)[^\n]*"
)


def whole(said: str) -> str:
    """Return all lines but progress, with Go's own indentation."""
    lines = [line.rstrip() for line in said.expandtabs(4).splitlines()]
    kept = [line for line in lines if line and not _PROGRESS.match(line)]
    return "\n".join([kept[0].removeprefix("go: "), *kept[1:]]) if kept else ""


def first(words: str) -> str:
    """Return the first sentence on one line; lines like ``A requires`` or ``errors parsing go.mod:`` do not end it."""
    sentence = ""
    for line in words.splitlines():
        sentence = f"{sentence} {line.strip()}".strip()
        if not re.search(r"(?::| requires)$", sentence):
            break
    return sentence


def remedy(words: str) -> str:
    """Return the command that Go advises, or gobake's own remedy for a package name clash; "" for none."""
    if _NAMESAKE.search(words):
        return (
            "Go's standard library has a package of that name: give the module another with `go mod edit -module=PATH`"
        )
    match = _COMMAND.search(words)
    return f"run `{match[1].strip()}`" if match else ""


def wants_modules(said: str) -> bool:
    """Whether Go could not answer because it may not fetch modules."""
    return OFF in said


def refusal(folder: Path, said: str) -> GobakeError:
    """Return the error for a folder where Go read no package: its message, with file and line if it names them."""
    words = whole(said) or "no reason given"
    if homeless := _HOMELESS.search(words):
        return Unwritable(
            f"Go has no writable folder: {homeless[0]}",
            remedy="set HOME, or GOCACHE and GOMODCACHE, to writable folders",
        )
    lines = words.split("\n")
    shown = words if len(lines) > 1 else ""
    for number, line in enumerate(lines):
        if match := _PLACED.match(line.strip()):
            where = place(folder, match[1], int(match[2]), int(match[3] or 0))
            rest = "\n".join([match[4], *lines[number + 1 :]])
            return ProjectError(first(rest) or "is refused by Go", where=where, remedy=remedy(words), words=shown)
    advice = remedy(words) or ("" if shown else "`go list ./...` there shows the same")
    return ProjectError(f"Go cannot read {folder}: {first(words)}", remedy=advice, words=shown)


def place(folder: Path, file: str, line: int, column: int) -> Where:
    """Return a place as Go writes it, relative to the folder in which it ran."""
    return Where(file=Path(os.path.normpath(folder / file)), line=line, column=column)
