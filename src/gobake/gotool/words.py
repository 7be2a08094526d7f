"""What Go says when it refuses: its words whole, without what is only progress, and their place in the user's files."""

from __future__ import annotations

import os
import re
from pathlib import Path

from gobake.errors import GobakeError, ProjectError, Unwritable, Where

_PROGRESS = re.compile(r"go: (?:downloading|finding|extracting) ")
_PLACED = re.compile(r"(\S+\.(?:mod|work)):(\d+)(?::(\d+))?:?\s*(.*)")
# An `ambiguous import` lists a package of Go's own without a module
_NAMESAKE = re.compile(r"^ambiguous import: .*^\s+\((\S+)\)$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:run|to add(?: it)?|to match):?\s*\n?\s*(go (?:mod|get|work) [^\n;]+)")
OFF = "module lookup disabled by GOPROXY=off"
# cmd/go/internal/cache, modload and fsys, of Go's own folders: nothing is wrong with the tree
_HOMELESS = re.compile(
    r"(?:could not create module cache|failed to initialize build cache|build cache is required|module cache not found|"
    r"GOPATH entry is relative)[^\n]*"
)


def whole(said: str) -> str:
    """All lines but progress, with Go's own indentation."""
    lines = [line.rstrip() for line in said.expandtabs(4).splitlines()]
    kept = [line for line in lines if line and not _PROGRESS.match(line)]
    return "\n".join([kept[0].removeprefix("go: "), *kept[1:]]) if kept else ""


def first(words: str) -> str:
    """The sentence that they begin with, on one line; ``A requires`` and ``errors parsing go.mod:`` are none."""
    sentence = ""
    for line in words.splitlines():
        sentence = f"{sentence} {line.strip()}".strip()
        if not re.search(r"(?::| requires)$", sentence):
            break
    return sentence


def remedy(words: str) -> str:
    """The command that Go itself advises, "" where it advises none and there is no other."""
    if _NAMESAKE.search(words):
        return (
            "Go's standard library has a package of that name: give the module another with `go mod edit -module=PATH`"
        )
    match = _COMMAND.search(words)
    return f"run `{match[1].strip()}`" if match else ""


def wants_modules(said: str) -> bool:
    """Whether Go could not answer because it was not allowed to fetch modules."""
    return OFF in said


def refusal(folder: Path, said: str) -> GobakeError:
    """Go read no package at all: its words, with the file and line if it names one."""
    words = whole(said) or "no reason given"
    if homeless := _HOMELESS.search(words):
        return Unwritable(
            f"Go has no folder that it may write: {homeless[0]}",
            remedy="set HOME, or GOCACHE and GOMODCACHE, to folders that you may write",
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
    """A place as Go writes it: relative to the folder in which it ran."""
    return Where(file=Path(os.path.normpath(folder / file)), line=line, column=column)
