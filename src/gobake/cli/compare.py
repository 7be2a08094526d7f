"""`gobake compare`: the images of all strategies side by side, and which one to choose."""

from __future__ import annotations

import json
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
)
from gobake.cli.param_types import DatabaseUrl
from gobake.cli.sections import Sectioned
from gobake.cli.single_options import output_option
from gobake.cli.starts import StartsGiven, smoke_options, start_seconds
from gobake.model import Strategy
from gobake.text.layout import width_of_terminal
from gobake.text.say import say, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gobake.choosing.account import Comparison
    from gobake.choosing.gathering import Wanted
    from gobake.choosing.scanning import Scans
    from gobake.plan.build_plan import BuildPlan
    from gobake.runs.record import RunRecord

_FORMATS = ("text", "json", "markdown", "html")
_WITH_MODULES = ("json", "html")  # formats that tell the modules of programs
_PAGE = Path("gobake-compare.html")
_RECORDS = 20  # that are searched for the seconds of a strategy


class CompareGiven(Struct, frozen=True, kw_only=True):
    """What `gobake compare` is given."""

    project: ProjectGiven
    targets: TargetsGiven
    caches: CachesGiven
    strategies: tuple[tuple[Strategy, ...], ...]
    history: Path | None
    all_details: bool
    scan: bool
    vulndb: str
    form: str
    output: Path | None
    run: bool
    starts: StartsGiven


@click.command("compare", cls=Sectioned)
@project_options
@target_options
@strategy_option
@cache_options
@history_option
@click.option("--all-details", is_flag=True, help="Show every service in detail, not only one that is compared alone.")
@click.option(
    "--scan",
    is_flag=True,
    help="Count known vulnerabilities with grype, trivy and govulncheck, those that are on this machine.",
)
@click.option(
    "--vulndb",
    envvar="GOBAKE_VULNDB",
    type=DatabaseUrl(),
    default="",
    help="With --scan: the database of govulncheck; default: https://vuln.go.dev.",
)
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True)
@output_option(f"Write to this file; default of --format html: {_PAGE}.")
@click.option(
    "--run",
    is_flag=True,
    help="Start each image again and again: seconds until it answers, memory, and which rights it needs.",
)
@smoke_options
@given_as(CompareGiven)
def compare_command(given: CompareGiven) -> int:
    """Compare the images that the strategies make of each service, and recommend one with the reasons for it.

    Builds what `gobake all` builds of the same services and strategies, and then looks at the images in the engine.

    \b
    gobake compare api
    gobake compare api -s scratch,distroless,alpine
    gobake compare --format markdown
    gobake compare --format html
    """
    from gobake.engine import BuilderQuery

    project, targets = given.project, given.targets
    with BuilderQuery(project.builder) as query:  # before the imports, which take as long as the answers
        from gobake.plan.request import BuildRequest
        from gobake.run import run

        wanted = BuildRequest(
            project=request(project, targets, history=given.history),
            selection=selection(project, targets, given.strategies, every_strategy=True),
            caches=caches_of(given.caches),
            tag=targets.tags[0],
            load=True,
            smoke=given.starts.smoke,
            smoke_seconds=start_seconds(given.starts),
            keep_going=not targets.services,
            verbose=project.verbose,
            quiet=project.quiet,
            color=project.color,
            command=tuple(sys.argv[1:]),
        )
        return run(wanted, query, lambda plan, record: _show(given, plan, record))


def _show(given: CompareGiven, plan: BuildPlan, record: RunRecord) -> None:
    from gobake.cli.report import written_page

    found = _compared(given, plan, record)
    if not found.choices:
        return  # nothing was built; the error follows
    page = _PAGE if given.form == "html" else None
    with written_page(given.output, page, "the comparison is", quiet=given.project.quiet):
        _print(given, found)


def _print(given: CompareGiven, found: Comparison) -> None:
    from gobake.report import compare_json, compare_markdown, compare_text

    details = given.all_details or given.run or len(found.services) == 1
    if given.form == "json":
        show(json.dumps(compare_json.as_json(found), indent=2))
    elif given.form == "html":
        from gobake.report.html.compare import as_html

        show(as_html(found), nl=False)
    elif given.form == "markdown":
        show(compare_markdown.as_markdown(found, details=details))
    else:
        show("\n".join(compare_text.lines(found, width_of_terminal(sys.stdout), details=details)))


def _compared(given: CompareGiven, plan: BuildPlan, record: RunRecord) -> Comparison:
    from gobake.choosing.account import Comparison, advised, choices
    from gobake.choosing.gathering import gather, wanted
    from gobake.needs.sources import service_needs
    from gobake.paths import scratch_folder

    matrix = plan.matrix
    images = wanted(matrix.targets, record, plan.project.prefix, plan.request.tag)
    with scratch_folder() as scratch:
        modules = given.form in _WITH_MODULES
        built = gather(plan.project, images, _records(plan, record), scratch, modules=modules)
        scans = _scans(given, images, scratch) if given.scan else None
    if scans:
        built = [replace(one, scans=found) for one, found in zip(built, scans.found, strict=True)]
    if given.run:
        from gobake.run.measure import with_measured

        built = with_measured(plan, [image.target for image in images], built)
    needs = service_needs(plan.project, plan.opened.tree, matrix, plan.history)
    return Comparison(
        project=plan.project.shown,
        run=record.id,
        choices=tuple(advised(choice, needs[choice.service]) for choice in choices(built)),
        left_out=matrix.left_out,
        absent=scans.absent if scans else None,
    )


def _scans(given: CompareGiven, images: Sequence[Wanted], scratch: Path) -> Scans:
    from gobake.choosing.scanning import scan, tools
    from gobake.report.quantities import count_text

    there = tools(given.vulndb)
    if there.present and not given.project.quiet:
        say(f"scanning {count_text(len(images), 'image')} with {', '.join(map(str, there.present))}", err=True)
    return scan(images, there, scratch)


def _records(plan: BuildPlan, record: RunRecord) -> list[RunRecord]:
    """Return the last records, newest first; only the run's own if the history cannot be read."""
    from gobake.errors import GobakeError
    from gobake.runs.store import RunStore

    try:
        with RunStore(plan.history, writes=False) as store:
            return store.recent(_RECORDS)
    except GobakeError:
        return [record]
