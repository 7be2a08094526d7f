"""Programs whose work runs elsewhere, such as a build in an engine.

To end one, interrupt it, give it time to cancel its work, and kill it if that takes too long.

Each has its own process group, so that a signal also reaches its children, and Ctrl-C in a terminal reaches only
gobake, which passes it on once. The group is also a session: a background program that prompts on the terminal would be
stopped forever, but without a terminal it fails at once.
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

STOP_SECONDS = 4.0  # between interrupt and kill
_PIPE_BYTES = 1 << 20  # buffer for output that is not read yet


class Stream:
    """A program whose stdout and stderr are read together, line by line, while it runs."""

    def __init__(self, words: Sequence[str], *, env: Mapping[str, str]) -> None:
        """Start the program. Raises NotStarted."""
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
        """The exit code after all lines are read; negative for a signal."""
        return self._process.returncode or 0

    def lines(self) -> Iterator[str]:
        """Yield lines until the whole group has closed its output."""
        assert self._process.stdout is not None
        with self._process:
            yield from self._process.stdout
        self._over.set()

    def stop(self) -> None:
        """Interrupt it, and kill it if it does not end in time. Returns at once."""
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
        """Signal the group. Its id cannot belong to others: the first process is reaped only when all is over."""
        if not self._over.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
