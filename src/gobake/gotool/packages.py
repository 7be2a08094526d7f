"""Go's answers about a project as values: packages, main packages, embedded files, imports.

local.py asks this machine's Go, plan/go_container.py one in a container; list_cache.py remembers the answers. This
module knows no configuration and no Docker.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path, PurePosixPath

from msgspec import Struct

from gobake.errors import GobakeError, ProjectError
from gobake.gotool import words
from gobake.gotool.modules import BuildRoot, Layout, Module


class Package(Struct, frozen=True, kw_only=True):
    """A package of the user's tree: the union of the answers to all questions."""

    import_path: str
    name: str  # "" if Go cannot parse its files; the compile reports why
    directory: PurePosixPath  # relative to the context
    build_root: PurePosixPath  # where `go build` compiles it, relative to the context
    cgo: bool
    embeds: tuple[str, ...]  # patterns of //go:embed, relative to the directory
    imports: tuple[str, ...]
    module: str = ""  # path of its module
    binary: str = ""  # file name of the program that `go build -o FOLDER/` writes; "" unless it is a command
    files: tuple[str, ...] = ()  # files that Go compiles, and its PGO profile; relative to the directory
    embed_files: tuple[str, ...] = ()  # files that the patterns match, relative to the directory
    runs: bool = False  # a command with a func main


class Trouble(Struct, frozen=True, kw_only=True):
    """A module or package that Go cannot read. It is an error only for builds that need it."""

    directory: PurePosixPath  # relative to the context
    words: str  # Go's whole message, may have several lines
    module: str = ""  # the module's path
    package: str = ""  # the import path; "" if the module cannot be read

    @property
    def line(self) -> str:
        """The message on one line."""
        return " ".join(self.words.split())


class GoTree(Struct, frozen=True, kw_only=True, dict=True):
    """All packages of the user's tree, by import path."""

    layout: Layout
    packages: tuple[Package, ...]
    troubles: tuple[Trouble, ...] = ()

    @cached_property
    def mains(self) -> tuple[Package, ...]:
        """The commands of all main modules, including those of nested modules."""
        roots = self._roots
        inside = _inside(self.layout)
        return tuple(
            p
            for p in self.packages
            if p.name == "main"
            and of_a_main_module(self.layout, roots[p.build_root], p)
            and (inside is None or p.directory.is_relative_to(inside))
        )

    def root_of(self, package: Package) -> BuildRoot:
        """Return the build root of a package."""
        return self._roots[package.build_root]

    def trouble_at(self, folder: PurePosixPath) -> Trouble | None:
        """Return the trouble of a folder's package, else of the module around it, else None."""
        around = [
            t for t in self.troubles if folder == t.directory or (not t.package and folder.is_relative_to(t.directory))
        ]
        return max(around, key=lambda trouble: len(trouble.directory.parts), default=None)

    @property
    def _roots(self) -> dict[PurePosixPath, BuildRoot]:
        return {relative(build.directory, self.layout): build for build in self.layout.builds}

    def closure(self, import_paths: Iterable[str]) -> tuple[Package, ...]:
        """Return these packages and all packages of the tree that they import, directly or not; sorted by import path.

        A build reads only packages of its own modules. A module of the tree that neither go.work nor a replace line
        names comes from a module proxy, if at all.
        """
        known = {p.import_path: p for p in self.packages}
        reached: dict[str, Package] = {}
        for path in import_paths:
            if path in known:
                self._follow(known[path], known, reached)
        return tuple(reached[path] for path in sorted(reached))

    def _follow(self, start: Package, known: dict[str, Package], reached: dict[str, Package]) -> None:
        root = self._roots.get(start.build_root)
        seen, todo = {start.import_path}, [start]
        while todo:
            package = todo.pop()
            reached[package.import_path] = package
            for path in package.imports:
                if path in known and path not in seen and (root is None or _has(self.layout, root, known[path])):
                    seen.add(path)
                    todo.append(known[path])


def _inside(layout: Layout) -> PurePosixPath | None:
    """Return the project's folder if it is only a part of a module, else None.

    Commands outside of that folder do not belong to the project.
    """
    whole = any(layout.root.is_relative_to(m.directory) and layout.root != m.directory for m in layout.builds[0].mains)
    return relative(layout.root, layout) if whole and layout.builds[0].directory != layout.root else None


def _has(layout: Layout, root: BuildRoot, package: Package) -> bool:
    folder = layout.context / package.directory
    return any(
        folder.is_relative_to(module.directory) and package.module in ("", module.path) for module in root.modules
    )


def of_a_main_module(layout: Layout, root: BuildRoot, package: Package) -> bool:
    """Whether the innermost module around a package is a main module of its build root, not a replaced one."""
    return around(root, layout.context / package.directory) in root.mains


def around(root: BuildRoot, folder: Path) -> Module | None:
    """Return the innermost module of a build that holds the folder, or None."""
    holding = [module for module in root.modules if folder.is_relative_to(module.directory)]
    return max(holding, key=lambda module: len(module.directory.parts), default=None)


def relative(folder: Path, layout: Layout) -> PurePosixPath:
    """Return the folder relative to the context."""
    return PurePosixPath(folder.relative_to(layout.context).as_posix())


def unreadable(layout: Layout, trouble: Trouble) -> GobakeError:
    """Return the error for a build that needs a module or package that Go cannot read."""
    folder = layout.context / trouble.directory
    match = re.match(r"(\S+\.go):(\d+)(?::(\d+))?: (.*)", trouble.words, re.DOTALL)
    if match:
        where = words.place(folder, match[1], int(match[2]), int(match[3] or 0))
        return ProjectError(match[4], where=where)
    return words.refusal(folder, trouble.words)
