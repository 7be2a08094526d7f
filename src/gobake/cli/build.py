"""`gobake build` and `gobake all`."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from msgspec import Struct

from gobake.cli.affected import USUAL, moved_bases_option, narrowed
from gobake.cli.options import (
    CachesGiven,
    GateGiven,
    ProjectGiven,
    TargetsGiven,
    cache_options,
    caches_of,
    gate_options,
    gate_wish,
    given_as,
    history_option,
    option_group,
    project_options,
    request,
    selection,
    strategy_option,
    target_options,
)
from gobake.cli.param_types import Seconds
from gobake.cli.sections import Sectioned
from gobake.cli.shard import ShardGiven, shard_options, sharded
from gobake.cli.single_options import images_file_option
from gobake.cli.starts import StartsGiven, smoke_options, start_seconds
from gobake.errors import ExitCode, UsageError
from gobake.model import Strategy


class BuildGiven(Struct, frozen=True, kw_only=True):
    """What `gobake build` and `gobake all` are given."""

    project: ProjectGiven
    targets: TargetsGiven
    caches: CachesGiven
    gate: GateGiven
    strategies: tuple[tuple[Strategy, ...], ...]
    history: Path | None
    push: bool
    load: bool
    no_cache: bool
    progress: str
    stall_timeout: float
    retries: int
    keep_going: bool | None
    metadata_file: Path | None
    images_file: Path | None
    affected: str | None
    moved_bases: bool
    shard: ShardGiven
    dry_run: bool
    starts: StartsGiven


_run_options = option_group(
    click.option("--push", is_flag=True, help="Push the images to their registry."),
    click.option(
        "--load", is_flag=True, help="Load the images into the engine, from a builder that does not do so itself."
    ),
    click.option(
        "--no-cache",
        is_flag=True,
        help="Use no caches: neither layers nor cache mounts. BuildKit empties the project's Go mounts for it: later "
        "builds of other services and platforms compile again.",
    ),
    click.option(
        "--progress",
        envvar="GOBAKE_PROGRESS",
        type=click.Choice(["auto", "tty", "plain", "json", "quiet"]),
        default="auto",
        show_default=True,
        help="How to show progress; json prints one event per line.",
    ),
    click.option(
        "--stall-timeout",
        envvar="GOBAKE_STALL_TIMEOUT",
        type=Seconds(),
        default="5m",
        show_default=True,
        help="Give up if a download stalls for this long; `none` waits forever.",
    ),
    click.option(
        "--retries",
        envvar="GOBAKE_RETRIES",
        type=click.IntRange(0, 10),
        metavar="N",
        default=3,
        show_default=True,
        help="Build again up to N times, after a while, if a registry fails for a reason that passes: 429, 5xx, a lost "
        "connection. What is built comes from the builder's cache.",
    ),
    click.option(
        "--keep-going/--fail-fast",
        "keep_going",
        default=None,
        help="Skip services that fail and build the rest, or stop at the first failure.  "
        "[default: keep going unless services are named]",
    ),
    click.option(
        "--metadata-file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Write the digests and names of the images to this file, by target, as `docker buildx bake` does.",
    ),
    images_file_option,
    click.option(
        "--affected",
        is_flag=False,
        flag_value=USUAL,
        metavar="[COMMIT]",
        help="Build only the services whose images differ from those of a commit, as `gobake affected` finds them. It "
        "follows the services; without a commit, it is the last option.",
    ),
    moved_bases_option,
    click.option("--dry-run", is_flag=True, help="Print the plan and the buildx command, without building."),
)


@click.command("build", cls=Sectioned)
@project_options
@target_options
@strategy_option
@cache_options
@gate_options
@history_option
@_run_options
@shard_options
@smoke_options
@given_as(BuildGiven)
def build_command(given: BuildGiven) -> int:
    """Build each service with its configured strategy (default: scratch).

    \b
    gobake build
    gobake build api ./cmd/web -s alpine
    gobake build --registry ghcr.io/acme -t v1.2.0 -p linux/amd64,linux/arm64 --push
    """
    return _build(given, every_strategy=False)


@click.command("all", cls=Sectioned)
@project_options
@target_options
@strategy_option
@cache_options
@gate_options
@history_option
@_run_options
@shard_options
@smoke_options
@given_as(BuildGiven)
def all_command(given: BuildGiven) -> int:
    """Build the whole matrix: every service with every strategy that it lists, for every platform.

    Images are named SERVICE:TAG-STRATEGY, and those of the configured strategy SERVICE:TAG too. `prebuilt` is built
    where its binaries are there, or where it is asked for.

    gobake all --platform linux/amd64,linux/arm64
    """
    return _build(given, every_strategy=True)


def _build(given: BuildGiven, *, every_strategy: bool) -> int:
    if given.push and given.load:
        raise UsageError("--push and --load exclude each other", remedy="push, then `docker pull` where you need it")
    if given.shard.shard and given.affected:
        raise UsageError("--shard and --affected exclude each other", remedy="name it to `gobake ci matrix`")
    if given.images_file and not given.push:
        raise UsageError("--images-file is about what is pushed", remedy="add --push")
    if given.metadata_file or given.images_file:
        from gobake.report.written import require_folder

        require_folder("--metadata-file", given.metadata_file)
        require_folder("--images-file", given.images_file)
    from gobake.engine import BuilderQuery

    project, targets = given.project, given.targets
    with BuilderQuery(project.builder) as query:  # before the imports, which take as long as the answers
        from gobake.plan.request import BuildRequest
        from gobake.run import run

        wanted = BuildRequest(
            project=request(project, targets, history=given.history),
            selection=selection(project, targets, given.strategies, every_strategy=every_strategy),
            caches=caches_of(given.caches),
            gate=gate_wish(given.gate),
            tag=targets.tags[0],
            push=given.push,
            load=given.load,
            smoke=given.starts.smoke,
            smoke_seconds=start_seconds(given.starts),
            no_cache=given.no_cache,
            keep_going=not targets.services if given.keep_going is None else given.keep_going,
            stall_seconds=given.stall_timeout,
            retries=given.retries,
            dry_run=given.dry_run,
            metadata_file=given.metadata_file,
            images_file=given.images_file,
            progress=given.progress,
            verbose=project.verbose,
            quiet=project.quiet,
            color=project.color,
            command=tuple(sys.argv[1:]),
        )
        narrow = narrowed(wanted, given.affected, query, bases=given.moved_bases) if given.affected else wanted
        shard = sharded(narrow, given.shard) if narrow else None
        return run(shard, query) if shard else _nothing(given)


def _nothing(given: BuildGiven) -> int:
    """Nothing is to be built, and no image has changed."""
    from gobake.pushing.recorded import NOTHING
    from gobake.report.written import write_json

    if given.metadata_file and not given.dry_run:
        write_json("--metadata-file", given.metadata_file, {})
    if given.images_file and not given.dry_run:
        write_json("--images-file", given.images_file, NOTHING)
    return ExitCode.DONE
