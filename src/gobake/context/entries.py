"""The entries of a build context, as values."""

from __future__ import annotations

from msgspec import Struct

# Suffixes of the files that the go command compiles, without and with cgo (go/build, Package)
_ASSEMBLY = ("go", "s", "h", "syso")
_CGO = (
    *(*_ASSEMBLY, "S", "sx", "c", "cc", "cpp", "cxx", "hh", "hpp", "hxx", "m"),
    *("f", "F", "for", "f90", "swig", "swigcxx"),
)


def suffixes(*, cgo: bool) -> tuple[str, ...]:
    """Return the suffixes of the files that Go compiles, without the dot."""
    return _CGO if cgo else _ASSEMBLY


class Entry(Struct, frozen=True, kw_only=True):
    """One file, folder or link; a folder has neither source, link nor text."""

    path: str  # in the context, with `/` between the elements
    source: str = ""  # absolute path of the regular file with its content
    link: str = ""  # the target, if it stays a link
    text: str = ""  # the content of a generated file


class Admitted(Struct, frozen=True, kw_only=True):
    """All that a build may read."""

    sources: tuple[Entry, ...]  # what the compile reads, ordered by path
    files: tuple[Entry, ...]  # what only goes into images, ordered by path

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of the sources that are files of the tree."""
        return tuple(entry.path for entry in self.sources if entry.source)
