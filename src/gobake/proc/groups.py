"""Programs whose work goes on elsewhere, such as a build in an engine: to end them is to interrupt them, with time to
cancel what they began, and to kill them where they take too long.

Each has a process group of its own, so that a signal reaches whatever it started, and a terminal's Ctrl-C reaches
gobake alone, which passes it on once. The group is a session too: a program in the background that asks something of
the terminal would be stopped there for ever, and without a terminal it is refused at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence

from gobake.proc.command import started

STOP_SECONDS = 4.0  # between an interrupt and a kill
_PIPE_BYTES = 1 << 20  # what may be said before it is listened to


class Stream:
    """A program whose lines, of output and error output as they come, are read while it runs."""

    def __init__(self, words: Sequence[str], *, env: Mapping[str, str]) -> None:
        """Raises NotStarted."""
        self._process = started(
            words,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._over = threading.Event()
        self._stopping = threading.Event()
        if self._process.stdout and hasattr(fcntl, "F_SETPIPE_SZ"):
            with contextlib.suppress(OSError):
                fcntl.fcntl(self._process.stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int:
        """Of one whose lines were read to the end; that of a signal is negative."""
        return self._process.returncode or 0

    def lines(self) -> Iterator[str]:
        """To the end of the whole group: as long as anything in it can say something, it is not over."""
        assert self._process.stdout is not None
        with self._process:
            yield from self._process.stdout
        self._over.set()

    def stop(self) -> None:
        """Interrupt it, and kill it where it does not end in time. Waits for nothing."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._signal(signal.SIGINT)
        threading.Thread(target=self._kill_late, daemon=True).start()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _kill_late(self) -> None:
        if not self._over.wait(STOP_SECONDS):
            self.kill()

    def _signal(self, number: int) -> None:
        """Nothing else can have the group's id: the process that began it is waited for when all is over, no sooner."""
        if not self._over.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
