"""`gobake plan` and `gobake render`: what would be built, as a text and as files."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gobake.cli.options import (
    as_given,
    cache_options,
    caches_of,
    format_option,
    project_options,
    request,
    selection,
    strategy_option,
    target_options,
)
from gobake.errors import GobakeError, Unwritable, UsageError
from gobake.text.say import say, show

if TYPE_CHECKING:
    from gobake.caching.policy.choice import CacheSettings
    from gobake.model import Project
    from gobake.recipe import Places


@click.command("plan")
@project_options
@target_options
@strategy_option
@click.option("--all", "every", is_flag=True, help="The whole matrix, as `gobake all` builds it.")
@cache_options
@format_option
@as_given
def plan_command(given: dict[str, Any]) -> None:
    """Show what would be built, and why; needs no engine."""
    from gobake.caching.layers.plan import Builders, layer_caches
    from gobake.caching.policy.namespaces import namespace
    from gobake.needs.sources import service_needs
    from gobake.plan.discover import choose_caches, history_folder, open_project, versions_of
    from gobake.report.plan import as_json, as_text, make_plan
    from gobake.targets.matrix import select

    asked = replace(request(given), lenient=True)
    opened = open_project(asked)
    every = given["every"] or bool(given["strategies"])
    caches = choose_caches(opened, caches_of(given)).settled()
    opened = opened.within(namespace(caches, _driver(given["builder"], caches), os.environ))
    matrix = select(opened.project, selection(given, every_strategy=every), _default_platforms())
    layers = layer_caches(opened.project, matrix, caches, Builders(), given["tag"])
    needs = service_needs(opened.project, opened.tree, matrix, history_folder(opened, asked))
    versions = versions_of(opened, asked, given["tag"])
    plan = make_plan(opened, matrix, given["tag"], caches, layers, versions, needs)
    show(json.dumps(as_json(plan), indent=2) if given["form"] == "json" else as_text(plan))


@click.command("render")
@project_options
@target_options
@strategy_option
@cache_options
@click.option("--to", "folder", type=click.Path(path_type=Path), help="Another folder than the project's own.")
@click.option("--force", is_flag=True, help="Replace files that gobake did not write.")
@as_given
def render_command(given: dict[str, Any]) -> None:
    """Write the Dockerfile, its ignore file and docker-bake.json for plain `docker buildx bake`.

    Without --strategy all strategies of every service are written; the default group holds the chosen ones. Caches are
    those of the builder alone, unless --cache-policy names a policy: then cache-from and cache-to are written too.
    """
    from gobake import recipe
    from gobake.caching.layers.plan import Builders, layer_caches
    from gobake.model import Strategy
    from gobake.plan.discover import choose_caches, open_project
    from gobake.run import prebuilt
    from gobake.targets.matrix import select

    opened = open_project(request(given))
    project = replace(opened.project, version=given["version"] or opened.project.version)
    asked = selection(given, every_strategy=True)
    matrix = select(project, asked, _default_platforms())
    folder = _made((given["folder"] or project.root).resolve())
    lacking = frozenset() if Strategy.PREBUILT in asked.strategies else prebuilt.not_compiled(project, matrix)
    caches = {}
    if given["cache_policy"]:
        choice = choose_caches(opened, caches_of(given)).settled()
        caches = layer_caches(project, matrix, choice, Builders(), given["tag"]).targets
    places = _places(project, folder, lacking)
    texts = recipe.render(project, matrix, opened.tree, places, caches, given["tag"])
    written = {recipe.DOCKERFILE: texts.dockerfile, recipe.IGNORE_FILE: texts.ignore, recipe.BAKE_FILE: texts.bake}
    if not given["force"]:
        _refuse_foreign(folder, written)
    _write(folder, written)
    for note in matrix.left_out:
        say(f"left out: {note}", err=True)
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
    if not given["quiet"]:
        say(f"{', '.join(written)} in {folder}: {len(matrix.targets)} targets; next: {command}")


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unwritable(
            f"{folder} cannot be made: {error.strerror}", remedy="choose another folder with --to"
        ) from None
    return folder


def _places(project: Project, folder: Path, lacking: frozenset[str]) -> Places:
    """As they are seen from the folder that is written to, so that it can be moved with the project."""
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
        # in the place of a link: it came with the tree, and may lead anywhere
        whole.write_all({folder / name: text.encode() for name, text in written.items()}, private=False)
    except OSError as error:
        raise Unwritable(
            f"{error.filename or folder} cannot be written: {error.strerror}", remedy="choose another folder with --to"
        ) from None


def _driver(builder: str, caches: CacheSettings) -> str:
    """That of the builder, where the plan depends on it and it answers; else that of an engine of this machine."""
    from gobake.caching.policy.namespaces import kept_apart, thrown_away
    from gobake.engine import BuilderQuery

    if kept_apart(caches) and thrown_away(caches, os.environ):
        with contextlib.suppress(GobakeError), BuilderQuery(builder) as questions:
            return questions.builder().driver
    return "docker"


def _default_platforms() -> tuple[Any, ...]:
    """Without an engine asked, the host's own platform."""
    from gobake.engine import host_platform

    return (host_platform(),)


def _relative(path: Path, start: Path) -> str:
    import os

    return os.path.relpath(path, start)


def _refuse_foreign(folder: Path, files: dict[str, str]) -> None:
    """Overwrite only what a render wrote: Dockerfile and ignore file say so, the bake file names our Dockerfile."""
    for name in files:
        file = folder / name
        if file.exists() and b"gobake" not in file.read_bytes():
            raise UsageError(
                f"{file} is there already and is not gobake's",
                remedy="write elsewhere with --to DIR, or replace it with --force",
            )
