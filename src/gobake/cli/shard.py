"""`gobake build --shard`: one of several runners builds its part of a matrix."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct
from msgspec.structs import replace

from gobake.cli.options import gathered
from gobake.errors import UsageError
from gobake.text.say import say

if TYPE_CHECKING:
    from gobake.plan.discover import Opened
    from gobake.plan.request import BuildRequest
    from gobake.targets.shards import ShardOf, ShardPlan

_LONGEST = 1 << 20  # bytes of a plan
_LONGEST_PATH = 4096


class ShardGiven(Struct, frozen=True, kw_only=True):
    """Which shard to build, of which plan."""

    shard: str | None
    shards_file: str | None


shards_file_option = click.option(
    "--shards-file",
    envvar="GOBAKE_SHARDS",
    metavar="FILE|JSON",
    help="The plan of the shards, as `gobake ci matrix` printed it: a file, or its text.",
)
shard_options = gathered(
    "shard",
    ShardGiven,
    click.option(
        "--shard",
        metavar="I/N|NAME",
        help="Build only this shard of a matrix. With --push its images get no tags: `gobake ci merge` sets them, when "
        "all shards are there. Without --shards-file, I/N is of a plan that depends on the tree alone.",
    ),
    shards_file_option,
)


def sharded(wanted: BuildRequest, given: ShardGiven) -> BuildRequest | None:
    """Return the request for what a shard builds; None if there is nothing. Raises UsageError."""
    if not given.shard:
        return wanted
    found = _found(wanted, given.shard, given.shards_file or "")
    if found is None:
        if not wanted.quiet:
            say(f"shard {given.shard}: there is nothing to build", err=True)
        return None
    platforms = found.shard.platforms
    return replace(
        wanted,
        project=replace(wanted.project, platforms=platforms),
        selection=replace(
            wanted.selection, services=found.shard.services, platforms=platforms, parts=found.shard.parts
        ),
        untagged=wanted.push,
        shard=found,
    )


def _found(wanted: BuildRequest, name: str, given: str) -> ShardOf | None:
    from gobake.plan.discover import open_project
    from gobake.targets.shard_file import found_in
    from gobake.targets.shards import ShardOf

    opened = open_project(wanted.project)
    if given:
        if wanted.selection.services:
            raise UsageError("--shard says which services are built", remedy="name services to `gobake ci matrix`")
        plan = read_plan(given)
        if plan:
            check(plan, opened, every_strategy=wanted.selection.every_strategy)
    else:
        plan = _by_tree(wanted, opened, name)
    shard = found_in(plan, name)
    return ShardOf(shard=shard, plan=plan) if plan and shard else None


def _by_tree(wanted: BuildRequest, opened: Opened, name: str) -> ShardPlan:
    """Split what is to be built into N shards, by nothing that another machine may not know."""
    from gobake.plan.build_plan import make_plan
    from gobake.plan.builder import assumed
    from gobake.plan.shards import NATIVE, shard_plan
    from gobake.targets.shards import By

    count = name.rpartition("/")[2]
    if not (count.isdecimal() and 0 < int(count) <= 256):
        raise UsageError(f"--shard {name[:80]!r}: its plan is not known", remedy="give it with --shards-file, or I/N")
    plan = make_plan(replace(wanted, push=False), opened, assumed(NATIVE), os.environ)
    return shard_plan(plan, By.BALANCED, int(count), seconds={})


def read_plan(given: str) -> ShardPlan | None:
    """Return the plan that is given as JSON or as the path of a file; None if it has no shards. Raises UsageError."""
    from gobake.targets.shard_file import from_matrix

    if given.lstrip().startswith("{"):
        return from_matrix(given.encode("utf-8", "replace"))
    file = Path(given[:_LONGEST_PATH])
    try:
        with file.open("rb") as content:
            return from_matrix(content.read(_LONGEST + 1))
    except OSError as error:
        raise UsageError(f"--shards-file {file}: {error.strerror}", remedy="give a file, or the JSON itself") from None


def check(plan: ShardPlan, opened: Opened, *, every_strategy: bool) -> None:
    """Raise UsageError for the plan of another project, commit or command."""
    project, revision = opened.project, opened.checkout.known_revision
    command = "all" if plan.every_strategy else "build"
    known = {service.name for service in (*project.services, *project.left_out)}
    strange = [name for shard in plan.shards for name in shard.services if name not in known]
    if plan.project != project.name:
        what = f"of the project {plan.project!r}, and this is {project.name!r}"
    elif plan.revision != revision:
        what = f"of the commit {plan.revision[:12] or 'none'}, and this is {revision[:12] or 'none'}"
    elif plan.every_strategy != every_strategy:
        what = f"one for `gobake {command}`"
    elif strange:
        what = f"of another tree: there is no service {strange[0]!r}"
    else:
        return
    raise UsageError(f"the plan of the shards is {what}", remedy="make it anew: gobake ci matrix")
