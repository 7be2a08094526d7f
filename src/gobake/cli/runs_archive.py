"""`gobake runs export` and `gobake runs import`: a history in transit to another machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gobake.cli import completing
from gobake.cli.options import given_as, history_option, project_options, without_meaning
from gobake.cli.records import ChoiceGiven, RecordsGiven, choice_of, choice_options, history_of, open_records
from gobake.cli.single_options import output_option
from gobake.errors import UsageError
from gobake.text.say import say

if TYPE_CHECKING:
    from gobake.runs.archive import Entry
    from gobake.runs.store import RunStore

_TOLD = 20  # refused lines that are shown; of the others, only the number


class ExportGiven(RecordsGiven, frozen=True, kw_only=True):
    """What `gobake runs export` is given."""

    choice: ChoiceGiven
    runs: tuple[str, ...]
    output: Path


@click.command("export")
@without_meaning("verbose")
@click.argument("runs", nargs=-1, metavar="[RUN]...", shell_complete=completing.runs)
@output_option("The archive to write, such as runs.jsonl.gz.", required=True)
@choice_options
@history_option
@project_options
@given_as(ExportGiven)
def export_command(given: ExportGiven) -> None:
    """Write runs to a file: records, events and figures. Without RUN or conditions, all runs are written."""
    from gobake.runs.archive import write

    with open_records(given) as store:
        wanted = _wanted(given, store)
        if not wanted:
            raise UsageError("no runs match", remedy="`gobake runs ls` lists all") if store.ids() else store.empty()
        count = write(given.output, _entries(store, wanted))
    if not given.project.quiet:
        say(f"{count} run{'s' if count != 1 else ''} in {given.output}")


def _wanted(given: ExportGiven, store: RunStore) -> list[str]:
    """Return ids, oldest first: an interrupted import then has the runs that later ones are compared with."""
    from gobake.insight.history import all_summaries
    from gobake.runs.filter import Choice
    from gobake.runs.summary import RunSummary

    named = sorted({store.resolve(name) for name in given.runs}) if given.runs else store.ids()
    choice = choice_of(given.choice, given.project)
    if choice == Choice():
        return named
    found = [i for i, run in all_summaries(store, named) if isinstance(run, RunSummary) and choice.admits(run)]
    return found[::-1]


def _entries(store: RunStore, ids: list[str]) -> Iterator[Entry]:
    from gobake.runs.archive import Entry
    from gobake.runs.record import UnreadableRecord

    kept = store.summaries(ids)
    for run_id in ids:
        try:
            record = store.get(run_id)
        except (UnreadableRecord, UsageError) as error:
            say(f"run {run_id} {error}: left out", err=True)
            continue
        try:
            events = store.events(run_id)
        except UnreadableRecord:
            events = None
        yield Entry(record=record, summary=kept.get(run_id), events=events)


class ImportGiven(RecordsGiven, frozen=True, kw_only=True):
    """What `gobake runs import` is given."""

    file: Path


@click.command("import")
@without_meaning("builder", "verbose")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
@history_option
@project_options
@given_as(ImportGiven)
def import_command(given: ImportGiven) -> None:
    """Add the runs in a file to the history. Runs that are already there stay unchanged."""
    from gobake.runs.archive import Refused, read
    from gobake.runs.store import RunStore
    from gobake.text.printable import one_line

    added = present = refused = 0
    with RunStore(history_of(given)) as store:
        there = set(store.ids())
        for entry in read(given.file):
            if isinstance(entry, Refused):
                refused += 1
                if refused <= _TOLD:
                    say(f"line {entry.line} {one_line(entry.says)}", err=True)
            elif entry.record.id in there:
                present += 1
            else:
                store.add(entry.record, None if entry.events is None else [entry.events], entry.summary)
                there.add(entry.record.id)
                added += 1
    if refused > _TOLD:
        say(f"and {refused - _TOLD} more lines that are no runs", err=True)
    if not added and not present:
        raise UsageError(f"{given.file}: holds no run that can be read", remedy="was it made by gobake runs export?")
    if not given.project.quiet:
        say(f"{added} run{'s' if added != 1 else ''} added, {present} already there, {refused} left out")
