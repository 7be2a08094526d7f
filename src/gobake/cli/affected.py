"""`gobake affected`: the services that a commit builds otherwise; and `gobake build --affected`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct
from msgspec.structs import replace

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
    strategy_option,
    target_options,
    without_meaning,
)
from gobake.cli.sections import Sectioned
from gobake.model import Strategy
from gobake.text.layout import width_of_terminal
from gobake.text.say import show

if TYPE_CHECKING:
    from gobake.affected.between import Found
    from gobake.affected.since import Base
    from gobake.engine import BuilderQuery
    from gobake.plan.build_plan import BuildPlan
    from gobake.plan.builder import PlannedBuilder
    from gobake.plan.request import BuildRequest

USUAL = "usual"  # --affected without a commit


moved_bases_option = click.option(
    "--moved-bases",
    is_flag=True,
    help="Ask registries, too, whether base images have moved under their tags since that commit was built.",
)


class AffectedGiven(Struct, frozen=True, kw_only=True):
    """What `gobake affected` is given."""

    project: ProjectGiven
    targets: TargetsGiven
    caches: CachesGiven
    strategies: tuple[tuple[Strategy, ...], ...]
    history: Path | None
    since: str
    moved_bases: bool
    every: bool
    form: str


@click.command("affected", cls=Sectioned)
@without_meaning("verbose", "quiet")
@project_options
@target_options
@strategy_option
@cache_options
@history_option
@click.option(
    "--since",
    default="",
    metavar="COMMIT",
    help="Compare with this commit; default: the base of a pull request, else the last run that built everything, here "
    "or in the cache store.",
)
@moved_bases_option
@click.option("--all", "every", is_flag=True, help="Compare the whole matrix, as `gobake all` builds it.")
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True)
@given_as(AffectedGiven)
def affected_command(given: AffectedGiven) -> None:
    """Show the services whose images would differ from those of another commit, and why. Needs no engine.

    \b
    gobake affected --since main
    gobake affected --since HEAD~1 api worker
    gobake affected --format github >> "$GITHUB_OUTPUT"
    """
    from gobake.plan.builder import assumed
    from gobake.plan.request import BuildRequest
    from gobake.report import affected

    wanted = BuildRequest(
        project=replace(request(given.project, given.targets, history=given.history), lenient=True, on_host=True),
        selection=selection(given.project, given.targets, given.strategies, every_strategy=given.every),
        caches=caches_of(given.caches),
    )
    plan, base, found = look(wanted, assumed(), given.since, bases=given.moved_bases)
    if given.form == "json":
        show(json.dumps(affected.as_json(base, found), indent=2))
    elif given.form == "github":
        show(affected.as_outputs(found))
    else:
        show("\n".join(affected.lines(plan.project.shown, base, found, width_of_terminal(sys.stdout))))


def look(wanted: BuildRequest, builder: PlannedBuilder, ref: str, *, bases: bool) -> tuple[BuildPlan, Base, Found]:
    """Return (the plan, the commit, what differs from it). ``ref``: USUAL or "" for the usual one."""
    from gobake.affected import since
    from gobake.plan.build_plan import make_plan
    from gobake.plan.discover import open_project

    plan = make_plan(wanted, open_project(wanted.project), builder, os.environ)
    return plan, *since.look(plan, "" if ref == USUAL else ref, os.environ, bases=bases)


def narrowed(wanted: BuildRequest, ref: str, query: BuilderQuery, *, bases: bool) -> BuildRequest | None:
    """Return the request for the affected services only; None if there are none. Tells which.

    ``bases``: see `since.look`.
    """
    from gobake.plan.builder import answered
    from gobake.report import affected

    plan, base, found = look(wanted, answered(query), ref, bases=bases)
    if not wanted.quiet:
        show("\n".join(affected.lines(plan.project.shown, base, found, width_of_terminal(sys.stderr))), err=True)
    if not found.affected:
        return None
    return replace(wanted, selection=replace(wanted.selection, services=found.affected))
