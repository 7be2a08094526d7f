"""Go where it may wait for the network, here or in a container: told when nothing comes, and given up after a while.

The go command waits for a silent proxy for ever. It writes the file of `-debug-actiongraph` once all packages are
loaded; from then on it compiles, which may be silent for long, and asks no network.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from gobake.errors import TransferStalled
from gobake.text.say import say
from gobake.trace.stall_limits import AGAIN_SECONDS, TELL_SECONDS, VARIABLE, limit_of

_DOWNLOAD = re.compile(r"(?:#\d+ [\d.]+ )?go: downloading (\S+ v\S+)")  # also in the words of buildx
_NAMED = 4
_END_SECONDS = 5.0


def _say(text: str) -> None:
    say(text, err=True)


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    graph: Path | None = None,
    waits: str = "",
    tell_after: float = TELL_SECONDS,
    say: Callable[[str], None] = _say,
) -> subprocess.CompletedProcess[str]:
    """Run it to its end. ``graph``: what it writes once it asks no network any more; ``waits``: what stands still where
    no module was named, unless Go's reading of go.mod files. Raises OSError where it does not start, and
    TransferStalled."""
    from gobake.trace.stalls import Stall, StallKind  # only where Go is asked

    limit = limit_of(os.environ)
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    with process:
        reading = _Reading(process)
        try:
            told = time.monotonic() - AGAIN_SECONDS
            while not reading.ended(min(1.0, tell_after)):
                now = time.monotonic()
                silent = now - reading.moved
                if silent < min(tell_after, limit or tell_after) or (graph and graph.exists()):
                    continue
                stall = Stall(kind=StallKind.MODULES, key="", names=reading.modules, seconds=silent)
                text = f"{waits} for {silent:.0f} s" if waits and not stall.names else stall.text()
                if limit and silent >= limit:
                    raise TransferStalled(
                        f"given up: {text}",
                        remedy=f"check the network and `go env GOPROXY`; {VARIABLE} waits longer",
                    )
                if now - told >= AGAIN_SECONDS:
                    told = now
                    say(text + (f"; given up after {limit:.0f} s ({VARIABLE})" if limit else ""))
        except BaseException:
            _end(process)
            raise
    return subprocess.CompletedProcess(list(command), process.returncode, reading.out, reading.err)


def _end(process: subprocess.Popen[str]) -> None:
    """Docker takes its plugin along only where it can."""
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


class _Reading:
    """What a process says, and when it said something last."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.moved = time.monotonic()
        self._said: dict[str, list[str]] = {"out": [], "err": []}
        streams = {"out": process.stdout, "err": process.stderr}
        self._threads = [
            threading.Thread(target=self._read, args=(name, stream), daemon=True) for name, stream in streams.items()
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, name: str, stream: IO[str]) -> None:
        for line in stream:
            self._said[name].append(line)
            self.moved = time.monotonic()

    def ended(self, seconds: float) -> bool:
        """Wait so long, or until all is said."""
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def out(self) -> str:
        return "".join(self._said["out"])

    @property
    def err(self) -> str:
        return "".join(self._said["err"])

    @property
    def modules(self) -> tuple[str, ...]:
        """The last that Go named, newest first."""
        return tuple(found[1] for line in self._said["err"] if (found := _DOWNLOAD.match(line)))[: -_NAMED - 1 : -1]
