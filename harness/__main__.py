"""The command line of the harness: up, down, clean, env, status, run, exec."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys

from harness import instance
from harness.places import SUITES, HarnessError, cache_folder, say


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m harness", description=__doc__)
    parser.add_argument(
        "--suite",
        choices=SUITES,
        default=os.environ.get("GOBAKE_ENGINE_SUITE", SUITES[0]),
        help="where a private engine comes from: sid (28.5) or trixie (26.1)",
    )
    parser.add_argument("--name", default="", help="name of the instance (default: the suite)")
    parser.add_argument("--force-private", action="store_true", help="start one even if an engine answers")
    parser.add_argument("--fresh", action="store_true", help="start with an empty data-root, and delete it at the end")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("up", help="start an engine and a registry, and keep them running")
    verbs.add_parser("down", help="stop them")
    verbs.add_parser("clean", help="stop all instances and delete everything that the harness keeps")
    verbs.add_parser("env", help="print the export lines of a running instance")
    verbs.add_parser("status", help="list the instances")
    for verb, text in (
        ("run", "start, run a command in its environment, stop"),
        ("exec", "run a command in the environment of a running instance"),
    ):
        verbs.add_parser(verb, help=text).add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that finally blocks run
    try:
        return _do(options)
    except HarnessError as error:
        say(str(error))
        return 3
    except KeyboardInterrupt:
        say("interrupted; nothing is left running")
        return 130


def _do(options: argparse.Namespace) -> int:
    name = options.name or options.suite
    if options.verb == "up":
        instance.up(options.suite, name, force_private=options.force_private, fresh=options.fresh)
    elif options.verb == "down":
        say(f"{name} stopped" if instance.down(name, purge=options.fresh) else f"{name} was not running")
    elif options.verb == "clean":
        instance.clean()
    elif options.verb == "status":
        for folder in sorted((cache_folder() / "instances").glob("*")):
            live = instance.running(folder.name)
            print(folder.name, f"running, {live.socket or 'an existing engine'}" if live else "stopped")
    elif options.verb == "env":
        engine = _running(name)
        print("\n".join(f"export {key}={shlex.quote(value)}" for key, value in engine.env.items()))
    elif options.verb == "exec":
        return subprocess.run(_command(options), env={**os.environ, **_running(name).env}, check=False).returncode
    elif options.verb == "run":
        was_running = instance.running(name) is not None
        engine = instance.up(options.suite, name, force_private=options.force_private, fresh=options.fresh)
        try:
            return subprocess.run(_command(options), env={**os.environ, **engine.env}, check=False).returncode
        finally:
            if not was_running:
                instance.down(name, purge=options.fresh)
    return 0


def _command(options: argparse.Namespace) -> list[str]:
    command: list[str] = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise HarnessError("a command is missing; write it after --")
    return command


def _running(name: str) -> instance.Engine:
    engine = instance.running(name)
    if not engine:
        raise HarnessError(f"{name} is not running; start it with `python3 -m harness --suite SUITE --name {name} up`")
    return engine


sys.exit(main())
