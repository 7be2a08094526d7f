"""`gobake runs`: the records of past runs."""

from __future__ import annotations

import json
import time
from typing import Any

import click

from gobake.cli.options import as_given, format_option, project_options, request
from gobake.runs.record import RunRecord, UnreadableRecord, to_json
from gobake.runs.store import RunStore


@click.group("runs")
def runs_command() -> None:
    """List, show and delete the records of past runs."""


def _store(given: dict[str, Any]) -> RunStore:
    from gobake.opening import open_project
    from gobake.project import identity
    from gobake.runs.store import default_folder

    return RunStore(default_folder(identity(open_project(request(given)).project)))


@runs_command.command("ls")
@project_options
@format_option
@as_given
def ls_command(given: dict[str, Any]) -> None:
    """List the runs, newest first."""
    with _store(given) as store:
        found = list(store.read_all())[::-1]
    if given["form"] == "json":
        rows = [_row(record) for _, record in found if isinstance(record, RunRecord)]
        click.echo(json.dumps({"schema": 1, "runs": rows}, indent=2))
        return
    if not found:
        click.echo("no run is on record for this project; build something: gobake build")
    for run_id, record in found:
        if isinstance(record, UnreadableRecord):
            click.echo(f"{run_id}  {record}")
            continue
        began = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.started))
        services = len({t.service for t in record.targets})
        click.echo(
            f"{run_id}  {began}  {record.outcome:<11} {record.seconds:7.1f} s  {len(record.targets)} targets of "
            f"{services} services  {record.branch or '-'} {record.revision[:8]}"
        )


def _row(record: RunRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "started": record.started,
        "seconds": record.seconds,
        "outcome": record.outcome,
        "targets": [t.name for t in record.targets],
        "branch": record.branch,
        "revision": record.revision,
    }


@runs_command.command("show")
@click.argument("run", default="last")
@click.option("--events", is_flag=True, help="Print the raw BuildKit events instead.")
@project_options
@format_option
@as_given
def show_command(given: dict[str, Any]) -> None:
    """Show one run: an id, the beginning of one, or `last`."""
    from gobake.errors import UsageError
    from gobake.report.summary import print_summary

    with _store(given) as store:
        run_id = store.resolve(given["run"])
        try:
            if given["events"]:
                click.echo(store.events(run_id), nl=False)
                return
            record = store.get(run_id)
        except UnreadableRecord as error:
            raise UsageError(f"run {run_id} {error}") from None
    if given["form"] == "json":
        click.echo(json.dumps(to_json(record), indent=2))
        return
    print_summary(record, (), color=given["color"], notes=[record.failure] if record.failure else [])


@runs_command.command("rm")
@click.argument("runs", nargs=-1, required=True)
@project_options
@as_given
def rm_command(given: dict[str, Any]) -> None:
    """Delete records of runs, by id."""
    with _store(given) as store:
        for name in given["runs"]:
            run_id = store.resolve(name)
            store.remove(run_id)
            if not given["quiet"]:
                click.echo(f"{run_id} deleted")
