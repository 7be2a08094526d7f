"""`gobake cache`: show what is kept, prune it, and verify that it changes no program."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct
from msgspec.structs import replace

from gobake.cli import completing
from gobake.cli.answering import Answering
from gobake.cli.cache_save import save_command
from gobake.cli.options import (
    ProjectGiven,
    bases_of,
    format_option,
    given_as,
    joined,
    on_command_line,
    project_options,
    request,
    store_option,
    without_meaning,
)
from gobake.cli.param_types import Age, BaseList, Size
from gobake.cli.single_options import platform_option
from gobake.errors import CachesDisagree, ExitCode, GobakeError, UsageError
from gobake.model import Platform
from gobake.text.say import say, show

if TYPE_CHECKING:
    from gobake.caching.kept.contents import Stored
    from gobake.caching.kept.prune import Item, Wanted
    from gobake.caching.seeds.store import SeedStore
    from gobake.caching.verify import Verified
    from gobake.engine import Builder, CacheMount
    from gobake.plan.discover import Opened


@click.group("cache", cls=Answering)
def cache_command() -> None:
    """List, prune, save and verify what is kept between builds: cache mounts, seeds and layer caches."""


cache_command.add_command(save_command)


class _Given(Struct, frozen=True, kw_only=True):
    """What commands are given that look at what is kept."""

    project: ProjectGiven
    cache_store: str | None


class _World(Struct, frozen=True, kw_only=True):
    """The project, its builder and its store, as far as available."""

    opened: Opened
    projects: tuple[str, ...]  # possible prefixes of its mounts
    builder: Builder | None
    store: SeedStore | None
    notes: tuple[str, ...]


def _look(given: _Given) -> _World:
    """Open project, builder and store. If there is a store, the engine is not required."""
    from gobake.caching.policy.namespaces import NAMESPACES
    from gobake.caching.policy.options import CacheOptions
    from gobake.caching.seeds.session import seeds_in
    from gobake.engine import BuilderQuery
    from gobake.plan.discover import choose_caches, open_project

    opened = open_project(request(given.project))
    project = opened.project
    options = CacheOptions(store=given.cache_store or "", said_from=Path.cwd())
    place = choose_caches(opened, options, os.environ).store
    store = seeds_in(place) if place else None
    builder, notes = None, []
    try:
        with BuilderQuery(given.project.builder) as questions:
            builder = questions.builder()
    except GobakeError as error:
        if store is None or given.project.builder:
            raise
        notes.append(f"cache mounts are unknown: {error}")
    projects = (project.name, *(f"{namespace}-{project.name}" for namespace in NAMESPACES))
    return _World(opened=opened, projects=projects, builder=builder, store=store, notes=tuple(notes))


def _mounts(given: _Given, world: _World) -> tuple[tuple[CacheMount, ...] | None, tuple[str, ...]]:
    """Return (the builder's mounts; None if unknown, notes on that). Raises NoEngine if there is no store either."""
    from gobake import engine

    if world.builder is None:
        return None, ()
    try:
        return engine.builder_mounts(world.builder, given.project.builder), ()
    except GobakeError as error:
        if world.store is None or given.project.builder:
            raise
        return None, (f"cache mounts are unknown: {error}",)


# ---- ls


class ListGiven(_Given, frozen=True, kw_only=True):
    """What `gobake cache ls` is given."""

    all_projects: bool
    form: str


@cache_command.command("ls")
@without_meaning("verbose")
@project_options
@store_option
@click.option("--all-projects", is_flag=True, help="List what gobake keeps for all projects.")
@format_option
@given_as(ListGiven)
def ls_command(given: ListGiven) -> None:
    """List cache mounts, seeds and layer caches with their size and age."""
    from gobake.caching.kept.contents import stored
    from gobake.caching.kept.listing import InStore, OnBuilder, gather
    from gobake.caching.seeds.memory import remembered, remembered_of
    from gobake.engine.gc_limits import collection_warning, largest_need
    from gobake.report.caches import kept_as_json, print_kept

    world = _look(given)
    mounts, unknown = _mounts(given, world)
    name = world.builder.name if world.builder else given.project.builder
    memories = remembered(_home(world.opened), name)
    if nodes := {mount.node for mount in mounts or () if mount.node}:
        memories = remembered_of(_home(world.opened), name, nodes)
    kept = gather(
        world.projects,
        OnBuilder(name=name, mounts=mounts, memories=memories),
        InStore(place=world.store.place, stored=stored(world.store)) if world.store else InStore(),
        (*world.notes, *unknown),
        everyone=given.all_projects,
    )
    need = largest_need(each.mount for each in kept.mounts or ())
    warning = collection_warning(world.builder, need) if world.builder else ""
    if given.form == "json":
        told = kept_as_json(kept, time.time())
        show(json.dumps(told | {"warnings": [warning] if warning else []}, indent=2))
        return
    print_kept(kept, time.time(), color=given.project.color)
    if warning and not given.project.quiet:
        say(f"warning: {warning}", fg="yellow", err=True)


def _home(opened: Opened) -> Path:
    from gobake.paths import cache_folder
    from gobake.plan.project import identity

    return cache_folder() / identity(opened.project)


# ---- prune


class PruneGiven(_Given, frozen=True, kw_only=True):
    """What `gobake cache prune` is given."""

    names: tuple[str, ...]
    older_than: float | None
    larger_than: int | None
    gone_branches: bool
    everything: bool
    dry_run: bool
    yes: bool


@cache_command.command("prune")
@without_meaning("verbose")
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=completing.words("gobuild", "gomod"))
@project_options
@store_option
@click.option(
    "--older-than", type=Age(), help="Only what was last used or created longer ago, such as 90m, 12h, 14d or 2w."
)
@click.option("--larger-than", type=Size(), help="Only what is larger, such as 500MB or 2GB.")
@click.option(
    "--gone-branches", is_flag=True, help="Only what belongs to branches that exist neither here nor at a remote."
)
@click.option("--all", "everything", is_flag=True, help="Everything that is kept for this project.")
@click.option("--dry-run", is_flag=True, help="Show what would be deleted, without deleting it.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@given_as(PruneGiven)
def prune_command(given: PruneGiven) -> int:
    """Delete cache mounts, seeds and layer caches of this project, by name or by condition.

    NAME is a mount (gobuild), the tag of a seed or the ref of a layer cache, as `gobake cache ls` shows it. If several
    conditions are given, all must hold. Caches of other projects are never deleted.
    """
    flags = given.names or given.gone_branches or given.everything
    if not flags and given.older_than is None and given.larger_than is None:
        raise UsageError(
            "what is to be pruned is not said",
            remedy="name it, or use --older-than, --larger-than, --gone-branches, --all",
        )
    world = _look(given)
    there, found = _found(given, world)
    chosen = _choose(given, world, found)
    unseen = ExitCode.REGISTRY if there and there.error else ExitCode.DONE
    if not chosen:
        say("there is nothing to prune")
        return unseen
    from gobake.report.caches import print_items

    if not given.project.quiet:
        print_items(chosen, color=given.project.color)
    if given.dry_run:
        say("nothing was deleted: --dry-run")
        return ExitCode.DONE
    if not given.yes and not _confirmed(len(chosen)):
        say("nothing was deleted")
        return ExitCode.DONE
    return max(unseen, _prune(given, world, chosen, there))


def _found(given: PruneGiven, world: _World) -> tuple[Stored | None, tuple[Item, ...]]:
    """Return (the store's content, all items). A failing store is reported, and does not prevent pruning of mounts."""
    from gobake.caching.kept.contents import stored
    from gobake.caching.kept.prune import items

    mounts, unknown = _mounts(given, world)
    there = stored(world.store, live=False) if world.store else None
    for note in (*world.notes, *unknown, *([there.error] if there and there.error else [])):
        say(note, fg="yellow", err=True)
    return there, items(mounts or (), there.entries if there else (), time.time())


def _choose(given: PruneGiven, world: _World, found: tuple[Item, ...]) -> tuple[Item, ...]:
    from gobake.caching.kept.prune import choose

    return choose(found, _wanted(given, world), world.projects)


def _wanted(given: PruneGiven, world: _World) -> Wanted:
    from gobake.caching.kept.prune import Wanted
    from gobake.caching.store.tags import tag_part
    from gobake.checkout import git
    from gobake.checkout.ci import ALL_TAGS

    branches = None
    if given.gone_branches:
        there = git.branches(world.opened.project.root)
        branches = frozenset(map(tag_part, (*there, ALL_TAGS)))  # what Git tags share belongs to no branch
    return Wanted(
        names=given.names,
        older_than=given.older_than,
        larger_than=given.larger_than,
        branches=branches,
    )


def _confirmed(count: int) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked whether to delete this", remedy="--yes deletes, --dry-run just shows")
    return click.confirm(f"delete {'these ' + str(count) if count > 1 else 'it'}?")


def _prune(given: PruneGiven, world: _World, chosen: tuple[Item, ...], there: Stored | None) -> ExitCode:
    from gobake.caching.kept.delete import Pruned, prune_mounts, prune_store
    from gobake.report.quantities import size_text

    mounts = tuple(item for item in chosen if item.what == "mount")
    others = tuple(item for item in chosen if item.what != "mount")
    answering = world.builder.address if world.builder else ""
    done = [prune_mounts(mounts, answering or given.project.builder)]
    done.append(prune_store(world.store, others, there) if world.store and there and others else Pruned())
    deleted = [item for pruned in done for item in pruned.deleted]
    for note in (note for pruned in done for note in pruned.notes):
        say(note, fg="yellow", err=True)
    if not given.project.quiet:
        size = size_text(sum(item.size or 0 for item in deleted))
        say(f"{len(deleted)} of {len(chosen)} deleted, {size}")
    return ExitCode.DONE if len(deleted) == len(chosen) else ExitCode.REGISTRY


# ---- verify


class VerifyGiven(Struct, frozen=True, kw_only=True):
    """What `gobake cache verify` is given."""

    project: ProjectGiven
    services: tuple[str, ...]
    platforms: tuple[tuple[Platform, ...], ...]
    bases: tuple[dict[str, str], ...]
    form: str


@cache_command.command("verify")
@without_meaning("verbose")
@click.argument("services", nargs=-1, metavar="[SERVICE]...", shell_complete=completing.services)
@project_options
@platform_option("The platform to verify; default: the builder's own.", envvar="GOBAKE_PLATFORM")
@click.option("--base", "bases", envvar="GOBAKE_BASE", type=BaseList(), multiple=True, help="Use another base image.")
@format_option
@given_as(VerifyGiven)
def verify_command(given: VerifyGiven) -> None:
    """Build services with and without the caches, and compare the programs.

    Without SERVICE, all services are verified. The exit code is 5 if a cache changes a program.
    """
    from gobake import memo
    from gobake.caching.policy.options import CacheOptions
    from gobake.caching.verify import Verifying, verify
    from gobake.engine import BuilderQuery
    from gobake.paths import scratch_folder
    from gobake.plan.build_plan import settle
    from gobake.plan.builder import answered
    from gobake.plan.discover import open_project, versions_of
    from gobake.plan.versions import LATEST
    from gobake.report.caches import print_verified, verified_as_json
    from gobake.run.modules import module_access

    asked = replace(request(given.project), platforms=joined(given.platforms), bases=bases_of(given.bases))
    with BuilderQuery(given.project.builder) as query:
        opened = open_project(asked)
        with memo.empty():
            anew = open_project(asked)
        builder = answered(query)
    opened, _ = settle(opened, CacheOptions(), builder, os.environ)
    anew = anew.within(opened.project.namespace)
    if not given.project.quiet:
        say("building with the caches and without them, which takes as long as a cold build", err=True)
    with scratch_folder() as scratch:
        access = module_access(opened, _home(opened), scratch)
        found = verify(
            Verifying(
                opened=opened,
                anew=anew,
                services=given.services,
                platform=_one_platform(asked.platforms) or builder.native,
                builder=given.project.builder,
                secrets=access.secrets,
                variables=access.variables,
                values=versions_of(opened, asked, LATEST).values,
                home=_home(opened),
                redactor=access.redactor,
            )
        )
    if given.form == "json":
        show(json.dumps(verified_as_json(found), indent=2))
    else:
        print_verified(found, color=given.project.color)
    _judge(found)


def _one_platform(platforms: tuple[Platform, ...]) -> Platform | None:
    if len(platforms) > 1 and on_command_line("platforms"):
        raise UsageError("one platform is verified at a time", remedy="name one with --platform")
    return platforms[0] if platforms else None


def _judge(found: tuple[Verified, ...]) -> None:
    """Raise CachesDisagree for the first service whose program the caches change."""
    from gobake.caching.verify import Verdict

    for one in found:
        match one.verdict:
            case Verdict.UNSTABLE:
                raise CachesDisagree(
                    f"{one.service} on {one.platform} cannot be verified: two builds without caches differ as well",
                    remedy="make the build reproducible: -trimpath, and no time or random value in ldflags",
                )
            case Verdict.PROGRAM | Verdict.OBJECT | Verdict.LAYER:
                raise CachesDisagree(
                    f"{one.service} on {one.platform}: the caches change the program ({one.verdict})",
                    remedy="`gobake cache prune --all` deletes them; with --cache-store also the seeds saved from them",
                )
