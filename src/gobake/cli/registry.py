"""`gobake registry`: what is in the registry's repositories, and what may go."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
from msgspec import Struct
from msgspec.structs import replace

from gobake.cli.answering import Answering
from gobake.cli.options import (
    ProjectGiven,
    format_option,
    given_as,
    history_option,
    option_group,
    project_options,
    request,
    store_option,
    without_meaning,
)
from gobake.cli.param_types import Age, worded
from gobake.errors import ExitCode, RegistryRefused, UsageError
from gobake.text.say import say, show

if TYPE_CHECKING:
    from gobake.caching.policy.place import CacheStore
    from gobake.model import Project
    from gobake.retention.choose import Wanted
    from gobake.retention.delete import Look, Pruned
    from gobake.retention.held import Push
    from gobake.retention.repositories import Known

_LONGEST = 255  # characters of a name
_RECORDS = 1000  # of a history, the newest
_HISTORY_SECONDS = 120.0
_Made = TypeVar("_Made")


@click.group("registry", cls=Answering)
def registry_command() -> None:
    """List and prune what is in the registry's repositories: images, attestations, seeds, caches and records."""


class _Given(Struct, frozen=True, kw_only=True):
    """What both commands are given."""

    project: ProjectGiven
    repositories: tuple[str, ...]
    registry: str | None
    cache_store: str | None
    history: Path | None


