"""`gobake runs`: the records of past runs."""

from __future__ import annotations

import importlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gobake.cli.options import as_given, format_option, history_option, option_group, project_options, request
from gobake.runs.begun import open_history
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import UnreadableRecord, to_json
from gobake.runs.store import RunStore
from gobake.text.say import say, show

if TYPE_CHECKING:
    from gobake.report.run_list import Listed
    from gobake.runs.filter import Choice

_OUTCOMES = [outcome.value for outcome in RunOutcome]
_SHOWN = 20  # runs, by default


_LATER = {"export": "gobake.cli.runs_archive", "import": "gobake.cli.runs_archive"}


class _Runs(click.Group):
    """Imports commands of other modules on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_LATER})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _LATER:
            importlib.import_module(_LATER[cmd_name])
        return super().get_command(ctx, cmd_name)


@click.group("runs", cls=_Runs)
def runs_command() -> None:
    """List, show, move and delete the records of past runs."""


def history_of(given: dict[str, Any]) -> Path:
    """Return the folder of the project's records."""
    from gobake.plan.discover import history_folder, open_project

    asked = request(given)
    return history_folder(open_project(asked), asked)


def _store(given: dict[str, Any]) -> RunStore:
    return open_history(history_of(given))


# Conditions for runs; --builder is among the options of every command.
choice_options = option_group(
    click.option("--branch", default="", metavar="B", help="Runs of one branch."),
    click.option("--service", default="", metavar="S", help="Runs that built a service."),
    click.option("--outcome", type=click.Choice(_OUTCOMES), help="Runs that ended so."),
    click.option("--since", metavar="WHEN", help="Begun then or later: 2026-11-25, 2026-11-25T14:30, 7d, 12h."),
    click.option("--until", metavar="WHEN", help="Begun then or earlier; a day counts as a whole."),
)


def choice_of(given: dict[str, Any]) -> Choice:
    """Return the conditions for runs. Raises UsageError.

    A builder from the environment is the one to build with, not a condition.
    """
    from gobake.runs.filter import Choice, moment

    now = time.time()
    said = click.get_current_context().get_parameter_source("builder") is click.core.ParameterSource.COMMANDLINE
    return Choice(
        branch=given["branch"],
        service=given["service"],
        builder=given["builder"] if said else "",
        outcome=given["outcome"] or "",
        since=moment(given["since"], "--since", now) if given["since"] else None,
        until=moment(given["until"], "--until", now, ends=True) if given["until"] else None,
    )


@runs_command.command("ls")
@choice_options
@click.option("--last", type=click.IntRange(1), metavar="N", help=f"So many at most.  [default: {_SHOWN}; in JSON all]")
@click.option("--all", "every", is_flag=True, help="All of them.")
@history_option
@project_options
@format_option
@as_given
def ls_command(given: dict[str, Any]) -> None:
    """List the runs, newest first, with the hit rates of their steps and Go packages."""
    from gobake.errors import UsageError
    from gobake.report import run_list

    if given["last"] and given["every"]:
        raise UsageError("--last and --all exclude each other", remedy="leave one out")
    choice = choice_of(given)
    most = given["last"] or (None if given["every"] or given["form"] == "json" else _SHOWN)
    with _store(given) as store:
        found, more = _listed(store, choice, most)
        there = bool(found or store.ids())
    if given["form"] == "json":
        show(json.dumps(run_list.as_json(found, more), indent=2))
        return
    if not found:
        none = "no run is as asked" if there else "no run is on record for this project; build something: gobake build"
        say(none)
        return
    for line in run_list.lines(found):
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


@runs_command.command("show")
@click.argument("run", default="last")
@click.option("--events", is_flag=True, help="Print the raw BuildKit events instead.")
@history_option
@project_options
@format_option
@as_given
def show_command(given: dict[str, Any]) -> None:
    """Show one run: an id, the beginning of one, or `last`."""
    from gobake.errors import UsageError

    with _store(given) as store:
        run_id = store.resolve(given["run"])
        try:
            if given["events"]:
                show(store.events(run_id), nl=False)
                return
            record = store.get(run_id)
        except UnreadableRecord as error:
            raise UsageError(f"run {run_id} {error}") from None
    if given["form"] == "json":
        show(json.dumps(to_json(record), indent=2))
        return
    from gobake.report.summary import print_summary

    print_summary(record, (), color=given["color"], notes=[record.failure] if record.failure else [])


@runs_command.command("rm")
@click.argument("runs", nargs=-1, required=True)
@history_option
@project_options
@as_given
def rm_command(given: dict[str, Any]) -> None:
    """Delete records of runs, by id."""
    with RunStore(history_of(given)) as store:
        for name in given["runs"]:
            run_id = store.resolve(name)
            store.remove(run_id)
            if not given["quiet"]:
                say(f"{run_id} deleted")
