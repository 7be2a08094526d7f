"""`gobake init` and `gobake schema`."""

from __future__ import annotations

import json
import os

import click
from msgspec import Struct
from msgspec.structs import replace

from gobake.cli.options import ProjectGiven, given_as, project_options, request, without_meaning
from gobake.errors import Unwritable, UsageError
from gobake.gotool.modules import CONFIG_FILE
from gobake.text.say import say, show


class InitGiven(Struct, frozen=True, kw_only=True):
    """What `gobake init` is given."""

    project: ProjectGiven
    force: bool
    to_stdout: bool
    source: str | None


@click.command("init")
@without_meaning("verbose")
@project_options
@click.option("--force", is_flag=True, help="Overwrite an existing gobake.yaml.")
@click.option("--stdout", "to_stdout", is_flag=True, help="Print the text instead of writing a file.")
@click.option(
    "--from",
    "source",
    type=click.Choice(["goreleaser", "ko", "dockerfile"]),
    help="Take services and their settings only from this source.",
)
@given_as(InitGiven)
def init_command(given: InitGiven) -> None:
    """Write a commented gobake.yaml, based on the Go packages and the build files of the repository."""
    from gobake.config.initfile import render_init
    from gobake.files import atomic
    from gobake.plan.discover import open_project
    from gobake.plan.init import begin

    begun = begin(open_project(replace(request(given.project), lenient=True)), given.source or "")
    project = begun.project
    services = [(s.name, project.folder(s)) for s in project.services]
    bases = {
        "go": project.bases.go,
        "debian": project.bases.debian,
        "alpine": project.bases.alpine,
        "distroless": project.bases.distroless,
        "upx": project.bases.upx,
    }
    text = render_init(begun.name, services, bases, project.go_version, entries=begun.entries, left_out=begun.left_out)
    if given.to_stdout:
        show(text, nl=False)
        return
    file = project.root / CONFIG_FILE
    if os.path.lexists(file) and not given.force:
        raise UsageError(f"{file} is there already", remedy="--force replaces it, --stdout just prints")
    try:
        atomic.write_in_tree(file, text)
    except OSError as error:
        raise Unwritable(f"{file} cannot be written: {error.strerror}", remedy="--stdout just prints it") from None
    if not given.project.quiet:
        say(f"{file}: {len(services)} service{'s' if len(services) != 1 else ''}; next: gobake plan")


_OF_JSON = (
    "plan",
    "affected",
    "images",
    "matrix",
    "runs",
    "record",
    "cache",
    "explain",
    "deps",
    "size",
    "compare",
    "registry",
    "doctor",
    "progress",
)  # report/schemas.py


@click.command("schema")
@click.argument("of", type=click.Choice(["config", "policy", "report", *_OF_JSON]), default="config")
def schema_command(of: str) -> None:
    """Print the JSON schema of gobake.yaml, of cache policies, or of what a command prints as JSON.

    `cache` is that of `gobake cache ls`, `runs` of `gobake runs ls`, `record` of `gobake runs show`, `progress` of each
    line of `--progress json`.
    """
    show(json.dumps(_schema(of), indent=2, ensure_ascii=False))


def _schema(of: str) -> dict[str, object]:
    if of == "report":
        from gobake.report import figures_json

        return figures_json.schema()
    if of == "policy":
        from gobake.caching.policy import policy_file

        return policy_file.schema()
    if of in _OF_JSON:
        from gobake.report import schemas

        return schemas.schema(of)
    from gobake.config import json_schema

    return json_schema.schema()
