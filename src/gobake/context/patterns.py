"""Expands patterns of `include` and //go:embed as Go and the ignore file do.

The syntax is that of Go's path.Match (https://pkg.go.dev/path#Match): `*`, `?`, `[a-z]`, `[^a-z]`, and a backslash to
escape; none of them matches a `/`. As in the ignore file, `**` stands for any number of folders. Only folders that may
contain matches are entered.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache

_MAGIC = re.compile(r"[*?\[\\]")


def expand(root: str, pattern: str) -> Iterator[str]:
    """Yield matching paths relative to the folder ``root``, sorted; hidden files match like others."""
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    yield from _below(root, "", parts)


def _below(root: str, at: str, parts: list[str]) -> Iterator[str]:
    if not parts:
        yield at
        return
    part, rest = parts[0], parts[1:]
    if part == "**":
        yield from _anywhere(root, at, rest)
    elif not _MAGIC.search(part):
        path = _joined(at, part)
        if os.path.lexists(os.path.join(root, path)):
            yield from _below(root, path, rest)
    else:
        for name in names(os.path.join(root, at)):
            if matches(part, name):
                yield from _below(root, _joined(at, name), rest)


def _anywhere(root: str, at: str, rest: list[str]) -> Iterator[str]:
    if not rest:
        if at:
            yield at
        else:
            yield from names(root)
        return
    yield from _below(root, at, rest)
    for name in names(os.path.join(root, at)):
        path = _joined(at, name)
        whole = os.path.join(root, path)
        if os.path.isdir(whole) and not os.path.islink(whole):
            yield from _anywhere(root, path, rest)


def names(folder: str) -> list[str]:
    """Return the sorted names in a folder; empty if it is not a readable folder."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def matches(pattern: str, name: str) -> bool:
    """Whether one path element matches, as path.Match does; a malformed pattern matches nothing."""
    expression = _expression(pattern)
    return expression is not None and expression.fullmatch(name) is not None


@cache
def _expression(pattern: str) -> re.Pattern[str] | None:
    words, at = [], 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*":
            words.append("[^/]*")
        elif character == "?":
            words.append("[^/]")
        elif character == "[":
            end = _end_of_class(pattern, at)
            inside = _class(pattern[at:end]) if end >= 0 else ""
            if not inside:
                return None
            words.append(inside)
            at = end + 1
        elif character == "\\":
            if at == len(pattern):
                return None
            words.append(re.escape(pattern[at]))
            at += 1
        else:
            words.append(re.escape(character))
    try:
        return re.compile("".join(words), re.DOTALL)
    except re.error:
        return None


def _class(inside: str) -> str:
    """Translate the content of Go's brackets to a Python character class; "" if Go refuses it."""
    inverted = inside.startswith("^")
    items = re.findall(r"\\?.", inside[1:] if inverted else inside, re.DOTALL)
    if not items or "-" in (items[0], items[-1]):
        return ""
    plain = ("-" if item == "-" else re.escape(item[-1]) for item in items)
    return f"[{'^' if inverted else ''}{''.join(plain)}]"


def _end_of_class(pattern: str, at: int) -> int:
    """Return the index of the bracket that closes a class beginning before ``at``; -1 if there is none."""
    while at < len(pattern):
        if pattern[at] == "]":
            return at
        at += 2 if pattern[at] == "\\" else 1
    return -1
