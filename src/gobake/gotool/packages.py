"""What Go itself says about a project, as values: its packages, its main packages, what they embed and import.

local.py asks this machine's Go, plan/go_container.py one in a container, and list_cache.py remembers what it said. This
module knows no configuration and no Docker.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from gobake.errors import GobakeError, ProjectError
from gobake.gotool import words
from gobake.gotool.modules import BuildRoot, Layout, Module


@dataclass(frozen=True, kw_only=True)
class Package:
    """One package of the user's tree, as the union of what all questions said about it."""

    import_path: str
    name: str  # "" for one whose files Go cannot parse: the compile says why
    directory: PurePosixPath  # relative to the context
    build_root: PurePosixPath  # of the go build that reaches it, relative to the context
    cgo: bool
    embeds: tuple[str, ...]  # patterns of //go:embed, relative to the directory
    imports: tuple[str, ...]
    module: str = ""  # path of the module that it belongs to
    binary: str = ""  # the file's name that `go build -o FOLDER/` gives its program; "" for what is no command
    files: tuple[str, ...] = ()  # all that Go compiles of it, and the profile that guides it; relative to the directory
    embed_files: tuple[str, ...] = ()  # what the patterns match, relative to the directory
    runs: bool = False  # a command with a func main


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A module or a package that Go could not read. It stops only what needs it."""

    directory: PurePosixPath  # relative to the context
    words: str  # Go's own, all of them; lines parted by newlines
    module: str = ""  # the module's path
    package: str = ""  # the import path; "" where it is the module that cannot be read

    @property
    def line(self) -> str:
        """On one line, for lists."""
        return " ".join(self.words.split())


@dataclass(frozen=True, kw_only=True)
class GoTree:
    """All packages of the user's tree, by import path."""

    layout: Layout
    packages: tuple[Package, ...]
    troubles: tuple[Trouble, ...] = ()

    @cached_property
    def mains(self) -> tuple[Package, ...]:
        """The commands of the modules that are built here, those of nested modules included."""
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
        """Where it is built."""
        return self._roots[package.build_root]

    def trouble_at(self, folder: PurePosixPath) -> Trouble | None:
        """What keeps Go from reading a folder: its own trouble, else that of the module around it."""
        around = [
            t for t in self.troubles if folder == t.directory or (not t.package and folder.is_relative_to(t.directory))
        ]
        return max(around, key=lambda trouble: len(trouble.directory.parts), default=None)

    @property
    def _roots(self) -> dict[PurePosixPath, BuildRoot]:
        return {relative(build.directory, self.layout): build for build in self.layout.builds}

    def closure(self, import_paths: Iterable[str]) -> tuple[Package, ...]:
        """The packages of the tree that these import, directly or not, and themselves; ordered by import path.

        A build reads packages of its own modules only: another module of the tree that it does not use by a go.work
        or a replace line comes from a module proxy, if at all.
        """
        known = {p.import_path: p for p in self.packages}
        found: dict[str, Package] = {}
        for path in import_paths:
            if path in known:
                self._follow(known[path], known, found)
        return tuple(found[path] for path in sorted(found))

    def _follow(self, start: Package, known: dict[str, Package], found: dict[str, Package]) -> None:
        root = self._roots.get(start.build_root)
        seen, todo = {start.import_path}, [start]
        while todo:
            package = todo.pop()
            found[package.import_path] = package
            for path in package.imports:
                if path in known and path not in seen and (root is None or _has(self.layout, root, known[path])):
                    seen.add(path)
                    todo.append(known[path])


def _inside(layout: Layout) -> PurePosixPath | None:
    """The project's folder where it is a part of a module only: there, commands outside of it are not the project's."""
    whole = any(layout.root.is_relative_to(m.directory) and layout.root != m.directory for m in layout.builds[0].mains)
    return relative(layout.root, layout) if whole and layout.builds[0].directory != layout.root else None


def _has(layout: Layout, root: BuildRoot, package: Package) -> bool:
    folder = layout.context / package.directory
    return any(
        folder.is_relative_to(module.directory) and package.module in ("", module.path) for module in root.modules
    )


def of_a_main_module(layout: Layout, root: BuildRoot, package: Package) -> bool:
    """Whether the innermost module around a package is a main module of its build root, and no replaced one."""
    return around(root, layout.context / package.directory) in root.mains


def around(root: BuildRoot, folder: Path) -> Module | None:
    """The innermost module of a build around a folder."""
    holding = [module for module in root.modules if folder.is_relative_to(module.directory)]
    return max(holding, key=lambda module: len(module.directory.parts), default=None)


def relative(folder: Path, layout: Layout) -> PurePosixPath:
    return PurePosixPath(folder.relative_to(layout.context).as_posix())


def unreadable(layout: Layout, trouble: Trouble) -> GobakeError:
    """The error for what needs a module or package that Go cannot read."""
    folder = layout.context / trouble.directory
    match = re.match(r"(\S+\.go):(\d+)(?::(\d+))?: (.*)", trouble.words, re.DOTALL)
    if match:
        where = words.place(folder, match[1], int(match[2]), int(match[3] or 0))
        return ProjectError(match[4], where=where)
    return words.refusal(folder, trouble.words)
