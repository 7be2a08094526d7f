"""`gobake ci matrix`: the jobs that build a matrix, as GitHub's `fromJSON` takes them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct
from msgspec.structs import replace

from gobake.cli.affected import USUAL, look, moved_bases_option
from gobake.cli.options import (
    CachesGiven,
    ProjectGiven,
    TargetsGiven,
    cache_options,
    caches_of,
    given_as,
    history_option,
    project_options,
    request,
    selection,
    target_options,
    without_meaning,
)
from gobake.cli.param_types import Runner
from gobake.cli.sections import Sectioned
from gobake.errors import UsageError
from gobake.model import Platform
from gobake.text.layout import width_of_terminal
from gobake.text.say import say, show

if TYPE_CHECKING:
    from gobake.plan.build_plan import BuildPlan
    from gobake.plan.request import BuildRequest
    from gobake.targets.shards import ShardPlan

_BY = ("platform", "service", "balanced")


class MatrixGiven(Struct, frozen=True, kw_only=True):
    """What `gobake ci matrix` is given."""

    project: ProjectGiven
    targets: TargetsGiven
    caches: CachesGiven
    history: Path | None
    shards: int | None
    by: str | None
    affected: str | None
    moved_bases: bool
    every: bool
    runners: tuple[tuple[Platform, str], ...]
    form: str


@click.command("matrix", cls=Sectioned)
@without_meaning("verbose")
@project_options
@target_options
@cache_options
@history_option
@click.option(
    "--shards",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Split into N shards, and less if there is not as much to do.",
)
@click.option(
    "--by",
    type=click.Choice(_BY),
    help="Whole platforms; services for all their platforms; or shards that take about the same time (default with "
    "--shards).  [default: platform]",
)
@click.option(
    "--affected",
    is_flag=False,
    flag_value=USUAL,
    metavar="[COMMIT]",
    help="Split only the services whose images differ from those of a commit, as `gobake affected` finds them. It "
    "follows the services; without a commit, it is the last option.",
)
@moved_bases_option
@click.option("--all", "every", is_flag=True, help="Split the whole matrix, as `gobake all` builds it.")
@click.option(
    "--runner",
    "runners",
    type=Runner(),
    multiple=True,
    help="The runner of a platform, such as linux/arm64=self-hosted; default: GitHub's own for its architecture.",
)
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True)
@given_as(MatrixGiven)
def matrix_command(given: MatrixGiven) -> None:
    """Split a matrix into shards, one for each runner of a CI. Needs no engine.

    Each service is in one shard for each of its platforms (default: linux/amd64). Services of a platform stay together,
    as they share a compile.

    \b
    gobake ci matrix -p linux/amd64,linux/arm64
    gobake ci matrix -p linux/amd64,linux/arm64 --shards 4 --affected
    gobake ci matrix --format github --shards 4 >> "$GITHUB_OUTPUT"
    """
    from gobake.report import shards
    from gobake.targets.shard_file import as_matrix

    if given.by == "balanced" and given.shards is None:
        raise UsageError("--by balanced needs the number of shards", remedy="add --shards N")
    plan = _split(given)
    matrix = as_matrix(plan, {str(platform): label for platform, label in given.runners})
    if given.shards is not None and len(plan.shards) < given.shards and not given.project.quiet:
        say(f"note: there is work for {len(plan.shards)} of {given.shards} shards", err=True)
    if given.form == "json":
        show(json.dumps(matrix, indent=2))
    elif given.form == "github":
        show(shards.as_outputs(matrix))
    else:
        show("\n".join(shards.lines(plan, matrix, width_of_terminal(sys.stdout))))


def _split(given: MatrixGiven) -> ShardPlan:
    from gobake.plan.request import BuildRequest
    from gobake.plan.shards import recorded, shard_plan
    from gobake.targets.shards import By

    wanted = BuildRequest(
        project=replace(
            request(given.project, given.targets, history=given.history),
            lenient=True,
            on_host=given.affected is not None,
        ),
        selection=selection(given.project, given.targets, every_strategy=given.every),
        caches=caches_of(given.caches),
    )
    plan, services = _planned(given, wanted)
    by = By(given.by or (By.BALANCED if given.shards else By.PLATFORM))
    return shard_plan(plan, by, given.shards, seconds=recorded(plan), services=services)


def _planned(given: MatrixGiven, wanted: BuildRequest) -> tuple[BuildPlan, frozenset[str] | None]:
    """Return (the plan, the affected services; None for all of them). Tells which are affected."""
    from gobake.plan.build_plan import make_plan
    from gobake.plan.builder import assumed
    from gobake.plan.discover import open_project
    from gobake.plan.shards import NATIVE
    from gobake.report import affected

    if given.affected is None:
        return make_plan(wanted, open_project(wanted.project), assumed(NATIVE), os.environ), None
    plan, base, found = look(wanted, assumed(NATIVE), given.affected, bases=given.moved_bases)
    if not given.project.quiet:
        show("\n".join(affected.lines(plan.project.shown, base, found, width_of_terminal(sys.stderr))), err=True)
    return plan, frozenset(found.affected)
