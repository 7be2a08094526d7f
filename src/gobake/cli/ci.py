"""`gobake ci`: what the pipelines of a CI need beside builds."""

from __future__ import annotations

import importlib

import click

from gobake.cli.answering import Answering

_COMMANDS = {"matrix": "gobake.cli.ci_matrix", "merge": "gobake.cli.ci_merge"}  # command -> its module, imported on use


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
    """Split a matrix over the runners of a CI, and join what they built."""
