"""The only access to other programs: starts them, waits for them, reads their output and ends them.

A program gets the environment that its caller passes, and only the given input. Its output is decoded as UTF-8. No
program outlives gobake: a program that is waited for is killed at a timeout or an exception, `groups.py` ends one in
its own process group, and `orphans.py` all of them if gobake itself is killed.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from msgspec import Struct

from gobake.proc.orphans import marked

_END_SECONDS = 5.0  # between TERM and KILL


class CommandError(Exception):
    """A program gave no result; any exit code is a result."""


class NotStarted(CommandError):
    """The program could not start. ``missing``: it does not exist; ``why``: the system's message."""

    def __init__(self, program: str, error: OSError) -> None:
        self.missing = isinstance(error, FileNotFoundError)
        self.why = error.strerror or str(error)
        super().__init__(f"{program}: {self.why}")


class Late(CommandError):
    """The program did not end in time and was killed."""

    def __init__(self, program: str, seconds: float) -> None:
        super().__init__(f"{program} did not end within {seconds:g} s")


class Done(Struct, frozen=True, kw_only=True):
    """The result of a program that ended."""

    code: int
    out: str = ""
    err: str = ""

    @property
    def last(self) -> str:
        """The last line of its stderr that is not blank, or ""."""
        return next((line.strip() for line in reversed(self.err.splitlines()) if line.strip()), "")


def run(
    words: Sequence[str], *, env: Mapping[str, str], seconds: float, cwd: Path | None = None, given: str = ""
) -> Done:
    """Run a program until it ends. ``given``: its input. Raises NotStarted and Late."""
    return Running(words, env=env, cwd=cwd, given=given).wait(seconds)


def into(
    file: Path, words: Sequence[str], *, env: Mapping[str, str], seconds: float, given: Path | None = None
) -> Done:
    """Run a program until it ends; its output, which may be any bytes, goes to a file.

    ``given``: a file with its input. Raises NotStarted, Late, and OSError for the files.
    """
    with contextlib.ExitStack() as opened:
        out = opened.enter_context(file.open("wb"))
        taken = opened.enter_context(given.open("rb")) if given else subprocess.DEVNULL
        process = started(words, env=env, stdin=taken, stdout=out, stderr=subprocess.PIPE)
        try:
            _, err = process.communicate(timeout=seconds)
        except BaseException as error:
            process.kill()
            process.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                raise Late(words[0], seconds) from None
            raise
    return Done(code=process.returncode, err=err)


class Running:
    """A program in the background; the caller must wait for it or drop it."""

    def __init__(
        self, words: Sequence[str], *, env: Mapping[str, str], cwd: Path | None = None, given: str = ""
    ) -> None:
        """Start the program. Raises NotStarted."""
        self._program = words[0]
        self._given = given
        self._done: Done | None = None
        taken = subprocess.PIPE if given else subprocess.DEVNULL
        self._process = started(words, env=env, cwd=cwd, stdin=taken, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def wait(self, seconds: float) -> Done:
        """Wait until it ends. Raises Late."""
        if self._done is None:
            try:
                out, err = self._process.communicate(self._given or None, timeout=seconds)
            except subprocess.TimeoutExpired:
                self.drop()
                raise Late(self._program, seconds) from None
            except BaseException:
                self.drop()
                raise
            self._done = Done(code=self._process.returncode, out=out, err=err)
        return self._done

    def drop(self) -> None:
        """Kill it if it still runs, and discard its output.

        The pipes are closed without reading to the end, because its children may hold them open.
        """
        if self._done is not None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                with contextlib.suppress(OSError):  # unread input
                    pipe.close()


class Heard:
    """The output of a program so far, as lines, and the time of the last one."""

    def __init__(self) -> None:
        self.moved = time.monotonic()
        self.out: list[str] = []
        self.err: list[str] = []

    def listen(self, stream: IO[str], kept: list[str]) -> None:
        for line in stream:
            kept.append(line)
            self.moved = time.monotonic()


def follow(
    words: Sequence[str],
    *,
    env: Mapping[str, str],
    look: Callable[[Heard], None],
    every: float,
    cwd: Path | None = None,
) -> Done:
    """Run a program until it ends, without a time limit, and call ``look`` with its output each ``every`` seconds.

    If ``look`` raises, the program gets TERM before KILL: only then can docker end its plugin. Raises NotStarted.
    """
    heard = Heard()
    process = started(words, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    streams = ((process.stdout, heard.out), (process.stderr, heard.err))
    threads = [threading.Thread(target=heard.listen, args=stream, daemon=True) for stream in streams]
    with process:
        try:
            for thread in threads:
                thread.start()
            while not _ended(threads, every):
                look(heard)
        except BaseException:
            _end(process)
            raise
    return Done(code=process.returncode, out="".join(heard.out), err="".join(heard.err))


def _ended(threads: Sequence[threading.Thread], seconds: float) -> bool:
    """Wait until all output is read, at most the given seconds; return whether it is."""
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


@contextlib.contextmanager
def plugged(words: Sequence[str], *, env: Mapping[str, str]) -> Iterator[socket.socket]:
    """Run a program that serves as the other end of a connection, and kill it at the end.

    Its stderr is discarded. Raises NotStarted.
    """
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = started(words, env=env, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
        try:
            yield ours
        finally:
            process.kill()
            process.wait()


def started(words: Sequence[str], *, env: Mapping[str, str], **how: Any) -> subprocess.Popen[str]:
    """Start a process, with this run's mark in its environment. Raises NotStarted.

    All processes start here. Only for this room: others use `run`, `Running`, `follow`, `plugged` and `groups.Stream`.
    """
    try:
        return subprocess.Popen(words, env=marked(env), text=True, encoding="utf-8", errors="replace", **how)
    except OSError as error:
        raise NotStarted(words[0], error) from None
