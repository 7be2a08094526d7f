"""`gobake version`, `gobake completion` and `gobake help`."""

from __future__ import annotations

import json
import platform

import click

from gobake import __version__
from gobake.cli.options import format_option
from gobake.text.say import say, show


@click.command("version")
@format_option
def version_command(form: str) -> None:
    """Print the versions of gobake, Python, the docker client and buildx; needs no engine."""
    from gobake.engine.client import client_versions

    versions = {"gobake": __version__, "python": platform.python_version(), **client_versions()}
    if form == "json":
        show(json.dumps({"schema": 1, **versions}, indent=2))
        return
    for name, version in versions.items():
        say(f"{name:<8}{version or 'not found'}")


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print the completion script for a shell.

    In ~/.bashrc: eval "$(gobake completion bash)"
    """
    from click.shell_completion import get_completion_class

    from gobake.cli import COMPLETION, gobake

    completes = get_completion_class(shell)
    assert completes
    show(completes(gobake, {}, "gobake", COMPLETION).source(), nl=False)


@click.command("help")
@click.argument("command", nargs=-1, metavar="[COMMAND]...")
def help_command(command: tuple[str, ...]) -> None:
    """Show the help of gobake or of a command: gobake help build."""
    root = click.get_current_context().find_root()
    root.command.main([*command, "--help"], prog_name=root.info_name, standalone_mode=False)
