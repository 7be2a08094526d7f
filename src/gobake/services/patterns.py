"""Patterns for folders and import paths of commands, with Go's `...` and the shell's `*`, `?` and `[...]`."""

from __future__ import annotations

import re
from functools import lru_cache


def matches(pattern: str, folder: str, import_path: str) -> bool:
    """Whether a pattern of gobake.yaml or the command line matches the command in ``folder``.

    `./cmd/gen`, `cmd/...` and `*/gen` match folders, `example.com/x/cmd/...` import paths. A word without a slash
    (`gen`, `*-gen`) also matches the last element of the folder.
    """
    bare = _cleaned(pattern)
    expression = _expression(bare)
    if expression.fullmatch(folder) or expression.fullmatch(import_path):
        return True
    return "/" not in bare and not pattern.startswith(".") and bool(expression.fullmatch(folder.rpartition("/")[2]))


def fits(glob: str, folder: str) -> bool:
    """Whether a folder matches the glob of a build; `*` stands for a part of one element."""
    return bool(_expression(glob).fullmatch(folder))


def _cleaned(pattern: str) -> str:
    bare = pattern.rstrip("/")
    while bare.startswith("./"):
        bare = bare[2:].lstrip("/")
    return bare or "."


@lru_cache(maxsize=1024)
def _expression(glob: str) -> re.Pattern[str]:
    """Compile a glob. As in Go (`go help packages`), `a/...` also matches a."""
    if glob in ("...", "**"):
        return re.compile(".*")
    head = re.sub(r"/(?:\.\.\.|\*\*)$", "", glob)
    tail = "(?:/.*)?" if head != glob else ""
    parts = re.split(r"(\.\.\.|\*\*/|\*\*|\*|\?|\[[^\]/]+\])", head)
    return re.compile("".join(map(_part, parts)) + tail)


def _part(part: str) -> str:
    if part in ("...", "**"):
        return ".*"
    if part == "**/":
        return "(?:.*/)?"
    if part == "*":
        return "[^/]*"
    if part == "?":
        return "[^/]"
    if part.startswith("[") and part.endswith("]") and len(part) > 2:
        negated = part[1] in "!^"
        return "[" + ("^" if negated else "") + re.escape(part[2 if negated else 1 : -1]).replace(r"\-", "-") + "]"
    return re.escape(part)
