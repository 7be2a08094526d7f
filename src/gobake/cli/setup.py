"""`gobake init` and `gobake schema`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from gobake.cli.options import as_given, project_options, request
from gobake.errors import Unwritable, UsageError
from gobake.gomod import CONFIG_FILE


@click.command("init")
@project_options
@click.option("--force", is_flag=True, help="Replace a gobake.yaml that is there.")
@click.option("--stdout", "to_stdout", is_flag=True, help="Print it instead of writing a file.")
@as_given
def init_command(given: dict[str, Any]) -> None:
    """Write a commented gobake.yaml from what Go found."""
    from gobake.config import render_init
    from gobake.opening import open_project

    opened = open_project(request(given))
    project = opened.project
    services = [(s.name, _written(project.root, project.context / s.directory, s.package)) for s in project.services]
    bases = {
        "go": project.bases.go,
        "debian": project.bases.debian,
        "alpine": project.bases.alpine,
        "distroless": project.bases.distroless,
        "upx": project.bases.upx,
    }
    text = render_init(project.name, services, bases, project.go_version)
    if given["to_stdout"]:
        click.echo(text, nl=False)
        return
    file = project.root / CONFIG_FILE
    if file.exists() and not given["force"]:
        raise UsageError(f"{file} is there already", remedy="--force replaces it, --stdout just prints")
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Unwritable(f"{file} cannot be written: {error.strerror}", remedy="--stdout just prints it") from None
    if not given["quiet"]:
        click.echo(f"{file}: {len(services)} service{'s' if len(services) != 1 else ''}; next: gobake plan")


def _written(root: Path, folder: Path, package: str) -> str:
    if not folder.is_relative_to(root):
        return package
    relative = folder.relative_to(root).as_posix()
    return "." if relative == "." else f"./{relative}"


@click.command("schema")
@click.argument("of", type=click.Choice(["config", "report"]), default="config")
def schema_command(of: str) -> None:
    """Print the JSON schema of gobake.yaml, for editors and checks; or of `gobake report --format json`."""
    click.echo(json.dumps(_schema(of), indent=2, ensure_ascii=False))


def _schema(of: str) -> dict[str, object]:
    if of == "report":
        from gobake.report import figures_json

        return figures_json.schema()
    from gobake.config import schema

    return schema()
