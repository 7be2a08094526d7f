"""Asks Go what services link, and reads what the account needs of their modules' folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from gobake.deps.account import Replace
from gobake.deps.built import Built
from gobake.deps.licences import Licences, licences
from gobake.files.nofollow import Inside
from gobake.gotool import linked as asking
from gobake.gotool import modfile
from gobake.gotool.asking import Query, queries
from gobake.gotool.linked import LinkedModule
from gobake.gotool.modules import BuildRoot, Layout
from gobake.model import Platform, Service

_LARGEST = 1 << 20  # bytes of a dependency's go.mod

Wanted = tuple[Service, Sequence[Platform]]


def gather(layout: Layout, wanted: Sequence[Wanted], go: str, *, fetch: bool) -> tuple[Built, ...]:
    """Return what the services link on their platforms; those with the same settings are asked about together.

    Raises ProjectError, GoMissing and TransferStalled.
    """
    groups: dict[tuple[Path, Query], list[Service]] = {}
    for service, platforms in wanted:
        for query in queries(platforms, [service.build]):
            groups.setdefault((layout.context / service.build_root, query), []).append(service)
    roots = {root.directory: root for root in layout.builds}
    jobs = [
        asking.question(roots[folder], query, (path for service in members for path in service.packages))
        for (folder, query), members in groups.items()
    ]
    answers = asking.linked(layout, jobs, go, fetch=fetch)
    return tuple(
        Built(platform=str(query.platform), services={s.name: s.packages for s in members}, linked=answer)
        for ((_, query), members), answer in zip(groups.items(), answers, strict=True)
    )


def roots_of(layout: Layout, wanted: Sequence[Wanted]) -> tuple[BuildRoot, ...]:
    """Return the build roots of these services."""
    folders = {layout.context / service.build_root for service, _ in wanted}
    return tuple(root for root in layout.builds if root.directory in folders)


def licences_of(module: LinkedModule, package_folder: str) -> Licences:
    """Return the licences of a module's folder, or of its part of a vendor folder."""
    if module.folder:
        return licences(Path(module.folder))
    _, vendor, below = package_folder.rpartition("/vendor/")
    if not vendor or not (below == module.path or below.startswith(f"{module.path}/")):
        return Licences()
    return licences(Path(package_folder.removesuffix(below)) / module.path)


def ignored(builds: Sequence[Built]) -> tuple[Replace, ...]:
    """Return the replace lines in the go.mod files of dependencies that concern a linked module; Go ignores them."""
    modules = {(m.path, m.version): m for built in builds for m in built.linked.modules}
    here = {path for path, _ in modules}
    found = {one for module in modules.values() if not module.main for one in _replaces(module) if one.module in here}
    return tuple(sorted(found, key=lambda one: (one.of, one.module, one.version)))


def _replaces(module: LinkedModule) -> Iterator[Replace]:
    file = Path(module.gomod)
    if not module.gomod:
        return
    try:
        text = Inside(top=file.parent).read(file.name, _LARGEST).decode("utf-8", "replace")
    except OSError:
        return
    for path, version, by in modfile.replacements(text):
        yield Replace(of=module.path, module=path, version=version, by=by)
