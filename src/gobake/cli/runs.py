"""`gobake runs`: the records of past runs."""

from __future__ import annotations

import json
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING

import click

from gobake.cli import completing
from gobake.cli.answering import OnUse
from gobake.cli.options import format_option, given_as, history_option, project_options, without_meaning
from gobake.cli.records import ChoiceGiven, RecordsGiven, choice_of, choice_options, history_of, open_records
from gobake.runs.record import UnreadableRecord, to_json
from gobake.runs.store import RunStore
from gobake.text.layout import width_of_terminal
from gobake.text.say import say, show

if TYPE_CHECKING:
    from gobake.report.run_list import Listed
    from gobake.runs.filter import Choice

_SHOWN = 20  # runs, by default


class _Runs(OnUse):
    modules = MappingProxyType({"export": "gobake.cli.runs_archive", "import": "gobake.cli.runs_archive"})


@click.group("runs", cls=_Runs)
def runs_command() -> None:
    """List, show, export, import and delete the records of past runs."""


class ListGiven(RecordsGiven, frozen=True, kw_only=True):
    """What `gobake runs ls` is given."""

    choice: ChoiceGiven
    last: int | None
    every: bool
    form: str


@runs_command.command("ls")
@without_meaning("verbose", "quiet")
@choice_options
@click.option(
    "--last", type=click.IntRange(1), metavar="N", help=f"Show at most N runs.  [default: {_SHOWN}; in JSON, all]"
)
@click.option("--all", "every", is_flag=True, help="Show all runs.")
@history_option
@project_options
@format_option
@given_as(ListGiven)
def ls_command(given: ListGiven) -> None:
    """List the runs, newest first, with the hit rates of their steps and Go packages."""
    from gobake.errors import UsageError
    from gobake.report import run_list

    if given.last and given.every:
        raise UsageError("--last and --all exclude each other", remedy="leave one out")
    choice = choice_of(given.choice, given.project)
    most = given.last or (None if given.every or given.form == "json" else _SHOWN)
    with open_records(given) as store:
        found, more = _listed(store, choice, most)
        there = bool(found or store.ids())
    if given.form == "json":
        show(json.dumps(run_list.as_json(found, more), indent=2))
        return
    if not found:
        say("no runs match" if there else str(store.empty()))
        return
    for line in run_list.lines(found, width_of_terminal(sys.stdout)):
        say(line)
    if more:
        say(f"and {more} more: --all lists them, --last {len(found) + more}, or choose with --branch, --since")


def _listed(store: RunStore, choice: Choice, most: int | None) -> tuple[list[Listed], int]:
    """Return (the newest runs that match, the number of further ones). Unreadable runs match no condition."""
    from gobake.insight.history import all_summaries
    from gobake.runs.filter import Choice
    from gobake.runs.summary import RunSummary

    if choice == Choice():  # no summaries are needed to count the others
        ids = store.ids()
        shown = ids if most is None else ids[-most:]
        return list(all_summaries(store, shown)), len(ids) - len(shown)
    fitting: list[Listed] = []
    fitting += ((i, run) for i, run in all_summaries(store) if isinstance(run, RunSummary) and choice.admits(run))
    return fitting[:most], len(fitting[most:]) if most else 0


class ShowGiven(RecordsGiven, frozen=True, kw_only=True):
    """What `gobake runs show` is given."""

    run: str
    events: bool
    form: str


@runs_command.command("show")
@without_meaning("builder", "verbose", "quiet")
@click.argument("run", default="last", metavar="[RUN]", shell_complete=completing.runs)
@click.option("--events", is_flag=True, help="Print the raw BuildKit events instead.")
@history_option
@project_options
@format_option
@given_as(ShowGiven)
def show_command(given: ShowGiven) -> None:
    """Show a run.

    RUN is an id, the beginning of one, `last`, or `last~1` for the run before it.
    """
    from gobake.errors import UsageError

    with open_records(given) as store:
        run_id = store.resolve(given.run)
        try:
            if given.events:
                show(store.events(run_id), nl=False)
                return
            record = store.get(run_id)
        except UnreadableRecord as error:
            raise UsageError(f"run {run_id} {error}") from None
    if given.form == "json":
        show(json.dumps(to_json(record), indent=2))
        return
    from gobake.report.summary import print_summary

    print_summary(record, (), color=given.project.color, notes=[record.failure] if record.failure else [])


class RemoveGiven(RecordsGiven, frozen=True, kw_only=True):
    """What `gobake runs rm` is given."""

    runs: tuple[str, ...]


@runs_command.command("rm")
@without_meaning("builder", "verbose")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=completing.runs)
@history_option
@project_options
@given_as(RemoveGiven)
def rm_command(given: RemoveGiven) -> None:
    """Delete the records of runs, by id."""
    folder = history_of(given)
    with open_records(given, folder) as store:
        found = [store.resolve(name) for name in given.runs]
    with RunStore(folder) as store:
        for run_id in found:
            store.remove(run_id)
            if not given.project.quiet:
                say(f"{run_id} deleted")
