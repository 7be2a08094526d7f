"""`gobake ci`: what the pipelines of a CI need beside builds."""

from __future__ import annotations

import importlib

import click

from gobake.cli.answering import Answering

_COMMANDS = {  # command -> its module, imported on use
    "github": "gobake.cli.ci_pipeline",
    "gitlab": "gobake.cli.ci_pipeline",
    "matrix": "gobake.cli.ci_matrix",
    "merge": "gobake.cli.ci_merge",
}


class _Ci(Answering):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(importlib.import_module(_COMMANDS[cmd_name]), f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        return command


@click.group("ci", cls=_Ci)
def ci_command() -> None:
    """Write the pipeline of a CI, and do what its jobs need."""
