"""`gobake cache save`: the builder's Go caches as a seed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct, to_builtins
from msgspec.structs import replace

from gobake.cli.options import (
    CachesGiven,
    ProjectGiven,
    cache_options,
    caches_of,
    format_option,
    given_as,
    project_options,
    request,
    without_meaning,
)
from gobake.cli.param_types import worded
from gobake.cli.strays import tell_stray
from gobake.errors import GobakeError, UsageError
from gobake.text.say import say, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gobake.caching.policy.choice import CacheSettings
    from gobake.caching.seeds.save import Saved, Saving


class SaveGiven(Struct, frozen=True, kw_only=True):
    """What `gobake cache save` is given."""

    project: ProjectGiven
    caches: CachesGiven
    to: str | None
    branch: str
    form: str


@click.command("save")
@without_meaning("verbose")
@project_options
@cache_options
@click.option(
    "--to",
    metavar="REPOSITORY|DIR",
    callback=worded("STORE"),
    help="Save to this place instead of the cache store.",
)
@click.option("--branch", default="", help="Save the seed for this branch; default: the checked-out branch.")
@format_option
@given_as(SaveGiven)
def save_command(given: SaveGiven) -> None:
    """Save the builder's Go caches as a seed, which fills the caches of cold builders.

    Only what is new since the last seed is written, as an additional layer.
    """
    from gobake import engine
    from gobake.caching.policy.place import parse_store
    from gobake.caching.seeds.save_each import save_each
    from gobake.plan.build_plan import settle
    from gobake.plan.builder import answered
    from gobake.plan.discover import choose_caches, open_project
    from gobake.plan.seeds import savings

    opened = open_project(request(given.project))
    choice = choose_caches(opened, caches_of(given.caches), os.environ)
    store = parse_store(given.to, Path.cwd()) if given.to else choice.store
    if store is None:
        raise UsageError(
            "there is no cache store", remedy="name one with --to, with --cache-store, or as cache.store in gobake.yaml"
        )
    _require_right(choice, given.branch)
    with engine.BuilderQuery(given.project.builder) as query:
        builder = answered(query)
        opened, choice = settle(opened, caches_of(given.caches), builder, os.environ)
        listed = engine.builder_mounts(builder.answer, builder.name)
    fallbacks = [given.branch or choice.own or choice.surroundings.main_branch, *choice.fallbacks]
    asked = savings(opened, replace(choice, store=store), builder, dict.fromkeys(fallbacks), listed)
    if not any(one.gobuild for one in asked):
        raise UsageError(
            f"builder {builder.answer.name} has no Go caches of {opened.project.name}",
            remedy="build first: gobake build",
        )
    done = save_each(asked)
    _tell(given, done)
    if store.folder:
        tell_stray(store.folder, quiet=given.project.quiet)
    for _, result in done:
        if isinstance(result, GobakeError):
            raise result


def _tell(given: SaveGiven, done: Sequence[tuple[Saving, Saved | GobakeError]]) -> None:
    """Print what was saved; of a builder with several nodes, by node."""
    from gobake.report.seeds import saved_line

    saved = [(one, result) for one, result in done if not isinstance(result, GobakeError)]
    if given.form == "json" and saved:
        store = {"schema": 1, "store": saved[0][0].store.place}
        if saved[0][0].node:
            show(json.dumps({**store, "nodes": [{"node": o.node, **to_builtins(r)} for o, r in saved]}, indent=2))
        else:
            show(json.dumps({**store, **to_builtins(saved[0][1])}, indent=2))
    elif not given.project.quiet:
        for one, result in saved:
            say(saved_line(one.store.named(result.tag) + one.whose, result))


def _require_right(choice: CacheSettings, branch: str) -> None:
    """Raise UsageError if others would read the seed, and the run is not trusted with that."""
    from gobake.caching.policy.namespaces import BRANCH, UNTRUSTED, kept_apart

    kind = kept_apart(choice)
    if kind == UNTRUSTED:
        raise UsageError(
            f"{choice.surroundings.shown}: such a run saves nothing that others read",
            remedy="save on main, or name another policy with --cache-policy",
        )
    if (kind == BRANCH and (branch or choice.own) != choice.own) or (kind and not choice.own):
        raise UsageError(
            f"{choice.surroundings.shown}: such a run saves for no other branch",
            remedy="save there, or leave --branch out",
        )
