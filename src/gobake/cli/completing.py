"""What the shell completes: names of this project, from what is remembered. Neither Go nor an engine is asked."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from gobake.plan.discover import Opened
    from gobake.plan.request import ProjectRequest

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

_RUNS = 30  # the newest
# The scripts of shells expand what they are given, and names come from the tree
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@+-]*")


def _quietly(complete: Complete) -> Complete:
    """Complete nothing where something is wrong with the project: a shell waits for the answer."""

    @functools.wraps(complete)
    def completed(context: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
        from gobake.errors import GobakeError

        with contextlib.suppress(GobakeError, OSError):
            return complete(context, param, begun)
        return []

    return completed


@_quietly
def services(context: click.Context, _param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the names of services; after ./ their folders."""
    project = _open(context)[0].project
    every = [*project.services, *project.left_out]
    if begun.startswith("."):
        folders = (project.folder(service) for service in every)
        return [CompletionItem(f) for f in folders if f.startswith(begun) and _PLAIN.fullmatch(f.lstrip("./"))]
    return fitting((service.name for service in every), begun)


@_quietly
def targets(context: click.Context, _param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the names of services and of their targets."""
    from gobake.model import Strategy, bake_name

    names = [service.name for service in _open(context)[0].project.services]
    return fitting([*names, *(f"{bake_name(name)}-{strategy}" for name in names for strategy in Strategy)], begun)


@_quietly
def runs(context: click.Context, _param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete the ids of runs, newest first."""
    from gobake.plan.discover import history_folder
    from gobake.runs.store import RunStore

    with RunStore(history_folder(*_open(context)), writes=False) as store:
        ids = store.ids()[: -_RUNS - 1 : -1]
        return fitting(["last", *ids] if ids else [], begun)


def words(*known: str) -> Complete:
    """Complete some of these words."""
    return lambda _context, _param, begun: fitting(known, begun)


def last_of_list(known: Iterable[str], begun: str) -> list[CompletionItem]:
    """Complete the last word of a list with commas."""
    before, comma, last = begun.rpartition(",")
    there = before.split(",")
    return [CompletionItem(f"{before}{comma}{word}") for word in known if word.startswith(last) and word not in there]


def fitting(known: Iterable[str], begun: str) -> list[CompletionItem]:
    return [CompletionItem(word) for word in known if word.startswith(begun) and _PLAIN.fullmatch(word)]


def _open(context: click.Context) -> tuple[Opened, ProjectRequest]:
    """Return the project as it is remembered. Raises ProjectError where Go would have to be asked."""
    from gobake.plan.discover import open_project
    from gobake.plan.request import ProjectRequest

    request = ProjectRequest(
        directory=context.params.get("directory") or Path(),
        config_file=context.params.get("config_file"),
        history=context.params.get("history"),
        lenient=True,
        remembered=True,
    )
    return open_project(request), request
