"""`gobake ci github` and `gobake ci gitlab`: write a pipeline, and keep what its user has edited."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct
from msgspec.structs import replace

from gobake.cli.options import (
    Decorator,
    ProjectGiven,
    given_as,
    joined,
    option_group,
    project_options,
    without_meaning,
)
from gobake.cli.param_types import PlatformList, worded
from gobake.errors import ExitCode, UsageError
from gobake.model import Platform
from gobake.text.say import say, show

if TYPE_CHECKING:
    from gobake.pipelines.heading import Page
    from gobake.pipelines.keeping import Rewrite
    from gobake.pipelines.options import Options, System
    from gobake.pipelines.place import Place

_STDOUT = "-"


class PipelineGiven(Struct, frozen=True, kw_only=True):
    """What `gobake ci github` and `gobake ci gitlab` are given."""

    project: ProjectGiven
    registry: str | None
    cache_store: str | None
    platforms: tuple[tuple[Platform, ...], ...]
    shards: int | None
    one_runner: bool | None
    install: str | None
    output: str | None
    check: bool
    diff: bool
    force: bool


def _options(registry: str, output: str) -> Decorator:
    return option_group(
        project_options,
        click.option(
            "--registry",
            metavar="PREFIX",
            help=f"The prefix of image names.  [default: {registry}]",
            callback=worded("REGISTRY", empty=False),
        ),
        click.option(
            "--cache-store",
            metavar="REPOSITORY",
            help="The registry repository where caches are kept; default: one beside the images.",
            callback=worded("STORE", empty=False),
        ),
        click.option(
            "-p",
            "--platform",
            "platforms",
            type=PlatformList(),
            multiple=True,
            help="The target platforms.  [default: linux/amd64,linux/arm64]",
        ),
        click.option(
            "--shards",
            type=click.IntRange(1, 256),
            metavar="N",
            help="Split the build over so many runners; default: one for each platform.",
        ),
        click.option(
            "--one-runner/--several-runners",
            "one_runner",
            default=None,
            help="Build everything in one job, or in a job for each shard.  [default: several runners]",
        ),
        click.option(
            "--install",
            metavar="SOURCE",
            help="What pip installs gobake from, such as git+https://git.example.com/acme/gobake@v1; default: the "
            "commit that this gobake was installed from.",
        ),
        click.option("-o", "--output", metavar="FILE", help=f"The file; - prints it.  [default: {output}]"),
        click.option("--check", is_flag=True, help="Write nothing; exit with code 5 if the file would change."),
        click.option("--diff", is_flag=True, help="Write nothing; print what would change."),
        click.option("--force", is_flag=True, help="Replace the file, and lose your edits of it."),
        given_as(PipelineGiven),
    )


@click.command("github")
@without_meaning("trust", "locked", "builder", "verbose")
@_options("ghcr.io/OWNER, of the remote `origin`", ".github/workflows/gobake.yml")
def github_command(given: PipelineGiven) -> int:
    """Write a workflow for GitHub Actions.

    Its jobs tell what a change affects, test, build on native runners, and merge, with tags last of all.

    Run again, with other options or a newer gobake, it keeps your edits, as git merges them. Options that are not given
    are those of the file.
    """
    from gobake.pipelines.options import System

    return _run(given, System.GITHUB)


@click.command("gitlab")
@without_meaning("trust", "locked", "builder", "verbose")
@_options("$CI_REGISTRY_IMAGE", ".gitlab-ci.yml")
def gitlab_command(given: PipelineGiven) -> int:
    """Write a pipeline for GitLab CI.

    Its jobs tell what a change affects, test, build on native runners, and merge, with tags last of all.

    Run again, with other options or a newer gobake, it keeps your edits, as git merges them. Options that are not given
    are those of the file.
    """
    from gobake.pipelines.options import System

    return _run(given, System.GITLAB)


def _run(given: PipelineGiven, system: System) -> int:
    from gobake.gotool.modules import find_root
    from gobake.pipelines import keeping
    from gobake.pipelines.defaults import top
    from gobake.pipelines.place import Place

    root = find_root(given.project.directory)
    named = given.output and given.output != _STDOUT
    place = Place.named(Path.cwd() / str(given.output)) if named else Place.of(system, top(root))
    options = _options_of(given, system, root, keeping.there(place))
    if given.output == _STDOUT:
        show(keeping.first(system, options).text, nl=False)
        return ExitCode.DONE
    made = keeping.rewrite(system, options, place)
    if given.diff:
        show("\n".join(_difference(made, place)))
    if given.check:
        return _checked(made, place)
    if not given.diff:
        _write(given, keeping.replaced(system, options, place) if given.force else made, place)
    return ExitCode.DONE


def _options_of(given: PipelineGiven, system: System, root: Path, page: Page | None) -> Options:
    """Return the options: those on the command line, else those of the file, else what fits the project."""
    from gobake.pipelines import defaults
    from gobake.pipelines.options import checked

    options = (page.options if page else None) or defaults.options(system, root, given.project.config_file)
    changes = {
        "registry": given.registry,
        "cache_store": given.cache_store,
        "platforms": tuple(map(str, joined(given.platforms))) or None,
        "shards": given.shards,
        "one_runner": given.one_runner,
        "install": given.install,
    }
    options = replace(options, **{name: value for name, value in changes.items() if value is not None})
    if not options.registry:
        raise UsageError("where the images are to go is not known", remedy="say --registry, such as ghcr.io/acme")
    if not options.install:
        raise UsageError(
            "where a runner gets gobake from is not known",
            remedy="say --install git+https://git.example.com/acme/gobake@COMMIT, or whatever else pip takes",
        )
    return checked(options)


def _checked(made: Rewrite, place: Place) -> int:
    """Say whether the file is what it would be."""
    from gobake.pipelines.keeping import Kind

    if made.kind is Kind.SAME:
        return ExitCode.DONE
    say(f"{_shown(place)} is not what gobake would write; --diff shows the difference", err=True)
    return ExitCode.GATE_FAILED


def _difference(made: Rewrite, place: Place) -> Iterator[str]:
    now, name = (place.read() or "").splitlines(), _shown(place)
    return difflib.unified_diff(now, made.text.splitlines(), name, f"{name} (gobake)", lineterm="")


def _write(given: PipelineGiven, made: Rewrite, place: Place) -> None:
    from gobake.pipelines.keeping import Kind

    if why := made.refusal:
        show("\n".join(_difference(made, place)))
        raise UsageError(f"{_shown(place)} {why}", remedy="put it in by hand, or --force replaces the file")
    if made.kind is not Kind.SAME:
        place.write(made.text)
    if not given.project.quiet:
        say(f"{_shown(place)}: {made.told}")


def _shown(place: Place) -> str:
    here, path = Path.cwd(), place.path
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
