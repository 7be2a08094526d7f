"""`gobake build` and `gobake all`."""

from __future__ import annotations

import sys
from typing import Any

import click

from gobake.cli.options import (
    Seconds,
    as_given,
    cache_options,
    caches_of,
    gate_options,
    gate_wish,
    history_option,
    option_group,
    project_options,
    request,
    selection,
    strategy_option,
    target_options,
)
from gobake.errors import UsageError

_run_options = option_group(
    click.option("--push", is_flag=True, help="Push the images to their registry."),
    click.option("--load", is_flag=True, help="Load the images into the engine, from a builder that does not."),
    click.option("--no-cache", is_flag=True, help="Use no cache: neither layers nor cache mounts."),
    click.option(
        "--progress",
        envvar="GOBAKE_PROGRESS",
        type=click.Choice(["auto", "tty", "plain", "json", "quiet"]),
        default="auto",
        show_default=True,
        help="How to show progress; json prints one event a line.",
    ),
    click.option(
        "--stall-timeout",
        envvar="GOBAKE_STALL_TIMEOUT",
        type=Seconds(),
        default="5m",
        show_default=True,
        help="Give up when a download stands still for so long; `none` waits for ever.",
    ),
    click.option(
        "--keep-going/--fail-fast",
        "keep_going",
        default=None,
        help="Leave out what fails by itself and build the rest, or stop.  "
        "[default: keep going, unless services are named]",
    ),
    click.option("--dry-run", is_flag=True, help="Print the plan and the buildx command, and build nothing."),
)


@click.command("build")
@project_options
@target_options
@cache_options
@gate_options
@history_option
@_run_options
@as_given
def build_command(given: dict[str, Any]) -> int:
    """Build each service in its chosen strategy (scratch unless configured)."""
    return _build(given, every_strategy=False)


@click.command("all")
@project_options
@target_options
@strategy_option
@cache_options
@gate_options
@history_option
@_run_options
@as_given
def all_command(given: dict[str, Any]) -> int:
    """Build the whole matrix: every service x every strategy that it lists x every platform.

    gobake all --platform linux/amd64,linux/arm64
    """
    return _build(given, every_strategy=True)


def _build(given: dict[str, Any], *, every_strategy: bool) -> int:
    if given["push"] and given["load"]:
        raise UsageError("--push and --load exclude each other", remedy="push, then `docker pull` where you need it")
    from gobake.engine import BuilderQuery

    with BuilderQuery(given["builder"]) as query:  # before the imports, which take as long as the answers
        from gobake.plan.request import BuildRequest
        from gobake.run import run

        wanted = BuildRequest(
            project=request(given),
            selection=selection(given, every_strategy=every_strategy),
            caches=caches_of(given),
            gate=gate_wish(given),
            tag=given["tag"],
            push=given["push"],
            load=given["load"],
            no_cache=given["no_cache"],
            keep_going=not given["services"] if given["keep_going"] is None else given["keep_going"],
            stall_seconds=given["stall_timeout"],
            dry_run=given["dry_run"],
            progress=given["progress"],
            verbose=given["verbose"],
            quiet=given["quiet"],
            color=given["color"],
            command=tuple(sys.argv[1:]),
        )
        return run(wanted, query)
