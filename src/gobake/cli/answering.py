"""A group of commands that answers an unknown one with what to type."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import ClassVar

import click

from gobake.text.nearest import did_you_mean

_INSTEAD = {  # what other tools call it, by group
    "gobake": {
        "clean": "gobake cache prune",
        "prune": "gobake cache prune",
        "du": "gobake cache ls",
        "run": "gobake build, then docker run",
        "ls": "gobake runs ls",
    },
    "cache": {
        "du": "gobake cache ls",
        "list": "gobake cache ls",
        "rm": "gobake cache prune",
        "clean": "gobake cache prune",
    },
    "registry": {"list": "gobake registry ls", "rm": "gobake registry prune", "clean": "gobake registry prune"},
    "runs": {"list": "gobake runs ls", "delete": "gobake runs rm", "inspect": "gobake runs show"},
}


class Answering(click.Group):
    """Its subclasses say which commands there are by ``list_commands``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in known:
            instead = _INSTEAD.get(self.name or "", {}).get(args[0], "")
            path = "gobake" if self.name == "gobake" else f"gobake {self.name}"
            hint = f"try {instead}" if instead else did_you_mean(args[0], known, f"`{path} --help` lists them")
            raise click.UsageError(f"unknown command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)


class OnUse(Answering):
    """A group some of whose commands, in ``modules`` with their modules, are imported when they are used."""

    modules: ClassVar[Mapping[str, str]]

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self.modules})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.modules:
            return super().get_command(ctx, cmd_name)
        command = getattr(importlib.import_module(self.modules[cmd_name]), f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        return command
