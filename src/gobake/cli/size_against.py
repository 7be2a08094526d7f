"""What `--against` means for a service: a run, or a commit that a run built. And what brought a growth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gobake.checkout import git
from gobake.checkout.requirements import requirements
from gobake.cli.records import record_of
from gobake.errors import Unwritable, UsageError
from gobake.insight.growth import Grown
from gobake.model import Platform, Service, Strategy
from gobake.plan.discover import Opened, history_folder
from gobake.plan.request import ProjectRequest
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import ContentsRecord, RunRecord, SizeRecord
from gobake.runs.store import RunStore
from gobake.runs.summary import RunSummary
from gobake.size.growth import Side

_LINES = 20  # modules whose lines in go.mod are looked up


class Shipped(Struct, frozen=True, kw_only=True):
    """The image of a service."""

    asked: ProjectRequest
    opened: Opened
    service: Service
    strategy: Strategy
    platform: Platform
    branch: str

    @property
    def shown(self) -> str:
        return f"{self.service.name} {self.strategy} {self.platform}"


def recorded(name: str, shipped: Shipped) -> Side | None:
    """What the record of a run tells: of that run, or of the last one that built a commit; None for another name.

    Raises UsageError if the run did not build the image, or none built the commit.
    """
    with _store(shipped) as store:
        if _is_run(name, store):
            return _side(record_of(store, name), shipped)
        commit = git.commit_of(shipped.opened.project.root, name)
        return _of_commit(store, name, commit, shipped) if commit else None


def _store(shipped: Shipped) -> RunStore:
    folder = history_folder(shipped.opened, shipped.asked)
    try:
        return RunStore.reading(folder)
    except Unwritable as error:
        raise UsageError(error.what, remedy="check --history, or history.folder in gobake.yaml") from None


def _is_run(name: str, store: RunStore) -> bool:
    return bool(re.fullmatch(r"last(?:~[0-9]+)?", name)) or any(run_id.startswith(name) for run_id in store.ids())


def _of_commit(store: RunStore, name: str, commit: str, shipped: Shipped) -> Side:
    dirty = ""
    for run_id in _runs_of(store, commit):
        record = record_of(store, run_id)
        if record.dirty:
            dirty = dirty or run_id
        elif _sizes(record, shipped):
            return _side(record, shipped)
    what = f"no run on record built {shipped.shown} of {name} ({commit[:8]})"
    if dirty:
        raise UsageError(f"{what} as it is committed", remedy=f"with changes that are not, it is: --against {dirty}")
    raise UsageError(
        what,
        remedy=f"check it out and build it: gobake build {shipped.service.name}; or import "
        "the record of a run that did: gobake runs import",
    )


def _runs_of(store: RunStore, commit: str) -> Iterator[str]:
    """The successful runs of a commit, newest first."""
    from gobake.insight.history import all_summaries

    for run_id, found in all_summaries(store):
        if isinstance(found, RunSummary) and found.revision == commit and found.outcome == RunOutcome.DONE:
            yield run_id


def _sizes(record: RunRecord, shipped: Shipped) -> list[SizeRecord]:
    return [
        size
        for target in record.targets
        if (target.service, target.strategy) == (shipped.service.name, str(shipped.strategy))
        for size in target.sizes
        if size.platform == str(shipped.platform) and size.compressed is not None
    ]


def _side(record: RunRecord, shipped: Shipped) -> Side:
    found = _sizes(record, shipped)
    if not found:
        built = ", ".join(sorted({f"{target.service} {target.strategy}" for target in record.targets if target.digest}))
        raise UsageError(
            f"run {record.id} has no size of {shipped.shown}",
            remedy=f"it built {built}" if built else "it built no image: `gobake runs ls` lists others",
        )
    contents = found[0].contents or ContentsRecord()
    return Side(
        name=f"run {record.id}",
        image=found[0].compressed,
        program=contents.program,
        contents=contents,
        functions=True,
    )


# ---- what brought it


def with_sources(change: Grown, shipped: Shipped) -> Grown:
    """Add the lines of go.mod that ask for the versions that grew, with the commits that wrote them."""
    changed = [one for one in change.modules if one.bytes > 0 and one.version and one.version != one.before]
    wanted = {one.module: one.version for one in changed[:_LINES]}
    if not wanted:
        return change
    found = requirements(_modules(shipped), wanted)
    return replace(change, modules=tuple(replace(one, source=found.get(one.module)) for one in change.modules))


def _modules(shipped: Shipped) -> list[Path]:
    """The folders of the modules that the service is built with, that of its own first."""
    layout = shipped.opened.tree.layout
    root, package = layout.context / shipped.service.build_root, layout.context / shipped.service.directory
    folders = [module.directory for build in layout.builds if build.directory == root for module in build.mains]
    own = max(
        (folder for folder in folders if package.is_relative_to(folder)), key=lambda one: len(one.parts), default=root
    )
    return sorted(folders, key=lambda folder: folder != own)
