"""`gobake plan` and `gobake render`: what would be built, as text and as files."""

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
    format_option,
    given_as,
    project_options,
    request,
    selection,
    strategy_option,
    target_options,
    without_meaning,
)
from gobake.cli.sections import Sectioned
from gobake.errors import GobakeError, Unwritable, UsageError
from gobake.model import Strategy
from gobake.text.layout import width_of_terminal
from gobake.text.say import say, show

if TYPE_CHECKING:
    from gobake.model import Project
    from gobake.plan.builder import PlannedBuilder
    from gobake.plan.discover import Opened
    from gobake.plan.request import BuildRequest
    from gobake.recipe import Places
    from gobake.targets.matrix import Matrix


class _Given(Struct, frozen=True, kw_only=True):
    """What both commands are given."""

    project: ProjectGiven
    targets: TargetsGiven
    caches: CachesGiven
    strategies: tuple[tuple[Strategy, ...], ...]


class PlanGiven(_Given, frozen=True, kw_only=True):
    """What `gobake plan` is given."""

    every: bool
    form: str


class RenderGiven(_Given, frozen=True, kw_only=True):
    """What `gobake render` is given."""

    folder: Path | None
    force: bool


@click.command("plan", cls=Sectioned)
@without_meaning("verbose", "quiet")
@project_options
@target_options
@strategy_option
@click.option("--all", "every", is_flag=True, help="Plan the whole matrix, as `gobake all` builds it.")
@cache_options
@format_option
@given_as(PlanGiven)
def plan_command(given: PlanGiven) -> None:
    """Show what would be built, and why. Needs no engine unless --builder names a builder."""
    from gobake.needs.sources import service_needs
    from gobake.plan.build_plan import make_plan
    from gobake.plan.discover import open_project
    from gobake.report.plan import as_json, print_plan

    every = given.every
    wanted = _request(given, every_strategy=every, lenient=True)
    opened = open_project(wanted.project)
    plan = make_plan(wanted, opened, _builder(wanted, opened), os.environ)
    needs = service_needs(plan.project, opened.tree, plan.matrix, plan.history)
    if given.form == "json":
        show(json.dumps(as_json(plan, needs), indent=2))
    else:
        print_plan(plan, needs, color=given.project.color, width=width_of_terminal(sys.stdout))


@click.command("render", cls=Sectioned)
@without_meaning("verbose")
@project_options
@target_options
@strategy_option
@cache_options
@click.option(
    "--to", "folder", type=click.Path(path_type=Path), help="Write to this folder instead of the project's own."
)
@click.option("--force", is_flag=True, help="Overwrite files that gobake did not write.")
@given_as(RenderGiven)
def render_command(given: RenderGiven) -> None:
    """Write the Dockerfile, its ignore file and docker-bake.json for plain `docker buildx bake`.

    Without --strategy, all strategies of every service are written; the default group contains the configured ones.
    The bake file uses the builder's own caches only. With --cache-policy, it also has cache-from and cache-to.
    """
    from gobake import recipe
    from gobake.caching.layers.plan import LayerPlan
    from gobake.plan import outside
    from gobake.plan.build_plan import make_plan
    from gobake.plan.builder import assumed
    from gobake.plan.discover import open_project
    from gobake.report.quantities import count_text

    wanted = _request(given, every_strategy=True)
    opened = open_project(wanted.project)
    project = replace(opened.project, version=given.targets.version or opened.project.version)
    plan = make_plan(wanted, replace(opened, project=project), assumed(), os.environ, handed_on=True)
    if not given.caches.cache_policy:
        plan = plan.with_layers(LayerPlan(targets={}))
    matrix = plan.matrix
    folder = _made((given.folder or project.root).resolve())
    chosen = wanted.selection.strategies
    lacking = frozenset() if Strategy.PREBUILT in chosen else outside.not_compiled(project, matrix)
    texts = plan.recipe(_places(project, folder, lacking), given.targets.tags[0])
    written = {recipe.DOCKERFILE: texts.dockerfile, recipe.IGNORE_FILE: texts.ignore, recipe.BAKE_FILE: texts.bake}
    if not given.force:
        _refuse_foreign(folder, written)
    _write(folder, written)
    for note in matrix.left_out:
        say(f"left out: {note}", err=True)
    command = _command(project, matrix, folder)
    if not given.project.quiet:
        if lacking:
            named = f"{', '.join(sorted(lacking))} in prebuilt: no {project.prebuilt}"
            say(f"in no group: {named}; `-s prebuilt` puts them in", err=True)
        say(f"{', '.join(written)} in {folder}: {count_text(len(matrix.targets), 'target')}; next: {command}")


