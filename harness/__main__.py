"""The harness on the command line: up, down, clean, env, status, run."""

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
    parser.add_argument("--fresh", action="store_true", help="begin with an empty data-root, and delete it at the end")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("up", help="start an engine and a registry, and leave them running")
    verbs.add_parser("down", help="stop them")
    verbs.add_parser("clean", help="stop all instances and delete everything that the harness keeps")
    verbs.add_parser("env", help="print the export lines of a running instance")
    verbs.add_parser("status", help="list the instances")
    for verb, text in (
        ("run", "start, run a command in its environment, stop"),
        ("exec", "run a command in the environment of a running instance"),
    ):
        verbs.add_parser(verb, help=text).add_argument("command", nargs=argparse.REMAINDER)
    asked = parser.parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that finally blocks run
    try:
        return _do(asked)
    except HarnessError as error:
        say(str(error))
        return 3
    except KeyboardInterrupt:
        say("interrupted; nothing of it is left running")
        return 130


def _do(asked: argparse.Namespace) -> int:
    name = asked.name or asked.suite
    if asked.verb == "up":
        instance.up(asked.suite, name, force_private=asked.force_private, fresh=asked.fresh)
    elif asked.verb == "down":
        say(f"{name} stopped" if instance.down(name, purge=asked.fresh) else f"{name} was not running")
    elif asked.verb == "clean":
        instance.clean()
    elif asked.verb == "status":
        for folder in sorted((cache_folder() / "instances").glob("*")):
            found = instance.running(folder.name)
            print(folder.name, f"running, {found.socket or 'an engine that was there'}" if found else "stopped")
    elif asked.verb == "env":
        engine = _running(name)
        print("\n".join(f"export {key}={shlex.quote(value)}" for key, value in engine.env.items()))
    elif asked.verb == "exec":
        return subprocess.run(_command(asked), env={**os.environ, **_running(name).env}, check=False).returncode
    elif asked.verb == "run":
        was_running = instance.running(name) is not None
        engine = instance.up(asked.suite, name, force_private=asked.force_private, fresh=asked.fresh)
        try:
            return subprocess.run(_command(asked), env={**os.environ, **engine.env}, check=False).returncode
        finally:
            if not was_running:
                instance.down(name, purge=asked.fresh)
    return 0


def _command(asked: argparse.Namespace) -> list[str]:
    command: list[str] = asked.command[1:] if asked.command[:1] == ["--"] else asked.command
    if not command:
        raise HarnessError("which command? write it after --")
    return command


def _running(name: str) -> instance.Engine:
    found = instance.running(name)
    if not found:
        raise HarnessError(f"{name} is not running; start it with `python3 -m harness --suite SUITE --name {name} up`")
    return found


sys.exit(main())
