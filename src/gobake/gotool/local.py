"""Asking the go command of this machine, under none of its own settings."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from gobake import hostgo
from gobake.errors import GoMissing
from gobake.golang import GoTree
from gobake.gomod import Layout
from gobake.gotool import settings, words
from gobake.gotool.asking import Answer, Query, Question, questions
from gobake.gotool.copies import Copies
from gobake.gotool.reading import nameless, read


def survey(layout: Layout, asked: Iterable[Query], go: str) -> GoTree:
    """Ask the host's Go. Raises ProjectError where Go cannot read the tree, GoMissing where it does not run."""
    from concurrent.futures import ThreadPoolExecutor  # here, because most runs know the answer: surveys.py
    from tempfile import TemporaryDirectory

    jobs = questions(layout, asked)
    once = {job.asked: job for job in jobs}  # a module is asked once, also where several others replace it
    with TemporaryDirectory(prefix="gobake-") as folder, ThreadPoolExecutor(4) as pool:
        asker = _Asker(go, Copies(Path(folder)))
        plans = [(job, *asker.copies.env_and_flags(job)) for job in once.values()]
        said = dict(zip(once, pool.map(lambda plan: asker.ask(*plan), plans), strict=True))
    answers = [Answer(question=job, listed=said[job.asked][0], said=said[job.asked][1]) for job in jobs]
    return read(layout, answers)


class _Asker:
    """The go command of this machine, under none of its own settings."""

    def __init__(self, go: str, copies: Copies) -> None:
        self._go = go
        self.copies = copies
        self._environment = settings.of_host(os.environ, hostgo.own_settings(go))

    def ask(self, job: Question, changed: dict[str, str], flags: list[str]) -> tuple[str, str]:
        """(what was listed, what was said). Where Go needs modules of others to answer, it may fetch them."""
        listed, said = self._run(job, {**job.env(), **changed}, flags)
        if words.wants_modules(said if not listed.strip() else nameless(listed)):
            fetching = {name: value for name, value in job.env().items() if name != "GOPROXY"}
            return self._run(job, {**fetching, **changed}, flags)
        return listed, said

    def _run(self, job: Question, env: dict[str, str], flags: list[str]) -> tuple[str, str]:
        command = [self._go, *job.command[1:2], *flags, *job.command[2:]]
        environment = {**self._environment, **env, "PWD": str(job.folder)}
        try:
            done = subprocess.run(command, cwd=job.folder, env=environment, capture_output=True, text=True, check=False)
        except OSError as error:
            raise GoMissing(
                f"{self._go} does not run: {error.strerror}", remedy="reinstall Go or take it from PATH"
            ) from None
        said = done.stderr or (f"go list ended with {done.returncode}" if done.returncode else "")
        return self.copies.told(done.stdout), self.copies.told(said)