def _command(project: Project, matrix: Matrix, folder: Path) -> str:
    """Return the command that builds what was rendered; warn of files of the user that change what it does."""
    from gobake import recipe

    command = "docker buildx bake"
    if beside := [name for name in recipe.READ_BY_BAKE if (folder / name).exists()]:
        command += f" -f {recipe.BAKE_FILE}"
        say(
            f"warning: bake reads {', '.join(beside)} too, whose targets and groups join or replace these; "
            f"run `{command}`, followed by what to build",
            err=True,
        )
    if any(service.files for service in matrix.services) and (project.context / ".dockerignore").exists():
        say("warning: what .dockerignore leaves out is left out of `files` too by plain bake", err=True)
    return command


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unwritable(
            f"{folder} cannot be made: {error.strerror}", remedy="choose another folder with --to"
        ) from None
    return folder


def _places(project: Project, folder: Path, lacking: frozenset[str]) -> Places:
    """Return paths relative to the output folder, so that it can be moved with the project."""
    from gobake import recipe

    context = _relative(project.context, folder)
    return recipe.Places(
        context=context,
        dockerfile=recipe.DOCKERFILE if context == "." else str(folder / recipe.DOCKERFILE),
        prebuilt=_relative(project.root / recipe.prebuilt_folder(project), folder),
        project=_relative(project.root, folder),
        lacking=lacking,
    )


def _write(folder: Path, written: dict[str, str]) -> None:
    from gobake.files import whole

    try:
        # replaces links, because they come with the tree and may lead anywhere
        whole.write_all({folder / name: text.encode() for name, text in written.items()}, private=False)
    except OSError as error:
        raise Unwritable(
            f"{error.filename or folder} cannot be written: {error.strerror}", remedy="choose another folder with --to"
        ) from None


def _request(given: _Given, *, every_strategy: bool, lenient: bool = False) -> BuildRequest:
    from gobake.plan.request import BuildRequest

    return BuildRequest(
        project=replace(request(given.project, given.targets), lenient=lenient),
        selection=selection(given.project, given.targets, given.strategies, every_strategy=every_strategy),
        caches=caches_of(given.caches),
        tag=given.targets.tags[0],
    )


def _builder(wanted: BuildRequest, opened: Opened) -> PlannedBuilder:
    """Return the named builder as it reports itself.

    Without a name, it is only asked if the caches that the run may use depend on its driver, and it need not respond.
    """
    from gobake.caching.policy.namespaces import kept_apart, thrown_away
    from gobake.engine import BuilderQuery
    from gobake.plan.builder import answered, assumed
    from gobake.plan.discover import choose_caches

    caches = choose_caches(opened, wanted.caches, os.environ)
    named = wanted.project.builder
    if not named and not (kept_apart(caches) and thrown_away(caches, os.environ)):
        return assumed()
    try:
        with BuilderQuery(named) as query:
            return answered(query)
    except GobakeError:
        if named:
            raise
        return assumed()


def _relative(path: Path, start: Path) -> str:
    return os.path.relpath(path, start)


def _refuse_foreign(folder: Path, files: dict[str, str]) -> None:
    """Only overwrite what a render wrote: Dockerfile and ignore file say so, the bake file names the Dockerfile."""
    for name in files:
        file = folder / name
        if file.exists() and b"gobake" not in file.read_bytes():
            raise UsageError(
                f"{file} is there already and is not gobake's",
                remedy="write elsewhere with --to DIR, or replace it with --force",
            )
