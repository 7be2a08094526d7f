"""What is to lie in a build context: values."""

from __future__ import annotations

from dataclasses import dataclass

# of packages that use cgo and of those that do not: what the go command compiles (go/build, Package)
_ASSEMBLY = ("go", "s", "h", "syso")
_CGO = (
    *(*_ASSEMBLY, "S", "sx", "c", "cc", "cpp", "cxx", "hh", "hpp", "hxx", "m"),
    *("f", "F", "for", "f90", "swig", "swigcxx"),
)


def suffixes(*, cgo: bool) -> tuple[str, ...]:
    """Endings of the files that Go compiles of a package, without the dot."""
    return _CGO if cgo else _ASSEMBLY


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One file, folder or link. All paths are of the context, with `/` between the elements."""

    path: str  # under which the build reads it
    source: str = ""  # absolute: the regular file whose content it has; "" for what is no file
    link: str = ""  # what it leads to, where it stays a link; neither source nor link: a folder
    text: str = ""  # the content of a file that no file of the tree has


@dataclass(frozen=True, kw_only=True)
class Admitted:
    """All that a build may read."""

    sources: tuple[Entry, ...]  # what the compile reads, ordered by path
    files: tuple[Entry, ...]  # what only goes into images, ordered by path

    @property
    def paths(self) -> tuple[str, ...]:
        """Those of the sources that come from files of the tree."""
        return tuple(entry.path for entry in self.sources if entry.source)
