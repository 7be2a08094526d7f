"""The command line: parse, call, print. Commands are imported on use, so that --help is fast."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys

import click

from gobake import __version__
from gobake.cli.answering import Answering
from gobake.errors import ExitCode, GobakeError
from gobake.proc import orphans
from gobake.text.color import choose
from gobake.text.say import say, show

# command -> (module, text in --help), in the order of --help
COMMANDS = {
    "build": ("gobake.cli.build", "Build each service with its configured strategy."),
    "all": ("gobake.cli.build", "Build the whole matrix: services x strategies x platforms."),
    "push": ("gobake.cli.push", "Push the images of a run, or give them further names."),
    "plan": ("gobake.cli.plan", "Show what would be built, and why; needs no engine."),
    "affected": ("gobake.cli.affected", "Show the services that differ from another commit, and why."),
    "ci": ("gobake.cli.ci", "Write the pipeline of a CI, and do what its jobs need."),
    "render": ("gobake.cli.plan", "Write the Dockerfile and bake file for plain `docker buildx bake`."),
    "init": ("gobake.cli.setup", "Write a commented gobake.yaml for this repository."),
    "schema": ("gobake.cli.setup", "Print the JSON schema of gobake.yaml, policies or JSON output."),
    "trust": ("gobake.cli.trust", "Trust a project, or show what it asks for."),
    "cache": ("gobake.cli.cache", "List, prune, save and verify cache mounts, seeds and layer caches."),
    "registry": ("gobake.cli.registry", "List and prune images, attestations, seeds and caches in registries."),
    "builder": ("gobake.cli.builder", "Create builders that keep Go's caches."),
    "runs": ("gobake.cli.runs", "List, show, export, import and delete the records of past runs."),
    "explain": ("gobake.cli.explain", "Explain why steps missed the cache and packages were compiled."),
    "compare": ("gobake.cli.compare", "Compare the images of all strategies, and recommend one."),
    "deps": ("gobake.cli.deps", "Show the modules that services link, what each weighs, and why it is there."),
    "report": ("gobake.cli.report", "Show how well the caches of a run worked."),
    "size": ("gobake.cli.size", "Show where every byte of an image and of its program is."),
    "metrics": ("gobake.cli.metrics", "Print, push or serve the history for Prometheus."),
    "doctor": ("gobake.cli.doctor", "Check this machine, its engine, builder and registries."),
    "version": ("gobake.cli.about", "Print the versions of gobake and its tools."),
    "completion": ("gobake.cli.about", "Print the completion script for a shell."),
    "help": ("gobake.cli.about", "Show the help of a command."),
}
COMPLETION = "_GOBAKE_COMPLETE"  # set by the scripts of `gobake completion`
_GROUPS = ("builder", "cache", "ci", "registry", "runs")

# options of all commands that may also precede the command, and how many words follow each
_EARLY = {"-C": 1, "--directory": 1, "--color": 1, "-q": 0, "--quiet": 0, "-v": 0, "--verbose": 0}


def _behind(words: list[str]) -> list[str]:
    """Return the words with the early options behind the command: `gobake -C DIR plan` is `gobake plan -C DIR`."""
    at = 0
    while at < len(words) and (early := _early(words[at])) is not None:
        at += 1 + early
    given, rest = words[:at], words[at:]
    if not rest or rest[0].startswith("-"):
        return rest  # --help, or no command at all
    place = 2 if rest[0] in _GROUPS and rest[1:] and not rest[1].startswith("-") else 1
    return [*rest[:place], *given, *rest[place:]]


def _early(word: str) -> int | None:
    """Return how many words belong to an early option, or None for other words."""
    if word.startswith("--"):
        name, equals, _ = word.partition("=")
        return 0 if equals and name in _EARLY else _EARLY.get(word)
    joined = len(word) > 2 and (word.startswith("-C") or re.fullmatch("-[qv]+", word))
    return 0 if joined else _EARLY.get(word)


class _Lazy(Answering):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, _behind(args))
        except click.NoSuchOption as error:
            command = next((word for word in args if word in COMMANDS), "")
            if not command:
                raise
            remedy = f"options follow the command: gobake {command} {error.option_name}"
            raise click.UsageError(f"{error.option_name} stands before the command; {remedy}") from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="gobake")
def gobake() -> None:
    """Build container images of Go programs: eight strategies, several platforms, warm caches.

    In any Go repository: gobake all --platform linux/amd64,linux/arm64
    """
    try:
        os.getcwd()  # noqa: PTH109 (the import of pathlib is not needed for it)
    except OSError:
        from gobake.errors import UsageError

        raise UsageError("the folder that you are in is gone", remedy="go to one that is there") from None
    orphans.end_with_us()


def main() -> None:
    """The entry point. Neither gobake's own exceptions nor errors of the user or the machine show a traceback."""
    choose(sys.argv[1:], os.environ)
    try:
        code = gobake.main(standalone_mode=False)
        sys.stdout.flush()  # here, so that a full disk is reported
        sys.exit(code if isinstance(code, int) else ExitCode.DONE)
    except GobakeError as error:
        if error.remedy and sys.stderr.isatty():
            _say(str(error).removesuffix(f"; {error.remedy}"), error.words, error.remedy)
        else:
            _say(str(error), error.words)  # one line for logs
        _annotate(error)
        sys.exit(error.exit_code)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):  # click 8.1 has none
            show(error.format_message())
            sys.exit(ExitCode.DONE)
        _say(error.format_message())
        sys.exit(ExitCode.USAGE)
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted")
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # the reader of the output is gone, as in `gobake plan | head`
        _drop_output()
        sys.exit(ExitCode.DONE)
    except OSError as error:  # an unexpected file error: the disk is full or broken
        _drop_output()
        what = error.filename or "what is written"
        _say(f"{what}: {error.strerror or error}; is the disk full, or not yours to write?")
        sys.exit(ExitCode.USAGE)


def _drop_output() -> None:
    """Discard buffered output, which would fail again at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _annotate(error: GobakeError) -> None:
    if os.environ.get("GITHUB_ACTIONS"):
        from pathlib import Path

        from gobake.report.workflow import annotate

        annotate([str(error)], os.environ, Path())


def _say(text: str, words: str = "", hint: str = "") -> None:
    with contextlib.ExitStack() as ends:
        if os.environ.get("GITHUB_ACTIONS"):
            from gobake.report.workflow import guarded

            ends.enter_context(guarded(os.environ))
        _say_error(text, words, hint)


def _say_error(text: str, words: str, hint: str) -> None:
    if COMPLETION in os.environ:
        return  # the shell waits for words to complete with
    say(text, head="error: ", fg="red", bold=True, err=True)
    for line in words.splitlines():
        say(f"  {line}".rstrip(), err=True)
    if hint:
        say(hint, head="hint: ", bold=True, err=True)
