"""The files that the ignore file admits into the build context, and one digest of them all.

BuildKit keys the compile step by the content of what it binds; this digest changes whenever that key does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from gobake.golang import GoTree, Package
from gobake.matrix import Matrix
from gobake.model import Project
from gobake.recipe import ignore


def admitted(project: Project, matrix: Matrix, tree: GoTree) -> tuple[Path, ...]:
    """Absolute paths, ordered; what cannot be listed is left out, as it is by the build."""
    found: set[Path] = set()
    context = project.context
    for root in ignore.used_roots(matrix, tree):
        for path in ignore.module_paths(root, tree):
            found.update(_files(context / path))
    for package in ignore.packages(matrix, tree):
        found.update(_of_package(context, package))
    for service in matrix.services:
        for file in service.files:
            found.update(_files(context / ignore.in_context(project, file.source)))
    for pattern in project.include:
        for match in _glob(project.root, pattern):
            found.update(_files(match))
    return tuple(sorted(found))


def digest(texts: Iterable[str], files: Iterable[Path], context: Path) -> str:
    """sha256 over generated texts and files; "" where a file cannot be read."""
    seen = hashlib.sha256()
    for text in texts:
        seen.update(hashlib.sha256(text.encode()).digest())
    try:
        for file in files:
            seen.update(f"{file.relative_to(context)}\0{file.stat().st_mode & 0o111:o}\0".encode())
            seen.update(hashlib.sha256(file.read_bytes()).digest())
    except OSError:
        return ""
    return seen.hexdigest()


def _of_package(context: Path, package: Package) -> Iterator[Path]:
    folder = context / package.directory
    suffixes = {f".{suffix}" for suffix in ignore.suffixes(package)}
    for file in _listed(folder):
        if file.suffix in suffixes and not file.name.endswith("_test.go") and file.is_file():
            yield file
    for pattern in package.embeds:
        for match in _glob(folder, pattern.removeprefix("all:")):
            yield from _files(match)


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file for file in path.rglob("*") if file.is_file())
    elif path.is_file():
        yield path


def _glob(folder: Path, pattern: str) -> list[Path]:
    try:
        return list(folder.glob(pattern))
    except (ValueError, NotImplementedError, OSError):
        return []


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
