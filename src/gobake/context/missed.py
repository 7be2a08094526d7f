"""Finds files that a compile lacked although the user's tree has them: gobake wrongly left them out.

It parses messages of Go, its assembler, C compilers and linkers; the tests have a recorded example of each.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from gobake.context.links import Links
from gobake.context.patterns import expand, names
from gobake.gotool.modules import Layout

SOURCE = "/src"  # the context in the compile
_INCLUDES_OF_GO = "/usr/local/go/pkg/include"  # where the assembler looks last; its messages name only this folder
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


class Missed(Struct, frozen=True, kw_only=True):
    """Looks for missing files in the log of one compile."""

    layout: Layout
    staged: Path  # the copies that the build used
    folder: str  # where `go build` ran, relative to the context; "" for the context itself

    def __call__(self, log: str) -> str:
        """Return the first path that the log asks for, exists in the context, and was not admitted; "" for none."""
        for path in self._asked_for(log):
            clean = posixpath.normpath(path)
            if clean.startswith(("..", "/")) or clean == ".":
                continue
            if (self.layout.context / clean).exists() and not self._is_staged(clean):
                return clean
        return ""

    def _is_staged(self, path: str) -> bool:
        """Whether a path is staged; a folder is if it has a staged file."""
        place = self.staged / path
        return any(entry.is_file() for entry in place.iterdir()) if place.is_dir() else place.exists()

    def _asked_for(self, log: str) -> Iterator[str]:
        for match in _OPEN.finditer(log):
            yield from self._included(match["file"], match["path"]) if match["file"] else [self._path(match["path"])]
        for match in _INCLUDED.finditer(log):
            yield from self._included(match["file"], match["path"])
        for match in _LINKED.finditer(log):
            yield self._path(match["path"])
        for match in _EMBEDDED.finditer(log):
            folder = posixpath.dirname(self._path(match["file"]))
            for path in expand(str(self.layout.context / folder), match["pattern"].removeprefix("all:")):
                yield f"{folder}/{path}" if folder else path
        for match in _PACKAGE.finditer(log):
            yield from self._package(next(group for group in match.groups() if group))

    def _path(self, text: str) -> str:
        """Return a path of the container relative to the context; relative ones begin where Go ran."""
        if text.startswith("/"):
            return text.removeprefix(f"{SOURCE}/")
        return posixpath.normpath(posixpath.join(self.folder, text))

    def _included(self, file: str, name: str) -> Iterator[str]:
        """Yield paths of an included file: beside the including file, then anywhere with the same end of the path."""
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
    """Yield files, those less deep first; hidden folders and node_modules are skipped."""
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
