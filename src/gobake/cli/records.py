"""The records of a project's runs, for the commands that read them, and options that choose among them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from gobake.cli import completing
from gobake.cli.options import ProjectGiven, gathered, on_command_line, request
from gobake.errors import Unwritable, UsageError
from gobake.runs.outcomes import RunOutcome

if TYPE_CHECKING:
    from gobake.model import Project
    from gobake.runs.filter import Choice
    from gobake.runs.record import RunRecord
    from gobake.runs.store import RunStore


class RecordsGiven(Struct, frozen=True, kw_only=True):
    """What every command about the records of runs is given: project_options and history_option."""

    project: ProjectGiven
    history: Path | None


def history_of(given: RecordsGiven) -> Path:
    """Return the folder of the project's records."""
    return project_and_history(given)[1]


def project_and_history(given: RecordsGiven) -> tuple[Project, Path]:
    """Return (the project, the folder of its records)."""
    from gobake.plan.discover import history_folder, open_project

    asked = request(given.project, history=given.history)
    opened = open_project(asked)
    return opened.project, history_folder(opened, asked)


def open_records(given: RecordsGiven, folder: Path | None = None) -> RunStore:
    """Open the history, after those runs that were killed have been entered into it. Raises Unwritable."""
    from gobake.paths import data_folder
    from gobake.runs.begun import open_history

    folder = folder or history_of(given)
    try:
        return open_history(folder)
    except Unwritable as error:
        if given.history:
            remedy = "check the folder that --history or GOBAKE_HISTORY names"
        elif folder.is_relative_to(data_folder()):
            remedy = "set HOME or XDG_DATA_HOME to a folder that you may read, or name one with --history"
        else:
            remedy = "check history.folder in gobake.yaml"
        raise Unwritable(error.what, remedy=remedy) from None


def record_of(store: RunStore, name: str) -> RunRecord:
    """Return a run by its id, the beginning of one, or `last`. Raises UsageError."""
    from gobake.runs.record import UnreadableRecord

    run_id = store.resolve(name)
    try:
        return store.get(run_id)
    except UnreadableRecord as error:
        raise UsageError(f"run {run_id} {error}", remedy="`gobake runs ls` lists the others") from None


class ChoiceGiven(Struct, frozen=True, kw_only=True):
    """Conditions for runs; --builder is among the options of every command."""

    branch: str
    service: str
    outcome: str | None
    since: str | None
    until: str | None


choice_options = gathered(
    "choice",
    ChoiceGiven,
    click.option("--branch", default="", metavar="B", help="Only runs of this branch."),
    click.option(
        "--service",
        default="",
        metavar="S",
        shell_complete=completing.services,
        help="Only runs that built this service.",
    ),
    click.option(
        "--outcome", type=click.Choice([str(outcome) for outcome in RunOutcome]), help="Only runs with this outcome."
    ),
    click.option(
        "--since",
        metavar="WHEN",
        help="Only runs that began at this time or later: 2026-11-25, 2026-11-25T14:30, 7d, 12h.",
    ),
    click.option(
        "--until", metavar="WHEN", help="Only runs that began before this time; a date includes the whole day."
    ),
)


def choice_of(choice: ChoiceGiven, project: ProjectGiven) -> Choice:
    """Return the conditions for runs. Raises UsageError.

    A builder from the environment is the one to build with, not a condition.
    """
    from gobake.runs.filter import Choice, moment

    now = time.time()
    return Choice(
        branch=choice.branch,
        service=choice.service,
        builder=project.builder if on_command_line("builder") else "",
        outcome=choice.outcome or "",
        since=moment(choice.since, "--since", now) if choice.since else None,
        until=moment(choice.until, "--until", now, ends=True) if choice.until else None,
    )
