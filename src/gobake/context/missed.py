"""What a compile asked for in vain although the user's tree has it: it was not seen to be needed, and left out.

From the words of Go, its assembler, C compilers and linkers, each of which has a recorded example in the tests.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gobake.context.links import Links
from gobake.context.patterns import expand, names
from gobake.gotool.modules import Layout

SOURCE = "/src"  # where the context lies in the compile
_INCLUDES_OF_GO = "/usr/local/go/pkg/include"  # where the assembler looks last; it names that place alone
_OPEN = re.compile(r"(?:(?P<file>[^\s:][^:\n]*):\d+: #include: )?open (?P<path>[^\n]+?): no such file or directory")
_INCLUDED = re.compile(r"^(?P<file>[^\s:][^:\n]*):\d+(?::\d+)?: fatal error: (?P<path>[^\n]+?): No such file or", re.M)
_LINKED = re.compile(r"cannot find (?P<path>[^\s:-][^\n]*?)(?:: No such file or directory)?$", re.M)
_EMBEDDED = re.compile(
    r"^(?P<file>[^\s:][^:\n]*\.go):\d+:\d+: pattern (?P<pattern>[^\n]+?): (?:no matching files found|cannot embed)",
    re.M,
)
_PACKAGE = re.compile(
    r"(?:package (?P<std>\S+) is not in (?:std|GOROOT)|no required module provides package (?P<module>[^\s;:]+)|"
    r"package (?P<provided>\S+) provided by \S+ but not found|does not contain package (?P<contained>[^\s;:]+))"
)
_UNSEARCHED = frozenset(("node_modules",))


@dataclass(frozen=True, kw_only=True)
class Missed:
    """Where to look. A path is told once, as the user has it."""

    layout: Layout
    staged: Path  # the copies that were built from
    folder: str  # where `go build` ran, from the context; "" for the context itself

    def __call__(self, log: str) -> str:
        """The first path that the log asks for, lies in the context, and was not admitted; "" for none."""
        for path in self._asked_for(log):
            clean = posixpath.normpath(path)
            if clean.startswith(("..", "/")) or clean == ".":
                continue
            if (self.layout.context / clean).exists() and not self._is_staged(clean):
                return clean
        return ""

    def _is_staged(self, path: str) -> bool:
        """A folder counts as staged where one of its files is."""
        place = self.staged / path
        return any(entry.is_file() for entry in place.iterdir()) if place.is_dir() else place.exists()

    def _asked_for(self, log: str) -> Iterator[str]:
        for found in _OPEN.finditer(log):
            yield from self._included(found["file"], found["path"]) if found["file"] else [self._path(found["path"])]
        for found in _INCLUDED.finditer(log):
            yield from self._included(found["file"], found["path"])
        for found in _LINKED.finditer(log):
            yield self._path(found["path"])
        for found in _EMBEDDED.finditer(log):
            folder = posixpath.dirname(self._path(found["file"]))
            for match in expand(str(self.layout.context / folder), found["pattern"].removeprefix("all:")):
                yield f"{folder}/{match}" if folder else match
        for found in _PACKAGE.finditer(log):
            yield from self._package(next(group for group in found.groups() if group))

    def _path(self, text: str) -> str:
        """A path of the container's as one of the context; relative ones begin where Go ran."""
        if text.startswith("/"):
            return text.removeprefix(f"{SOURCE}/")
        return posixpath.normpath(posixpath.join(self.folder, text))

    def _included(self, file: str, name: str) -> Iterator[str]:
        """Beside the file that includes it, and else wherever its path ends like that."""
        if name.startswith(f"{SOURCE}/"):
            yield self._path(name)
            return
        if name.startswith("/"):
            name = posixpath.relpath(name, _INCLUDES_OF_GO)
        yield posixpath.join(posixpath.dirname(self._path(file)), name)
        tail = "/".join(part for part in name.split("/") if part not in ("", ".", ".."))
        yield from (path for path in _below(Links(self.layout.context), "") if f"/{path}".endswith(f"/{tail}"))

    def _package(self, import_path: str) -> Iterator[str]:
        for module in (module for build in self.layout.builds for module in build.modules):
            if import_path == module.path or import_path.startswith(f"{module.path}/"):
                inside = import_path[len(module.path) + 1 :]
                folder = module.directory / inside if inside else module.directory
                if any(name.endswith(".go") for name in names(str(folder))):
                    yield folder.relative_to(self.layout.context).as_posix()


def _below(links: Links, folder: str) -> Iterator[str]:
    """Files, nearer ones first; what is hidden or of no interest to Go is not entered."""
    deeper = []
    for name in names(links.absolute(folder)):
        path = f"{folder}/{name}" if folder else name
        place = links.absolute(path)
        if os.path.isdir(place):
            if not (name.startswith(".") or name in _UNSEARCHED or os.path.islink(place)):
                deeper.append(path)
        else:
            yield path
    for path in deeper:
        yield from _below(links, path)
