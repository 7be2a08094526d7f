"""Turns Go's main packages into the commands that the rules judge."""

from __future__ import annotations

import os
import re
from pathlib import Path

from gobake.gotool.packages import GoTree, Package
from gobake.services.values import Command

_MAIN = re.compile(r"^func main\(\)\s*\{(.*?)^\}|^func main\(\)\s*\{\s*\}", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


def commands(tree: GoTree) -> tuple[Command, ...]:
    """Return the main packages that declare func main. Pure."""
    return tuple(_command(tree, package) for package in tree.mains if package.runs)


def idle(tree: GoTree) -> frozenset[str]:
    """Return the import paths of commands with an empty main, which often only hold `//go:generate` lines.

    A single command is never idle. Reads the sources of the commands.
    """
    runs = [package for package in tree.mains if package.runs]
    if len(runs) < 2:
        return frozenset()
    return frozenset(p.import_path for p in runs if _does_nothing(tree.layout.context / p.directory, p.files))


def module_folders(tree: GoTree) -> frozenset[str]:
    """Return the folders with a go.mod, relative to the root."""
    return frozenset(_folder(tree, m.directory) for build in tree.layout.builds for m in build.mains)


def package_folders(tree: GoTree) -> frozenset[Path]:
    """Return the absolute folders of all packages."""
    return frozenset(tree.layout.context / package.directory for package in tree.packages)


def _command(tree: GoTree, package: Package) -> Command:
    place = tree.layout.context / package.directory
    around = [m for build in tree.layout.builds for m in build.mains if place.is_relative_to(m.directory)]
    module = max(around, key=lambda m: len(m.directory.parts), default=None)
    return Command(
        import_path=package.import_path,
        folder=_folder(tree, place),
        module=module.path if module else package.module,
        module_folder=_folder(tree, module.directory) if module else ".",
        binary=package.binary,
        files=frozenset(package.files),
    )


def _folder(tree: GoTree, place: Path) -> str:
    return os.path.relpath(place, tree.layout.root).replace(os.sep, "/")


def _does_nothing(folder: Path, files: tuple[str, ...]) -> bool:
    for name in files:
        if not name.endswith(".go"):
            continue
        try:
            text = (folder / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        main = _MAIN.search(text)
        if main:
            return not _COMMENT.sub("", main[1] or "").strip()
    return False
