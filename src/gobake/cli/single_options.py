"""Options that several commands have one by one, outside of the groups in options.py; each says what it means there."""

from __future__ import annotations

from pathlib import Path

import click

from gobake.cli.options import Decorator
from gobake.cli.param_types import PlatformList


def platform_option(meaning: str, *, envvar: str | None = None) -> Decorator:
    """-p, --platform: lists of platforms, which ``joined`` makes one."""
    return click.option(
        "-p", "--platform", "platforms", envvar=envvar, type=PlatformList(), multiple=True, help=meaning
    )


def output_option(meaning: str, *, required: bool = False) -> Decorator:
    """-o, --output: a file."""
    return click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path, dir_okay=False),
        required=required,
        metavar="FILE",
        help=meaning,
    )


images_file_option = click.option(
    "--images-file",
    envvar="GOBAKE_IMAGES_FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write what was pushed to this file, such as gobake.images.json: every image with its digest and names.",
)
