"""Go where it may wait for the network, here or in a container: told when nothing comes, and given up after a while.

The go command waits for a silent proxy for ever. It writes the file of `-debug-actiongraph` once all packages are
loaded; from then on it compiles, which may be silent for long, and asks no network.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from gobake.errors import TransferStalled
from gobake.proc import command
from gobake.proc.command import Done, Heard
from gobake.text.say import say
from gobake.trace.stall_limits import AGAIN_SECONDS, TELL_SECONDS, VARIABLE, limit_of

_DOWNLOAD = re.compile(r"(?:#\d+ [\d.]+ )?go: downloading (\S+ v\S+)")  # also in the words of buildx
_NAMED = 4


def _say(text: str) -> None:
    say(text, err=True)


def run(
    words: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    graph: Path | None = None,
    waits: str = "",
    tell_after: float = TELL_SECONDS,
    say: Callable[[str], None] = _say,
) -> Done:
    """Run it to its end. ``graph``: what it writes once it asks no network any more; ``waits``: what stands still where
    no module was named, unless Go's reading of go.mod files. Raises NotStarted and TransferStalled."""
    from gobake.trace.stalls import Stall, StallKind  # only where Go is asked

    limit = limit_of(os.environ)
    told = time.monotonic() - AGAIN_SECONDS

    def look(heard: Heard) -> None:
        nonlocal told
        now = time.monotonic()
        silent = now - heard.moved
        if silent < min(tell_after, limit or tell_after) or (graph and graph.exists()):
            return
        stall = Stall(kind=StallKind.MODULES, key="", names=_modules(heard.err), seconds=silent)
        text = f"{waits} for {silent:.0f} s" if waits and not stall.names else stall.text()
        if limit and silent >= limit:
            raise TransferStalled(
                f"given up: {text}", remedy=f"check the network and `go env GOPROXY`; {VARIABLE} waits longer"
            )
        if now - told >= AGAIN_SECONDS:
            told = now
            say(text + (f"; given up after {limit:.0f} s ({VARIABLE})" if limit else ""))

    return command.follow(words, env=env, cwd=cwd, look=look, every=min(1.0, tell_after))


def _modules(lines: Sequence[str]) -> tuple[str, ...]:
    """The last that Go named, newest first."""
    return tuple(found[1] for line in lines if (found := _DOWNLOAD.match(line)))[: -_NAMED - 1 : -1]
