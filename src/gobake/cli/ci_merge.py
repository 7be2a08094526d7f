"""`gobake ci merge`: the shards of a matrix become its images, with their tags, and one run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from gobake.cli.options import (
    CachesGiven,
    GateGiven,
    ProjectGiven,
    cache_options,
    caches_of,
    gate_options,
    gate_wish,
    given_as,
    history_option,
    project_options,
    registry_option,
    request,
    tags_option,
    version_option,
    without_meaning,
)
from gobake.cli.sections import Sectioned
from gobake.cli.shard import check, read_plan, shards_file_option
from gobake.cli.single_options import images_file_option
from gobake.errors import ExitCode, GobakeError, UsageError
from gobake.text.say import say

if TYPE_CHECKING:
    from gobake.plan.discover import Opened
    from gobake.plan.request import BuildRequest
    from gobake.run.merge import Merged
    from gobake.runs.record import RunRecord

_TOLD = 20  # refused lines of archives that are shown
_RECORDS = 300  # of a history that are searched


class MergeGiven(Struct, frozen=True, kw_only=True):
    """What `gobake ci merge` is given."""

    project: ProjectGiven
    caches: CachesGiven
    gate: GateGiven
    history: Path | None
    files: tuple[Path, ...]
    shards_file: str | None
    registry: str | None
    tags: tuple[str, ...]
    version: str | None
    images_file: Path | None


@click.command("merge", cls=Sectioned)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, dir_okay=False), metavar="[FILE]...")
@without_meaning("verbose")
@shards_file_option
@registry_option
@tags_option
@version_option
@images_file_option
@cache_options
@gate_options
@history_option
@project_options
@given_as(MergeGiven)
def merge_command(given: MergeGiven) -> int:
    """Join the shards of a matrix, which `gobake build --shard --push` has pushed, and tag their images.

    Nothing is tagged unless every shard of this commit is there. FILE is an archive of `gobake runs export` with the
    run of a shard; without any, the runs come from the cache store and the history. --registry and --tag are those of
    the build. A shard that failed is run again, alone, before a second merge.

    \b
    gobake ci merge --registry ghcr.io/acme --tag v1 shards/*.jsonl.gz
    """
    from gobake.insight.shards_chosen import Wanted, choose
    from gobake.plan.discover import open_project
    from gobake.pushing.recorded import document
    from gobake.report.written import require_folder, write_json
    from gobake.run import judge
    from gobake.run.merge import merge, planned

    require_folder("--images-file", given.images_file)
    wanted = _request(given)
    opened = open_project(wanted.project)
    plan = read_plan(given.shards_file) if given.shards_file else None
    if given.shards_file and plan is None:
        say("the plan has no shards: there is nothing to merge", err=True)
        return ExitCode.DONE
    if plan:
        check(plan, opened, every_strategy=plan.every_strategy)
    known = Wanted(
        project=opened.project.name,
        revision=opened.checkout.known_revision,
        plan=plan.digest if plan else "",
    )
    records = list(_archived(given.files)) if given.files else _on_record(wanted, opened)
    chosen = choose(records, known, strict=bool(given.files))
    merged = merge(planned(wanted, opened, chosen), chosen)
    _tell(given, merged)
    if given.images_file:
        write_json("--images-file", given.images_file, document(merged.record))
    if merged.error:
        raise merged.error
    judge(merged.plan, merged.record)
    return ExitCode.DONE


def _request(given: MergeGiven) -> BuildRequest:
    from msgspec.structs import replace

    from gobake.plan.request import BuildRequest
    from gobake.targets.matrix import Selection

    project = replace(
        request(given.project, history=given.history), registry=given.registry, version=given.version or ""
    )
    return BuildRequest(
        project=project,
        selection=Selection(further_tags=given.tags[1:]),
        caches=caches_of(given.caches),
        gate=gate_wish(given.gate),
        tag=given.tags[0],
        quiet=given.project.quiet,
        color=given.project.color,
        command=tuple(sys.argv[1:]),
    )


def _archived(files: tuple[Path, ...]) -> Iterator[RunRecord]:
    from gobake.runs.archive import Refused, read

    told = 0
    for file in files:
        runs = 0
        for entry in read(file):
            if isinstance(entry, Refused):
                told += 1
                if told <= _TOLD:
                    say(f"{file}: line {entry.line} {entry.says}", err=True)
            elif entry.record.shard:
                runs += 1
                yield entry.record
        if not runs:
            raise UsageError(f"{file}: holds no run of a shard", remedy="`gobake runs export last` writes one")


def _on_record(wanted: BuildRequest, opened: Opened) -> list[RunRecord]:
    """Return the runs of this machine's history and of the cache store."""
    from gobake.caching.store.history import travel
    from gobake.plan.discover import choose_caches, history_folder
    from gobake.runs.store import RunStore

    found: list[RunRecord] = []
    try:
        with RunStore.reading(history_folder(opened, wanted.project)) as store:
            found = store.recent(_RECORDS)
    except GobakeError as error:
        say(f"note: {error}", err=True)
    remote = travel(choose_caches(opened, wanted.caches, os.environ), opened.project.name)
    if remote and remote.reads:
        found += remote.newest(_RECORDS, {record.id for record in found})
    return found


def _tell(given: MergeGiven, merged: Merged) -> None:
    from gobake.report.summary import print_pushed, print_summary

    if given.project.quiet:
        return
    print_summary(merged.record, (), color=given.project.color, notes=merged.notes)
    if not merged.error:
        print_pushed(merged.record, color=given.project.color)
