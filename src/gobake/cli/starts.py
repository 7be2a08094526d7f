"""The options of commands that start the images they built."""

from __future__ import annotations

import click
from msgspec import Struct

from gobake.cli.options import gathered
from gobake.cli.param_types import Seconds
from gobake.errors import UsageError


class StartsGiven(Struct, frozen=True, kw_only=True):
    """Whether the images are started, and how long a start may take; None: the default."""

    smoke: bool
    smoke_timeout: float | None


smoke_options = gathered(
    "starts",
    StartsGiven,
    click.option(
        "--smoke",
        is_flag=True,
        help="Start every image: it must answer, exit 0 or keep running. Otherwise nothing is pushed, and the exit "
        "code is 7.",
    ),
    click.option(
        "--smoke-timeout",
        type=Seconds(),
        help="The time limit for a start.  [default: 10s, and 60s on an emulated platform]",
    ),
)


def start_seconds(starts: StartsGiven) -> float:
    """Return the limit of a start, 0 for the default. Raises UsageError for none: a program may wait for ever."""
    if starts.smoke_timeout == 0.0:
        raise UsageError("--smoke-timeout: a start needs a limit", remedy="write 90s, 5m or 1h")
    return starts.smoke_timeout or 0.0
