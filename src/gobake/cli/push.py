"""`gobake push`: the images of a recorded run, without building them again."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from gobake.cli import completing
from gobake.cli.options import given_as, history_option, project_options, request, without_meaning
from gobake.cli.param_types import each_worded, worded
from gobake.cli.records import RecordsGiven, open_records, record_of
from gobake.cli.sections import Sectioned
from gobake.cli.single_options import images_file_option
from gobake.errors import UsageError
from gobake.text.say import say, show

if TYPE_CHECKING:
    from gobake.pushing.recorded import Names
    from gobake.runs.record import RunRecord


class PushGiven(RecordsGiven, frozen=True, kw_only=True):
    """What `gobake push` is given."""

    run: str
    tags: tuple[str, ...]
    registry: str | None
    images_file: Path | None
    form: str


@click.command("push", cls=Sectioned)
@without_meaning("verbose")
@click.argument("run", default="last", metavar="[RUN]", shell_complete=completing.runs)
@click.option(
    "-t",
    "--tag",
    "tags",
    multiple=True,
    metavar="T",
    callback=each_worded("TAG_TEMPLATE"),
    help="Tag the images so instead; may be repeated. {{sha}}, {{branch}} and {{date}} are filled in.",
)
@click.option(
    "--registry",
    metavar="PREFIX",
    callback=worded("REGISTRIES", empty=False),
    help="Push to this registry instead; several with commas.",
)
@images_file_option
@history_option
@project_options
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@given_as(PushGiven)
def push_command(given: PushGiven) -> None:
    """Push the images of a run (default: the last one) under its names or others, without building them again.

    Images that the run pushed are copied in the registry, or from it to another one, with their attestations. Others
    come from the engine. Tags that never move (push.immutable) are kept.

    \b
    gobake push
    gobake push --tag v1.4.2 --registry ghcr.io/acme
    gobake push 20261130-072834 --registry registry.example.com/production
    """
    from gobake.plan.discover import history_folder, open_project
    from gobake.pushing.again import push_again, references
    from gobake.pushing.publish import error_of, kept_lines
    from gobake.pushing.recorded import document, with_pushed
    from gobake.report.summary import print_pushed
    from gobake.report.written import require_folder, write_json

    require_folder("--images-file", given.images_file)
    asked = request(given.project, history=given.history)
    opened = open_project(asked)
    with open_records(given, history_folder(opened, asked)) as store:
        record = record_of(store, given.run)
    if record.shard:
        raise UsageError(f"run {record.id} is a shard of several", remedy="`gobake ci merge` tags all of them")
    quiet = given.project.quiet or given.form == "json"
    named = push_again(
        record,
        replace(_names(given, record), further=tuple(f"{name}/" for name in opened.project.further_registries)),
        opened.project.immutable,
        given.project.builder,
        lambda line: None if quiet else say(line, err=True),
    )
    done = with_pushed(record, {one.image.target: references(one) for one in named})
    for line in () if quiet else kept_lines(named):
        say(line, err=True)
    if given.form == "json":
        show(json.dumps(document(done), indent=2))
    elif not given.project.quiet:
        print_pushed(done, color=given.project.color)
    if given.images_file:
        write_json("--images-file", given.images_file, document(done))
    if error := error_of(named):
        raise error


def _names(given: PushGiven, record: RunRecord) -> Names:
    from gobake.pushing.recorded import Names
    from gobake.targets import tags

    values = tags.words("", record.revision, record.branch, dirty=record.dirty, now=time.time())
    filled = tags.all_filled(given.tags, values)
    if given.tags and not filled:
        raise UsageError(
            f"--tag {given.tags[0]}: a record does not tell it", remedy="{{sha}}, {{branch}} and {{date}} are known"
        )
    prefixes = tuple(f"{name.rstrip('/')}/" for name in (given.registry or "").split(",") if name)
    return Names(tags=filled, prefixes=prefixes)
