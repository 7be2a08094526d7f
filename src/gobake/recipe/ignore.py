"""Renders the ignore file of a recipe, which excludes everything that the build does not read.

Syntax: https://docs.docker.com/build/concepts/context/#dockerignore-files; the last matching line counts. With a
wildcard in an exception, BuildKit would enter every folder of the tree, however large or unreadable
(tonistiigi/fsutil, filter.go). So exceptions are names of files and folders. In an admitted folder, existing files that
are not read are excluded again by name; so a new source of a package is in the build at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from gobake.context.admitted import admitted, in_context, packages, used_roots
from gobake.context.entries import Entry
from gobake.context.links import Links
from gobake.context.patterns import names
from gobake.gotool.modules import BuildRoot
from gobake.gotool.packages import GoTree
from gobake.model import Project
from gobake.targets.matrix import Matrix

_WILD = re.compile(r"[*?\[]")
_TESTS, _HIDDEN = "**/*_test.go", "**/.*"


def ignore_file(project: Project, matrix: Matrix, tree: GoTree, header: str) -> str:
    """Return the ignore file's text; the same tree gives the same bytes. Raises ProjectError as `admitted` does."""
    links = Links(project.context)
    paths = {path for entry in admitted(project, matrix, tree).sources for path in _trail(links, entry)}
    lines = list(_Lines(links, paths, _open(matrix, tree), _whole(project, matrix, tree)).below("", False))
    # Files that are read stay, even if they look like tests or hidden files.
    generic = sorted(f"!{_escaped(path)}" for path in paths if _is_hidden(path) or path.endswith("_test.go"))
    return "\n".join([*_commented(header), "*", *lines, _TESTS, _HIDDEN, *generic, ""])


def nothing_left_out(header: str) -> str:
    """Return the ignore file of a context that contains only what the build reads."""
    return "\n".join([*_commented(header), "# Nothing is left out: the build context holds what the build reads.", ""])


def downloads(matrix: Matrix, tree: GoTree) -> bool:
    """Whether the build of the selected services downloads modules."""
    return any(root.downloads_with(goflags) for root, goflags in _ways(matrix, tree))


def vendored(matrix: Matrix, tree: GoTree) -> bool:
    """Whether the build of the selected services reads all modules from vendor folders."""
    return all(root.vendored_with(goflags) for root, goflags in _ways(matrix, tree))


def _ways(matrix: Matrix, tree: GoTree) -> set[tuple[BuildRoot, str]]:
    """Return the build roots of the selected services with their GOFLAGS."""
    roots = {PurePosixPath(b.directory.relative_to(tree.layout.context).as_posix()): b for b in tree.layout.builds}
    return {
        (roots[s.build_root], dict(s.build.env).get("GOFLAGS", "")) for s in matrix.services if s.build_root in roots
    }


def _commented(header: str) -> list[str]:
    return [f"# {line}".rstrip() for line in header.splitlines()]


# ---- folders that are admitted as a whole


def _open(matrix: Matrix, tree: GoTree) -> frozenset[str]:
    """Return the folders of packages, where files may be added; not the context itself, or all would be admitted."""
    return frozenset(_text(package.directory) for package in packages(matrix, tree)) - {""}


def _whole(project: Project, matrix: Matrix, tree: GoTree) -> frozenset[str]:
    """Return the folders that are admitted with everything below them."""
    admitted_whole = {
        _text(PurePosixPath(root.directory.relative_to(tree.layout.context).as_posix()) / "vendor")
        for root in used_roots(matrix, tree)
        if root.reads_vendor
    }
    for package in packages(matrix, tree):
        admitted_whole |= {
            _literal(_text(package.directory), pattern.removeprefix("all:")) for pattern in package.embeds
        }
    root = _text(in_context(project, PurePosixPath()))
    admitted_whole |= {_literal(root, pattern) for pattern in project.include}
    return frozenset(admitted_whole) - {"", root} - _open(matrix, tree)


def _literal(folder: str, pattern: str) -> str:
    """Return the folders of a pattern before its first wildcard."""
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    wild = next((at for at, part in enumerate(parts) if _WILD.search(part)), len(parts))
    literal = (re.sub(r"\\(.)", r"\1", part) for part in parts[:wild])
    return "/".join([*([folder] if folder else []), *literal])


class _Lines:
    def __init__(self, links: Links, paths: Iterable[str], opened: frozenset[str], whole: frozenset[str]) -> None:
        self._links, self._opened, self._whole = links, opened, whole
        self._children: dict[str, set[str]] = {}
        for path in paths:
            while path and path not in self._children.setdefault(path.rpartition("/")[0], set()):
                self._children[path.rpartition("/")[0]].add(path)
                path = path.rpartition("/")[0]

    def below(self, folder: str, state: bool, *, whole: bool = False) -> Iterator[str]:
        """Yield lines for a folder. ``state``: previous lines admit it; ``whole``: it is admitted as a whole."""
        whole = whole or folder in self._whole
        wanted = whole or folder in self._opened
        if folder and wanted != state:
            yield f"!{_escaped(folder)}" if wanted else _escaped(folder)
        inside = self._children.get(folder, set())
        listed = names(self._links.absolute(folder)) if wanted else ()
        others = {f"{folder}/{name}" for name in listed} - inside
        for path in sorted(inside | others):
            if path in self._children:
                yield from self.below(path, wanted, whole=whole)
            elif path in inside and not wanted:
                yield f"!{_escaped(path)}"
            elif path in others and path.isprintable() and not (_is_hidden(path) or path.endswith("_test.go")):
                yield _escaped(path)


def _trail(links: Links, entry: Entry) -> Iterator[str]:
    """Yield the paths needed for an entry: its own, or those of links on the path and their targets."""
    if entry.text:
        return
    at, rest = "", entry.path.split("/")
    while rest:
        at = f"{at}/{rest.pop(0)}" if at else rest.pop(0)
        place = links.absolute(at)
        if Path(place).is_symlink():
            yield at
            if entry.link:
                return
            at = links.inside(links.followed(at, place))
    if at:
        yield at


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _text(path: PurePosixPath) -> str:
    return "" if str(path) == "." else str(path)


def _escaped(path: str) -> str:
    return re.sub(r"([\\*?\[\]!#])", r"\\\1", path)
