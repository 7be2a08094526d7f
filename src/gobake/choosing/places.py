"""Where the bytes of an image's files are: by layer and folder, and of its program by module. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from gobake.images.tar import Kind
from gobake.images.tree import Tree

_MOST = 12  # folders of a layer that are named
_MOST_MODULES = 60
_DEEPER = frozenset(("usr", "var", "usr/local"))  # folders that say little alone


class Place(Struct, frozen=True, kw_only=True):
    """The files of a folder that a layer brings and a container sees, without the program."""

    layer: int  # index of the layer
    path: str  # "" for what is in several others
    bytes: int


class ModuleBytes(Struct, frozen=True, kw_only=True):
    """A module in a program, as its functions tell."""

    module: str  # "" for what belongs to none, as strings and types of a stripped program; std
    version: str
    bytes: int


class Program(Struct, frozen=True, kw_only=True):
    """The program that an image starts."""

    path: str
    layer: int  # index of the layer
    bytes: int
    modules: tuple[ModuleBytes, ...] | None = None  # the largest first; none if it cannot be told. None: not asked


def places(tree: Tree, program: str | None) -> tuple[Place, ...]:
    """Sum up the files by layer and folder, the largest of a layer first. ``program``: a path that is left out."""
    sums: dict[int, Counter[str]] = {}
    for path, node in tree.items():
        if node.kind is Kind.FILE and node.size and path != program:
            sums.setdefault(node.layer, Counter())[_folder(path)] += node.size
    found = []
    for layer in sorted(sums):
        order = sorted(sums[layer].items(), key=lambda item: (-item[1], item[0]))
        named, others = order[:_MOST], sum(size for _, size in order[_MOST:])
        found += [Place(layer=layer, path=f"/{folder}", bytes=size) for folder, size in named]
        found += [Place(layer=layer, path="", bytes=others)] if others else []
    return tuple(found)


def _folder(path: str) -> str:
    """The folder at the top, or the one below it; a file at the top is its own."""
    parts = path.split("/")
    depth = 1
    while depth < len(parts) - 1 and "/".join(parts[:depth]) in _DEEPER:
        depth += 1
    return "/".join(parts[:depth])


def largest(modules: Sequence[ModuleBytes]) -> tuple[ModuleBytes, ...]:
    """The largest modules by bytes."""
    return tuple(sorted(modules, key=lambda one: (-one.bytes, one.module))[:_MOST_MODULES])
