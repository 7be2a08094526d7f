"""Finds the needs of services in their sources and in the record of the last build."""

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
    """Return the run-time needs of each service of a matrix, by service name. ``history``: folder of the records."""
    known: dict[PurePosixPath, tuple[Finding, ...]] = {}
    record = _last_record(history)
    needs_by_service = {}
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
        needs_by_service[service.name] = needs(
            service, strategies, sources, lambda path: (project.context / path).exists()
        )
    return needs_by_service


def _findings(context: Path, package: Package, known: dict[PurePosixPath, tuple[Finding, ...]]) -> Iterator[Finding]:
    """Yield findings in the files of a package that Go compiles."""
    for name in package.files:
        file = package.directory / name
        if file.suffix != ".go":
            continue
        if file not in known:
            known[file] = scan(_text(context / file), file)
        yield from known[file]


def _without_cgo(context: Path, package: Package) -> Iterator[Finding]:
    """Yield findings in the files of a package that Go leaves out."""
    try:
        names = sorted(file.name for file in (context / package.directory).glob("*.go"))
    except OSError:
        return
    for name in names:
        if name not in package.files and not name.startswith(("_", ".")) and not name.endswith("_test.go"):
            file = package.directory / name
            yield from left_out_without_cgo(_text(context / file), file)


def _text(file: Path) -> str:
    """Return the text of a file; "" if it cannot be read or is too large, such as generated data."""
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
    except GobakeError:  # an unreadable history
        return None


def _linked(record: RunRecord | None, service: Service) -> frozenset[str]:
    """Return the packages that the last build linked into the service; empty if it built other commands too.

    A record does not say which of several commands a package belongs to.
    """
    if record is None or any(
        sorted(c.package for c in work.commands) != sorted(service.packages) for work in record.go
    ):
        return frozenset()
    return frozenset(path for work in record.go for path, _ in work.actions)
