"""Counts the packages of commands, with those of modules and of the standard library, as the host's Go lists them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from gobake.gotool import host, settings
from gobake.gotool.asking import Question
from gobake.gotool.copies import Copies
from gobake.paths import scratch_folder
from gobake.proc import command
from gobake.proc.command import CommandError

_SECONDS = 20.0


def packages_of(commands: Sequence[str], question: Question, go: str) -> int:
    """Return the number of packages in these commands; 0 if Go cannot tell without fetching modules."""
    with scratch_folder() as scratch:
        try:
            changed, flags = Copies(scratch).env_and_flags(question)
            tags = [f"-tags={','.join(question.query.tags)}"] if question.query.tags else []
            words = [go, "list", *flags, *tags, "-deps", "-f", "{{.ImportPath}}", *commands]
            own = settings.of_host(os.environ, host.own_settings(go))
            environment = {**own, **question.env(), **changed, "PWD": str(question.folder)}
            done = command.run(words, env=environment, cwd=question.folder, seconds=_SECONDS)
        except (OSError, CommandError):
            return 0
    # unsafe is no package to compile
    return len(set(done.out.split()) - {"unsafe"}) if done.code == 0 else 0