def _repositories(_context: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Check the names of repositories."""
    from gobake.config.patterns import REPOSITORY

    for value in values:
        if len(value) > _LONGEST or not re.fullmatch(REPOSITORY, value):
            raise UsageError(f"invalid repository {value!r}", remedy="write it without a tag: ghcr.io/acme/shop/api")
    return tuple(dict.fromkeys(values))


_repositories_argument = click.argument("repositories", nargs=-1, metavar="[REPOSITORY]...", callback=_repositories)
_place_options = option_group(
    click.option(
        "--registry",
        envvar="GOBAKE_REGISTRY",
        metavar="PREFIX",
        help="The prefix of image names, such as ghcr.io/acme.",
        callback=worded("REGISTRY", empty=False),
    ),
    store_option,
    history_option,
    project_options,
)


# ---- ls


class ListGiven(_Given, frozen=True, kw_only=True):
    """What `gobake registry ls` is given."""

    form: str


@registry_command.command("ls")
@without_meaning("builder", "verbose", "quiet")
@_repositories_argument
@_place_options
@format_option
@given_as(ListGiven)
def ls_command(given: ListGiven) -> int:
    """List tags with what they are, their age, and the bytes that only they need.

    Without REPOSITORY: those of the project's images and its cache store.
    """
    from gobake.report.registry import listing_as_json, print_listing
    from gobake.retention.listing import listing
    from gobake.retention.repositories import contents

    names, known = _known(given)
    found, errors = _each(names, lambda name: listing(contents(name, known), known.held(name)))
    if given.form == "json":
        show(json.dumps(listing_as_json(found, errors), indent=2))
    else:
        for one in found:
            print_listing(one, time.time(), color=given.project.color)
    return ExitCode.REGISTRY if errors else ExitCode.DONE


# ---- prune


class PruneGiven(_Given, frozen=True, kw_only=True):
    """What `gobake registry prune` is given."""

    keep_tags: int | None
    older_than: float | None
    keep: tuple[str, ...]
    tags: tuple[str, ...]
    untagged: bool
    keep_runs: float
    deployed: tuple[Path, ...]
    dry_run: bool
    yes: bool
    form: str


@registry_command.command("prune")
@without_meaning("builder", "verbose")
@_repositories_argument
@click.option("--keep-tags", type=click.IntRange(0), metavar="N", help="Keep the N newest images of a repository.")
@click.option("--older-than", type=Age(), help="Only what was made longer ago, such as 12h, 30d or 8w.")
@click.option("--tags", multiple=True, metavar="PATTERN", help="Only these tags, such as 'pr-*'; may be repeated.")
@click.option("--keep", multiple=True, metavar="PATTERN", help="Keep these tags, such as 'v*'; may be repeated.")
@click.option("--untagged", is_flag=True, help="Only manifests without a tag.")
@click.option(
    "--keep-runs",
    type=Age(),
    default="14d",
    show_default=True,
    help="Keep what the runs of this long pushed, by the history here and in the cache store.",
)
@click.option(
    "--deployed",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="Keep every digest and tag that this file names, such as a compose file; may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be deleted, without deleting it.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@_place_options
@format_option
@given_as(PruneGiven)
def prune_command(given: PruneGiven) -> int:
    """Delete old tags, cache refs and manifests without a tag, and keep all that a kept tag needs.

    Without REPOSITORY: those of the project's images and its cache store. If several conditions are given, all must
    hold. Caches go by --older-than or by name, and only those of this project.
    """
    from gobake.retention.repositories import look_at

    wanted = _wanted(given)
    names, known = _known(given, given.deployed, given.keep_runs)
    looks, errors = _each(names, lambda name: look_at(name, wanted, known))
    _print_looks(given, looks)
    count = sum(len(look.decision.going) for look in looks)
    deletes = bool(count) and not given.dry_run and (given.yes or _confirmed(count))
    done = _prune(looks, wanted, known) if deletes else {}
    _print_done(given, looks, done, errors)
    stay = any(look.decision.refused for look in looks) or any(pruned.notes for pruned in done.values())
    return ExitCode.REGISTRY if errors or stay else ExitCode.DONE


def _wanted(given: PruneGiven) -> Wanted:
    from gobake.retention.choose import Wanted

    if not given.tags and given.keep_tags is None and given.older_than is None and not given.untagged:
        raise UsageError(
            "what is to be pruned is not said", remedy="use --keep-tags, --older-than, --tags or --untagged"
        )
    if given.form == "json" and not given.yes and not given.dry_run:
        raise UsageError("with --format json nobody is asked", remedy="--yes deletes, --dry-run just shows")
    return Wanted(
        tags=given.tags,
        keep=given.keep,
        keep_tags=given.keep_tags,
        older_than=given.older_than,
        untagged=given.untagged,
    )


def _print_looks(given: PruneGiven, looks: Sequence[Look]) -> None:
    from gobake.report.registry import print_decision

    if given.form == "text" and not (given.project.quiet and given.yes):
        for look in looks:
            print_decision(look.decision, color=given.project.color)


def _confirmed(count: int) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked whether to delete this", remedy="--yes deletes, --dry-run just shows")
    return click.confirm(f"delete {'these ' + str(count) + ' manifests' if count > 1 else 'it'}?")


def _prune(looks: Sequence[Look], wanted: Wanted, known: Known) -> dict[str, Pruned]:
    from gobake.retention.repositories import prune

    done = {}
    for look in looks:
        pruned = prune(look, wanted, known) if look.decision.going else None
        if pruned:
            done[pruned.repository] = pruned
            for note in pruned.notes:
                say(f"{pruned.repository}: {note}", fg="yellow", err=True)
    return done


def _print_done(given: PruneGiven, looks: Sequence[Look], done: dict[str, Pruned], errors: Sequence[str]) -> None:
    from gobake.report.quantities import size_text
    from gobake.report.registry import prune_as_json

    if given.form == "json":
        decisions = [look.decision for look in looks]
        show(json.dumps(prune_as_json(decisions, done, errors, dry_run=given.dry_run), indent=2))
        return
    count = sum(len(look.decision.going) for look in looks)
    if given.dry_run:
        say("nothing was deleted: --dry-run")
    elif not count:
        say("there is nothing to prune")
    elif not given.project.quiet:
        deleted = [one for pruned in done.values() for one in pruned.deleted]
        size = size_text(sum(one.size for one in deleted))
        say(f"{len(deleted)} of {count} deleted, {size}; the registry frees them when it collects its garbage")


# ---- both


def _each(names: Sequence[str], ask: Callable[[str], _Made]) -> tuple[list[_Made], list[str]]:
    """Ask about each repository; return the answers and the errors, which are printed."""
    found: list[_Made] = []
    errors: list[RegistryRefused] = []
    for name in names:
        try:
            found.append(ask(name))
        except RegistryRefused as error:
            errors.append(error)
    if errors and not found:
        raise errors[0]
    said = list(map(str, errors))
    for text in said:
        say(text, fg="yellow", err=True)
    return found, said


def _known(
    given: _Given, deployed: Sequence[Path] = (), keep_runs: float | None = None
) -> tuple[tuple[str, ...], Known]:
    """Return (the names of the repositories, what is known outside of them).

    ``keep_runs``: None if nothing is deleted. Then a history that cannot be read is noted, and else refused.
    """
    from gobake.caching.policy.namespaces import NAMESPACES
    from gobake.caching.policy.options import CacheOptions
    from gobake.plan.discover import choose_caches, history_folder, open_project
    from gobake.retention.repositories import Known

    asked = replace(request(given.project, history=given.history), registry=given.registry)
    opened = open_project(asked)
    options = CacheOptions(store=given.cache_store or "", said_from=Path.cwd())
    store = choose_caches(opened, options, os.environ).store
    names = given.repositories or tuple(_own(opened.project, store))
    if not names:
        raise UsageError(
            "the project has no repository", remedy="name one, or --registry PREFIX and --cache-store REPOSITORY"
        )
    now, project = time.time(), opened.project.name
    pushes = list(_local(history_folder(opened, asked)))
    try:
        pushes += _stored(store, project)
    except RegistryRefused as error:
        if keep_runs is not None:
            raise
        say(f"without the history in the cache store: {error}", fg="yellow", err=True)
    known = Known(
        projects=(project, *(f"{namespace}-{project}" for namespace in NAMESPACES)),
        pushes=pushes,
        deployments={str(file): _text(file) for file in deployed},
        since=now - (keep_runs or 0.0),
        now=now,
    )
    return names, known


def _own(project: Project, store: CacheStore | None) -> Iterator[str]:
    if project.registry:
        yield from (f"{project.registry}/{service.name}" for service in project.services)
    if store and store.repository:
        yield store.repository


def _local(folder: Path) -> Iterable[Push]:
    """The newest runs of the history on this machine. Raises Unwritable."""
    from gobake.retention.held import push_of
    from gobake.runs.record import RunRecord
    from gobake.runs.store import RunStore

    with RunStore.reading(folder) as store:  # records are large, so that each is let go at once
        read = (push_of(record) for _, record in store.read_all() if isinstance(record, RunRecord))
        return deque(read, _RECORDS)


def _stored(store: CacheStore | None, project: str) -> Iterable[Push]:
    """The newest runs of the history in the cache store. Raises RegistryRefused: they name what must stay."""
    from gobake.caching.store.history import entries
    from gobake.retention.held import push_of

    found = entries(store, project, _RECORDS, _HISTORY_SECONDS) if store else ()
    return [push_of(entry.record) for entry in found]


def _text(file: Path) -> str:
    from gobake.retention.held import LARGEST_TEXT

    try:
        with file.open("rb") as source:
            data = source.read(LARGEST_TEXT + 1)
    except OSError as error:
        raise UsageError(f"--deployed: {file}: {error.strerror or error}") from None
    if len(data) > LARGEST_TEXT:
        raise UsageError(f"--deployed: {file} has more than {LARGEST_TEXT >> 20} MiB")
    return data.decode("utf-8", "replace")
