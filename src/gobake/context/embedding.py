"""Resolves //go:embed patterns by Go's own rules (cmd/go/internal/load, resolveEmbed).

Go itself is not asked, because its answer is remembered from run to run, and a new file that matches a pattern changes
no Go file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator

from gobake.context.entries import Entry
from gobake.context.links import Links
from gobake.context.patterns import expand, names

_BAD_NAMES = frozenset(("", ".bzr", ".hg", ".git", ".svn"))


def embedded(links: Links, folder: str, patterns: Iterable[str]) -> Iterator[Entry]:
    """Yield the embedded files of a package, and links, so that Go refuses these in the build too."""
    root = links.folder(folder)
    for written in patterns:
        hidden = written.startswith("all:")
        for match in expand(root, written.removeprefix("all:")):
            yield from _matched(root, folder, match, hidden=hidden)


def _matched(root: str, folder: str, match: str, *, hidden: bool) -> Iterator[Entry]:
    parts = match.split("/")
    for count in range(1, len(parts) + 1):
        part = "/".join(parts[:count])
        place = os.path.join(root, part)
        if os.path.islink(place):
            yield Entry(path=_joined(folder, part), link=os.readlink(place))
            return
    place = os.path.join(root, match)
    if not os.path.isdir(place):
        if _regular(place):
            yield Entry(path=_joined(folder, match), source=place)
        return
    files = list(_walk(place, _joined(folder, match), hidden=hidden, top=True))
    yield from files or [Entry(path=_joined(folder, match))]  # Go has its own error for an empty folder


def _walk(place: str, path: str, *, hidden: bool, top: bool = False) -> Iterator[Entry]:
    listed = names(place)
    if not top and "go.mod" in listed:
        return  # another module
    for name in listed:
        if name in _BAD_NAMES or (name.startswith((".", "_")) and not hidden):
            continue
        below = os.path.join(place, name)
        if os.path.isdir(below) and not os.path.islink(below):
            yield from _walk(below, f"{path}/{name}", hidden=hidden)
        elif _regular(below):
            yield Entry(path=f"{path}/{name}", source=below)


def _regular(place: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(place).st_mode)
    except OSError:
        return False


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
