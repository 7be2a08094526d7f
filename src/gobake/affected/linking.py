"""Which modules from elsewhere each service links, and which files of a vendor folder: asked if they may differ."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from gobake.affected.inputs import Side
from gobake.context.entries import suffixes
from gobake.deps.built import Built
from gobake.deps.gathering import gather
from gobake.gotool.modules import BuildRoot
from gobake.model import Platform

_COMPILED = tuple(f".{suffix}" for suffix in suffixes(cgo=True))
_TEST = "_test.go"


class Linked(Struct, frozen=True, kw_only=True):
    """What a service links from elsewhere."""

    modules: Mapping[str, str]  # path -> version, and what replaces it
    folders: frozenset[str]  # of vendored packages, relative to the top of the repository


def may_differ(side: Side) -> bool:
    """Whether a changed file may change what services link from elsewhere."""
    names = {path.rpartition("/")[2] for path in side.changed}
    if names & {"go.mod", "go.sum", "go.work", "go.work.sum"}:
        return True
    return any(root.reads_vendor and _changed_below(side, root) for root in side.tree.layout.builds)


def linked(side: Side, go: str) -> dict[str, Linked]:
    """Return what each service links. Raises ProjectError, GoMissing and TransferStalled."""
    platforms: dict[str, set[Platform]] = {}
    for target in side.matrix.targets:
        platforms.setdefault(target.service.name, set()).update(target.platforms)
    wanted = [(one, sorted(platforms[one.name])) for one in side.matrix.services]
    builts = gather(side.tree.layout, wanted, go, fetch=True)
    found = {name: Linked(modules={}, folders=frozenset()) for name in platforms}
    for built in builts:
        for name in built.services:
            found[name] = _joined(found[name], _of(side, built, name))
    return found


def _of(side: Side, built: Built, name: str) -> Linked:
    packages = built.by_service[name].packages
    known = {module.path: module for module in built.linked.modules if not module.main}
    modules = {path for package in packages if (path := built.graph.modules.get(package, "")) in known}
    folders = {one.folder for one in built.linked.packages if one.path in packages and "/vendor/" in one.folder}
    return Linked(
        modules={path: " => ".join(filter(None, (known[path].version, known[path].by))) for path in modules},
        folders=frozenset(os.path.relpath(folder, os.path.realpath(side.top)) for folder in folders),
    )


def _joined(one: Linked, other: Linked) -> Linked:
    return Linked(modules={**one.modules, **other.modules}, folders=one.folders | other.folders)


def vendored(side: Side, found: Linked) -> list[str]:
    """Return the changed files of vendored packages that a service links."""
    return sorted(path for path in side.changed if _counts(side, found, path))


def _counts(side: Side, found: Linked, path: str) -> bool:
    folder, _, name = path.rpartition("/")
    if folder in found.folders and name.endswith(_COMPILED):
        return not name.endswith(_TEST)
    return any(path.startswith(f"{one}/") and _embeds(side, one) for one in found.folders)


def _embeds(side: Side, folder: str) -> bool:
    """Whether a package embeds files, so that any file below it may count."""
    return any(b"//go:embed" in file.read_bytes() for file in Path(side.top, folder).glob("*.go"))


def _changed_below(side: Side, root: BuildRoot) -> bool:
    vendor = os.path.relpath(root.directory / "vendor", os.path.realpath(side.top))
    return any(path.startswith(f"{vendor}/") for path in side.changed)
