"""Compares the work tree with a commit: opens the project in both, and tells which services differ, and by what."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gobake.affected import linking
from gobake.affected.difference import Kind, Reason, differences, of_modules
from gobake.affected.inputs import Reader, Side
from gobake.checkout import snapshot
from gobake.checkout.snapshot import Snapshot
from gobake.errors import GobakeError
from gobake.gotool.packages import GoTree
from gobake.model import Project
from gobake.plan.build_plan import BuildPlan
from gobake.plan.discover import Opened, open_project
from gobake.targets.matrix import Matrix, select
from gobake.trust.keys import EVERY_CLASS


class Found(Struct, frozen=True, kw_only=True):
    """The answer. ``services``: all that were asked about, with what differs; those without a reason are the same."""

    revision: str  # "" if there is no commit to compare with
    services: Mapping[str, tuple[Reason, ...]]
    gone: tuple[str, ...] = ()  # services that are no longer there
    note: str = ""  # why all are affected although nothing could be compared, or what is unknown

    @property
    def affected(self) -> tuple[str, ...]:
        return tuple(name for name, reasons in self.services.items() if reasons)


def everything(plan: BuildPlan, why: str, revision: str = "") -> Found:
    """All services, because there is nothing to compare with."""
    reason = Reason(kind=Kind.SERVICE, text=why)
    return Found(revision=revision, services={s.name: (reason,) for s in plan.matrix.services}, note=why)


def compare(plan: BuildPlan, revision: str, scratch: Path) -> Found:
    """Return what differs between the work tree and a commit. ``scratch``: a folder for the commit's files.

    Raises UsageError if git cannot tell what is in the commit, and what `gobake plan` raises of the work tree. A commit
    whose project cannot be read has nothing to compare with: then all services are affected.
    """
    taken = snapshot.take(plan.project.root, revision, scratch / "commit")
    now = Side(project=plan.project, tree=plan.opened.tree, matrix=plan.matrix, top=taken.top, changed=taken.changed)
    if not taken.changed:
        return Found(revision=revision, services={service.name: () for service in plan.matrix.services})
    try:
        opened = _opened(plan, taken)
        before = _side(plan, opened.project, opened.tree, taken)
        old = Reader(before).all()
    except GobakeError as error:
        return everything(plan, f"{revision[:12]} cannot be read: {error.what}", revision)
    new = Reader(now).all()
    reasons = {name: list(differences(old.get(name), inputs)) for name, inputs in new.items()}
    _add_linked(plan, before, now, reasons)
    gone = () if plan.request.selection.services else tuple(sorted(old.keys() - new.keys()))
    return Found(revision=revision, services={name: tuple(found) for name, found in reasons.items()}, gone=gone)


def _opened(plan: BuildPlan, taken: Snapshot) -> Opened:
    """Open the project as of the commit, under the same trust: what differs is in the files, not in who wrote them."""
    request, trust = plan.request.project, plan.opened.trust
    start = request.directory.resolve()
    file = request.config_file
    inside = file is not None and file.resolve().is_relative_to(taken.top)
    asked = replace(
        request,
        directory=taken.place(start) if start.is_relative_to(taken.top) else taken.place(plan.project.root),
        config_file=taken.place(file.resolve()) if file and inside else file,
        trust=request.trust or (trust.classes == EVERY_CLASS and trust.credentials),
        lenient=True,
        remembered=False,
        on_host=True,
    )
    return open_project(asked)


def _side(plan: BuildPlan, project: Project, tree: GoTree, taken: Snapshot) -> Side:
    """The other side has the same services, or those of them that are there."""
    known = {service.name for service in (*project.services, *project.left_out)}
    names = tuple(service.name for service in plan.matrix.services if service.name in known)
    selection = replace(plan.request.selection, services=names, seen_from=project.root)
    wanted = select(project, selection, (plan.builder.native,)) if names else Matrix(targets=())
    if not plan.request.selection.services:  # what is gone is told, too
        every = select(project, replace(selection, services=()), (plan.builder.native,))
        wanted = Matrix(targets=tuple(dict.fromkeys((*wanted.targets, *every.targets))))
    return Side(project=project, tree=tree, matrix=wanted, top=taken.folder, changed=taken.changed)


def _add_linked(plan: BuildPlan, before: Side, now: Side, reasons: Mapping[str, list[Reason]]) -> None:
    """Add modules from elsewhere and vendored files, if they may differ."""
    if not (linking.may_differ(now) or linking.may_differ(before)):
        return
    go = plan.opened.host_go or "go"
    try:
        old, new = linking.linked(before, go), linking.linked(now, go)
    except GobakeError as error:
        why = Reason(kind=Kind.MODULE, text=f"module files changed, and Go cannot tell what is linked: {error.what}")
        for found in reasons.values():
            found.append(why)
        return
    for name, found in reasons.items():
        if name in old and name in new:
            found += of_modules(old[name].modules, new[name].modules)
            changed = {*linking.vendored(before, old[name]), *linking.vendored(now, new[name])}
            found += [
                Reason(kind=Kind.FILE, text=f"{path} changed", path=path, part="vendor") for path in sorted(changed)
            ]
