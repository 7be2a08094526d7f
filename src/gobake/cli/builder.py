"""`gobake builder`: the builders of buildx."""

from __future__ import annotations

import importlib

import click

from gobake.cli.answering import Answering

_COMMANDS = {"create": "gobake.cli.builder_create"}  # command -> its module, imported on use


class _Builder(Answering):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(importlib.import_module(_COMMANDS[cmd_name]), f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        return command


@click.group("builder", cls=_Builder)
def builder_command() -> None:
    """Create builders that keep Go's caches."""
