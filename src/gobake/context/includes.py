"""Files that a package's C, assembly and cgo sources need beside its own: found by reading the sources.

`go list` does not name them, and Go's cache does not know them: a package is not compiled again when one changes.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gobake.context.links import Links, is_file
from gobake.context.mentions import Mentions, folders, mentions, places
from gobake.context.patterns import names
from gobake.errors import ProjectError

_HEADERS = (".h", ".hh", ".hpp", ".hxx", ".h++", ".inc", ".inl", ".ipp", ".def", ".tbl")
_LIBRARIES = (".a", ".o", ".so", ".syso", ".lib", ".dylib")
_READ = (*_HEADERS, ".s", ".S", ".sx", ".c", ".cc", ".cpp", ".cxx", ".m", ".mm", ".swig", ".swigcxx", ".go", ".i")
# Of Go itself, and made by cgo: no file of the tree (GOROOT/pkg/include)
_OF_GO = frozenset(
    (
        "textflag.h",
        "funcdata.h",
        "go_asm.h",
        "go_tls.h",
        "asm_amd64.h",
        "asm_ppc64x.h",
        "asm_riscv64.h",
        "_cgo_export.h",
    )
)
_UNSEARCHED = frozenset(("node_modules", "vendor"))
SOURCE_FOLDER = "/src"  # where the context lies in the compile, for flags that name it outright


@dataclass(frozen=True, kw_only=True)
class Beyond:
    """What a package needs beside the files that Go lists of it. Paths of the context, ordered."""

    headers: tuple[str, ...] = ()  # whatever the compiler reads
    libraries: tuple[str, ...] = ()  # whatever only the linker reads
    go_only: bool = False  # it has neither C nor assembly, and needs nothing

    def including(self, paths: Iterable[str]) -> Beyond:
        """With files that the user named: what C or assembly makes of them, nobody else knows."""
        if self.go_only:
            return self
        more = set(paths)
        libraries = {path for path in more if path.endswith(_LIBRARIES)}
        return Beyond(
            headers=tuple(sorted({*self.headers, *(more - libraries)})),
            libraries=tuple(sorted({*self.libraries, *libraries})),
        )


class Scan:
    """One look at the sources of many packages."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._read: dict[str, Mentions] = {}
        self._all: list[str] | None = None

    def beyond(self, folder: str, own: tuple[str, ...], keyed: frozenset[str], flags: tuple[str, ...] = ()) -> Beyond:
        """``own``: names of the package's sources in ``folder``; ``keyed``: of the files that Go lists of it;
        ``flags``: of CGO_CFLAGS and its like."""
        start = tuple(_joined(folder, name) for name in own)
        words = (*flags, *(word for path in start if path.endswith(".go") for word in self._mentions(path).words))
        search = [
            place for flag in ("-I", "-iquote", "-isystem") for place in self._named(folder, folders(words, flag))
        ]
        found = {path for place in search if not _within(folder, place) for path in self._headers_below(place)}
        todo, seen = [*start, *sorted(found)], set(start)
        while todo:
            for mentioned in self._includes(todo.pop(), folder, search):
                found.add(mentioned)
                if mentioned not in seen:
                    seen.add(mentioned)
                    todo.append(mentioned)
        known = {_joined(folder, name) for name in keyed}
        return Beyond(
            headers=tuple(sorted(found - known)),
            libraries=tuple(sorted(self._libraries(folder, words) - known - found - seen)),
        )

    # ---- headers

    def _includes(self, path: str, folder: str, search: list[str]) -> Iterator[str]:
        said = self._mentions(path)
        for name in said.quoted:
            found = self._first(name, [posixpath.dirname(path), folder, *search])
            yield from [found] if found else self._by_tail(name)
        for name in said.angled:
            if found := self._first(name, search):
                yield found

    def _first(self, name: str, search: list[str]) -> str:
        for place in search:
            path = posixpath.normpath(_joined(place, name)) if not name.startswith("/") else self._at_source(name)
            if path and not path.startswith("..") and is_file(self._links.absolute(path)):
                return path
        return ""

    def _by_tail(self, name: str) -> list[str]:
        """Headers anywhere in the context whose path ends like this: a flag that nobody saw may lead there."""
        tail = "/".join(part for part in name.split("/") if part not in ("", ".", ".."))
        if not tail.endswith(_HEADERS) or posixpath.basename(tail) in _OF_GO:
            return []
        if self._all is None:
            self._all = list(self._headers_below("", hidden=False))
        return [path for path in self._all if path == tail or path.endswith(f"/{tail}")]

    def _headers_below(self, folder: str, *, hidden: bool = True) -> Iterator[str]:
        for name in names(self._links.absolute(folder)):
            path = _joined(folder, name)
            place = self._links.absolute(path)
            if os.path.isdir(place):
                if not os.path.islink(place) and (hidden or not (name in _UNSEARCHED or name.startswith("."))):
                    yield from self._headers_below(path, hidden=hidden)
            elif name.endswith(_HEADERS) and is_file(place):
                yield path

    # ---- libraries

    def _libraries(self, folder: str, words: tuple[str, ...]) -> set[str]:
        found = set()
        for place in self._named(folder, folders(words, "-L")):
            for name in names(self._links.absolute(place)):
                if name.endswith(_LIBRARIES) or ".so." in name:
                    found.add(_joined(place, name))
        for path in self._named(folder, places(words)):
            if is_file(self._links.absolute(path)):
                found.add(path)
        return found

    def _named(self, folder: str, said: Iterator[str]) -> Iterator[str]:
        """Paths of the context that flags name: with ${SRCDIR}, relative to the package, or where the compile has
        them."""
        for text in said:
            text = text.replace("${SRCDIR}", f"{SOURCE_FOLDER}/{folder}")
            path = self._at_source(text) if text.startswith("/") else posixpath.normpath(_joined(folder, text))
            if path is not None and not path.startswith(".."):
                yield "" if path == "." else path

    def _at_source(self, text: str) -> str | None:
        path = posixpath.normpath(text)
        if path == SOURCE_FOLDER:
            return ""
        return path.removeprefix(f"{SOURCE_FOLDER}/") if path.startswith(f"{SOURCE_FOLDER}/") else None

    # ---- reading

    def _mentions(self, path: str) -> Mentions:
        if path not in self._read:
            self._read[path] = self._look(path)
        return self._read[path]

    def _look(self, path: str) -> Mentions:
        if not path.endswith(_READ):
            return Mentions()
        try:
            text = Path(self._links.file(path)).read_text(encoding="utf-8", errors="replace")
        except (OSError, ProjectError):  # said where the file is staged
            return Mentions()
        return mentions(text, go=path.endswith(".go"))


def _within(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(f"{folder}/")


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and folder != "." else name
