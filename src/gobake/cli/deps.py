"""`gobake deps`: the modules that services link, what each weighs, and why it is there."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from gobake.cli import completing
from gobake.cli.options import given_as, history_option, joined, project_options, request, without_meaning
from gobake.cli.records import RecordsGiven, open_records
from gobake.cli.single_options import output_option, platform_option
from gobake.errors import UsageError
from gobake.model import Platform
from gobake.text.layout import width_of_terminal
from gobake.text.say import say, show

if TYPE_CHECKING:
    from gobake.deps.account import Account
    from gobake.deps.built import Built
    from gobake.deps.costs import Costs
    from gobake.deps.gathering import Wanted
    from gobake.deps.sizes import Program
    from gobake.plan.discover import Opened
    from gobake.plan.request import ProjectRequest
    from gobake.runs.record import RunRecord
    from gobake.runs.store import RunStore

_FORMATS = ("text", "json", "dot", "mermaid", "html")
_GRAPHS = ("dot", "mermaid")
_PAGE = Path("gobake-deps.html")
_PATHS = {"text": 5, "json": 100}  # shown per service with --why


class DepsGiven(RecordsGiven, frozen=True, kw_only=True):
    """What `gobake deps` is given."""

    services: tuple[str, ...]
    platforms: tuple[tuple[Platform, ...], ...]
    why: str | None
    tree: bool
    form: str
    output: Path | None
    offline: bool
    sizes: tuple[Path, ...]


@click.command("deps")
@without_meaning("builder", "verbose", "quiet")
@click.argument("services", nargs=-1, metavar="[SERVICE]...", shell_complete=completing.services)
@platform_option("The platforms to build for; default: those of the services, or this machine's.")
@click.option("--why", metavar="MODULE|PACKAGE", help="Show the shortest import paths to a module or package.")
@click.option("--tree", is_flag=True, help="Show the modules of each service as a tree.")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True)
@output_option("Write to this file.")
@click.option("--offline", is_flag=True, help="Ask no module proxy: nothing about newer versions, no downloads.")
@click.option(
    "--size",
    "sizes",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="A report of `gobake size SERVICE --format json`, for the bytes of modules; may be repeated.",
)
@history_option
@project_options
@given_as(DepsGiven)
def deps_command(given: DepsGiven) -> None:
    """Show the modules that services link: packages, compile time, licence, newer versions, and what would go without.

    Needs Go on this machine, and no engine.
    """
    from gobake.cli.report import written_to
    from gobake.plan.discover import open_project

    _check(given)
    asked = replace(
        request(given.project, history=given.history),
        lenient=True,
        on_host=True,
        platforms=joined(given.platforms),
    )
    opened = open_project(asked)
    file = given.output or (_PAGE if given.form == "html" else None)
    with written_to(file):
        _show(given, opened, asked)
    if given.form == "html" and file and file.is_file():  # not for /dev/stdout
        say(f"the dependencies of {opened.project.name} are in {file}")


def _check(given: DepsGiven) -> None:
    """Refuse options that contradict each other."""
    if given.tree and (given.why is not None or given.form != "text"):
        raise UsageError("--tree is a text of its own", remedy="leave --why and --format out")
    if given.why is not None and given.form not in _PATHS:
        raise UsageError(f"--why has no format {given.form}", remedy=f"one of {', '.join(_PATHS)}")
    if given.sizes and (given.tree or given.why is not None or given.form in _GRAPHS):
        raise UsageError("--size is for the table of modules", remedy="leave --tree, --why, dot and mermaid out")


def _show(given: DepsGiven, opened: Opened, asked: ProjectRequest) -> None:
    from gobake.deps.gathering import gather
    from gobake.report import deps_json, deps_text

    go = opened.host_go or ""
    wanted = _wanted(given, opened)
    builds = gather(opened.tree.layout, wanted, go, fetch=not given.offline)
    width = width_of_terminal(sys.stdout)
    if given.why is not None:
        _show_why(given.form, _bare(opened, builds), given.why, width)
        return
    from gobake.plan.discover import history_folder

    with open_records(given, history_folder(opened, asked)) as store:
        costs = _costs(builds, store)
    if given.tree or given.form in _GRAPHS:
        _show_graph(given.form, _bare(opened, builds, costs))
        return
    found = _account(given, opened, builds, costs, wanted, go)
    if given.form == "json":
        show(json.dumps(deps_json.as_json(found), indent=2))
    elif given.form == "html":
        from gobake.report.html.deps import as_html

        show(as_html(found), nl=False)
    else:
        show("\n".join(deps_text.lines(found, width)))


def _show_graph(form: str, found: Account) -> None:
    from gobake.report import deps_graph, deps_text

    if form == "dot":
        show(deps_graph.as_dot(found))
    elif form == "mermaid":
        show(deps_graph.as_mermaid(found))
    else:
        show("\n".join(deps_text.tree_lines(found)))


def _wanted(given: DepsGiven, opened: Opened) -> list[Wanted]:
    from gobake.engine import host_platform
    from gobake.services.asking import asked_for

    seen_from = (Path.cwd() / given.project.directory).resolve()
    chosen = joined(given.platforms)
    services = asked_for(opened.project, given.services, seen_from)
    return [(service, chosen or service.platforms or (host_platform(),)) for service in services]


def _bare(opened: Opened, builds: Sequence[Built], costs: Costs | None = None) -> Account:
    """Return an account of what the graph alone tells."""
    from gobake.deps.account import Known, account
    from gobake.deps.costs import Costs
    from gobake.deps.licences import Licences

    known = Known(costs=costs or Costs(), licences=lambda _module, _folder: Licences())
    return account(opened.project.name, builds, known)


def _account(
    given: DepsGiven, opened: Opened, builds: Sequence[Built], costs: Costs, wanted: Sequence[Wanted], go: str
) -> Account:
    from gobake.deps.account import Known, account, asked_version
    from gobake.deps.gathering import ignored, licences_of, roots_of
    from gobake.gotool import tidy, upgrades
    from gobake.proc import futures

    layout = opened.tree.layout
    versions = {asked_version(module) for built in builds for module in built.linked.modules if not module.main}
    newer = None
    if not given.offline:
        named = [one for one in versions if all(one)]
        newer = futures.start(lambda: upgrades.upgrades(named, go))
    known = Known(
        costs=costs,
        licences=licences_of,
        unneeded=tidy.unneeded(layout, roots_of(layout, wanted), go, fetch=not given.offline),
        ignored=ignored(builds),
        sizes=_sizes(given.sizes, builds),
        upgrades=newer.result() if newer else None,
    )
    return account(opened.project.name, builds, known)


def _sizes(files: Sequence[Path], builds: Sequence[Built]) -> tuple[Program, ...]:
    """Return the measured programs. Raises UsageError for one that is estimated, or of no chosen service."""
    from gobake.deps.sizes import Gone, Program
    from gobake.size.values import decoded

    found = []
    for file in files:
        try:
            told = decoded(file).program
        except OSError as error:
            raise UsageError(f"--size {file} cannot be read: {error.strerror}") from None
        if told is None or told.basis not in ("symbols", "twin"):
            remedy = "build the service, and run `gobake size SERVICE --format json` on the same sources"
            raise UsageError(f"--size {file} holds no measured bytes of packages", remedy=remedy)
        packages = {one.package: one.bytes for module in told.modules for one in module.packages}
        without = {
            one.module: Gone(packages=one.packages - one.standard_packages, bytes=one.bytes)
            for one in told.without or ()
        }
        program = Program(package=told.package, arch=told.arch, packages=packages, without=without)
        if not any(program.is_of(built, paths) for built in builds for paths in built.services.values()):
            raise UsageError(f"--size {file} is of {told.package} for {told.arch}: no chosen service")
        found.append(program)
    return tuple(found)


def _costs(builds: Sequence[Built], store: RunStore) -> Costs:
    from gobake.deps.costs import costs

    return costs(_records(store), {one for built in builds for one in built.compiled(built.graph.packages)})


def _records(store: RunStore) -> Iterator[RunRecord]:
    """Yield the last readable records, newest first."""
    from gobake.runs import window
    from gobake.runs.record import UnreadableRecord

    for run_id in store.ids()[: -window.WHOLE - 1 : -1]:
        try:
            yield store.get(run_id)
        except UnreadableRecord:
            continue


def _show_why(form: str, found: Account, name: str, width: int | None) -> None:
    from gobake.config.spelling import shown
    from gobake.deps.account import names, why
    from gobake.report import deps_json, deps_text
    from gobake.text.nearest import did_you_mean

    answers = why(found, name, _PATHS[form])
    if not answers:
        remedy = did_you_mean(name, names(found), "`gobake deps` lists the modules")
        raise UsageError(f"no service links a module or package {shown(name)}", remedy=remedy)
    if form == "json":
        show(json.dumps(deps_json.why_as_json(name, answers), indent=2))
    else:
        show("\n".join(deps_text.why_lines(answers, width)))
