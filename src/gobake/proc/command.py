"""The only door to other programs: how they are started, waited for, listened to and ended.

A program gets the environment that its caller hands in and no input but what it is given. What it says is read as
UTF-8. It ends with gobake: what is waited for when its time is over or when an exception passes by, what runs in a
group of its own by `groups.py`, and where gobake itself is killed by `orphans.py`.
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
    """A program gave no answer. One that ends with an exit code has given one."""


class NotStarted(CommandError):
    """``missing``: it is not there; ``why`` in the system's words."""

    def __init__(self, program: str, error: OSError) -> None:
        self.missing = isinstance(error, FileNotFoundError)
        self.why = error.strerror or str(error)
        super().__init__(f"{program}: {self.why}")


class Late(CommandError):
    """It did not end in time, and was killed."""

    def __init__(self, program: str, seconds: float) -> None:
        super().__init__(f"{program} did not end within {seconds:g} s")


class Done(Struct, frozen=True, kw_only=True):
    """A program that ended."""

    code: int
    out: str = ""
    err: str = ""

    @property
    def last(self) -> str:
        """The last line of its error output that says something; "" where none does."""
        return next((line.strip() for line in reversed(self.err.splitlines()) if line.strip()), "")


def run(
    words: Sequence[str], *, env: Mapping[str, str], seconds: float, cwd: Path | None = None, given: str = ""
) -> Done:
    """Run it to its end. ``given``: its input. Raises NotStarted and Late."""
    return Running(words, env=env, cwd=cwd, given=given).wait(seconds)


class Running:
    """A program that answers while something else is done. Whoever starts it waits for it or drops it."""

    def __init__(
        self, words: Sequence[str], *, env: Mapping[str, str], cwd: Path | None = None, given: str = ""
    ) -> None:
        """Raises NotStarted."""
        self._program = words[0]
        self._given = given
        self._done: Done | None = None
        taken = subprocess.PIPE if given else subprocess.DEVNULL
        self._process = started(words, env=env, cwd=cwd, stdin=taken, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def wait(self, seconds: float) -> Done:
        """Wait for its end. Raises Late."""
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
        """End it if it still runs; nobody wants the answer. What it started and left behind may hold its pipes open,
        so these are closed and not read to their ends."""
        if self._done is not None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                with contextlib.suppress(OSError):  # input that was not taken
                    pipe.close()


class Heard:
    """What a program has said so far, in lines, and when it said something last."""

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
    """Run it to its end, however long that takes, and ``look`` at what it says ``every`` so many seconds. What ``look``
    raises ends it: TERM first, because docker takes its plugin along only where it can. Raises NotStarted."""
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
    """Wait so long, or until all is said."""
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
    """A program that is spoken to as if it were the other end of a connection. It is killed in the end, and what it
    says on its error output is lost. Raises NotStarted."""
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
    """The one place where a process begins. It bears this run's mark, whatever its environment is. Raises NotStarted.

    For this room alone: others have `run`, `Running`, `follow`, `plugged` and `groups.Stream`.
    """
    try:
        return subprocess.Popen(words, env=marked(env), text=True, encoding="utf-8", errors="replace", **how)
    except OSError as error:
        raise NotStarted(words[0], error) from None
