"""Asks this machine's go command, isolated from the machine's Go settings."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from gobake.errors import GoMissing, TransferStalled
from gobake.gotool import host, settings, words
from gobake.gotool.asking import Answer, Query, Question, questions
from gobake.gotool.copies import Copies
from gobake.gotool.modules import Layout
from gobake.gotool.packages import GoTree
from gobake.gotool.reading import nameless, read
from gobake.paths import scratch_folder
from gobake.proc.command import NotStarted
from gobake.text.say import say

_APART_SECONDS = 30.0  # between two messages that Go waits


def survey(layout: Layout, asked: Iterable[Query], go: str) -> GoTree:
    """Ask the host's Go about the tree.

    Raises ProjectError if Go cannot read the tree, GoMissing if Go does not run, and TransferStalled if it waits too
    long for modules.
    """
    jobs = questions(layout, asked)
    outputs = ask(jobs, go)
    answers = [Answer(question=job, listed=outputs[job.asked][0], said=outputs[job.asked][1]) for job in jobs]
    return read(layout, answers)


def ask(jobs: Iterable[Question], go: str, *, fetch: bool = True) -> dict[tuple[object, ...], tuple[str, str]]:
    """Return stdout and stderr for each question, by ``Question.asked``; a question is asked once.

    ``fetch``: Go may fetch modules if it cannot answer without. Raises GoMissing and TransferStalled.
    """
    from concurrent.futures import ThreadPoolExecutor  # most runs do not get here: list_cache.py

    once = {job.asked: job for job in jobs}  # such as a module that several others replace
    with scratch_folder() as folder, ThreadPoolExecutor(4) as pool:
        asker = _Asker(go, Copies(folder), fetch=fetch)
        plans = [(job, *asker.copies.env_and_flags(job)) for job in once.values()]
        return dict(zip(once, pool.map(lambda plan: asker.ask(*plan), plans), strict=True))


class _Asker:
    """Runs this machine's go command, isolated from the machine's Go settings."""

    def __init__(self, go: str, copies: Copies, *, fetch: bool) -> None:
        self._go = go
        self._fetch = fetch
        self.copies = copies
        self._environment = settings.of_host(os.environ, host.own_settings(go))
        self._stalled: TransferStalled | None = None
        self._told = 0.0

    def ask(self, job: Question, changed: dict[str, str], flags: list[str]) -> tuple[str, str]:
        """Return stdout and stderr. If Go cannot answer without fetching modules, it is asked again with network."""
        listed, errors = self._run(job, {**job.env(), **changed}, flags)
        if self._fetch and words.wants_modules(errors if not listed.strip() else nameless(listed)):
            fetching = {name: value for name, value in job.env().items() if name != "GOPROXY"}
            return self._run(job, {**fetching, **changed}, flags)
        return listed, errors

    def _run(self, job: Question, env: dict[str, str], flags: list[str]) -> tuple[str, str]:
        command = [self._go, *job.command[1:2], *flags, *job.command[2:]]
        environment = {**self._environment, **env, "PWD": str(job.folder)}
        if self._stalled:
            raise self._stalled  # if one of several questions has stalled, the others will too
        from gobake.trace import patience  # imported only when Go is asked

        try:
            done = patience.run(command, cwd=job.folder, env=environment, say=self._say)
        except TransferStalled as error:
            self._stalled = error
            raise
        except NotStarted as error:
            raise GoMissing(
                f"{self._go} does not run: {error.why}", remedy="reinstall Go or take it from PATH"
            ) from None
        errors = done.err or (f"go list failed with exit code {done.code}" if done.code else "")
        return self.copies.told(done.out), self.copies.told(errors)

    def _say(self, text: str) -> None:
        """Print a message, but not from each of several questions that wait for the same proxy."""
        if time.monotonic() - self._told > _APART_SECONDS:
            self._told = time.monotonic()
            say(text, err=True)
