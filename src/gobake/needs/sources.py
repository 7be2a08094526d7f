"""Reads the sources of services, and what the last build linked, for what they tell of the needs of a program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from gobake.errors import GobakeError
from gobake.gotool.packages import GoTree, Package
from gobake.model import Project, Service
from gobake.needs.evidence import Finding, left_out_without_cgo, scan
from gobake.needs.needs import Need, Sources, needs
from gobake.runs.record import RunRecord
from gobake.targets.matrix import Matrix

_LONGEST = 1 << 20  # bytes


def service_needs(project: Project, tree: GoTree, matrix: Matrix, history: Path) -> dict[str, tuple[Need, ...]]:
    """What each service of a matrix needs when it runs, by its name."""
    known: dict[PurePosixPath, tuple[Finding, ...]] = {}
    record = _last_record(history)
    found = {}
    for service in matrix.services:
        packages = tree.closure(service.packages)
        sources = Sources(
            findings=(
                *(f for package in packages for f in _findings(project.context, package, known)),
                *(f for package in packages if not service.build.cgo for f in _without_cgo(project.context, package)),
            ),
            imports=frozenset(path for package in packages for path in package.imports),
            linked=_linked(record, service),
            root=PurePosixPath(project.root.relative_to(project.context).as_posix()),
        )
        strategies = [target.strategy for target in matrix.targets if target.service.name == service.name]
        found[service.name] = needs(service, strategies, sources, lambda path: (project.context / path).exists())
    return found


def _findings(context: Path, package: Package, known: dict[PurePosixPath, tuple[Finding, ...]]) -> Iterator[Finding]:
    """Of the files that Go compiles of a package."""
    for name in package.files:
        file = package.directory / name
        if file.suffix != ".go":
            continue
        if file not in known:
            known[file] = scan(_text(context / file), file)
        yield from known[file]


def _without_cgo(context: Path, package: Package) -> Iterator[Finding]:
    """Of the files that Go leaves out of a package."""
    try:
        names = sorted(file.name for file in (context / package.directory).glob("*.go"))
    except OSError:
        return
    for name in names:
        if name not in package.files and not name.startswith(("_", ".")) and not name.endswith("_test.go"):
            file = package.directory / name
            yield from left_out_without_cgo(_text(context / file), file)


def _text(file: Path) -> str:
    """ "" for what cannot be read, and for data that a tool has written as Go."""
    try:
        if file.stat().st_size > _LONGEST:
            return ""
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _last_record(history: Path) -> RunRecord | None:
    from gobake.runs.store import RunStore

    try:
        with RunStore(history, writes=False) as store:
            return next((record for record in store.recent(5) if record.go), None)
    except GobakeError:  # a history that cannot be read tells nothing
        return None


def _linked(record: RunRecord | None, service: Service) -> frozenset[str]:
    """The packages that the service consisted of, where the last build was of that command alone: a record does not
    tell which of several commands a package belongs to."""
    if record is None or any(
        sorted(c.package for c in work.commands) != sorted(service.packages) for work in record.go
    ):
        return frozenset()
    return frozenset(path for work in record.go for path, _ in work.actions)
