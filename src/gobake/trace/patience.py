"""Runs go commands that may wait for the network, reports when they stall, and gives up after a limit.

The go command waits for a silent proxy for ever. It writes the file of `-debug-actiongraph` once all packages are
loaded; after that it compiles, which may be silent for long but needs no network.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from gobake.errors import TransferStalled
from gobake.proc import command
from gobake.proc.command import Done, Heard
from gobake.text.say import say
from gobake.trace.stall_limits import AGAIN_SECONDS, TELL_SECONDS, VARIABLE, limit_of

_DOWNLOAD = re.compile(r"(?:#\d+ [\d.]+ )?go: downloading (\S+ v\S+)")  # also in buildx's plain output
_NAMED = 4


class Waits(Struct, frozen=True, kw_only=True):
    """What a command may wait for."""

    graph: Path | None = None  # a file that exists once it no longer needs the network
    says: str = ""  # how to report a stall before a module was named; "" for reading go.mod files
    tell_after: float = TELL_SECONDS  # seconds without output until a stall is reported
    hear: Callable[[Sequence[str]], None] | None = None  # called about once a second with all lines of stderr so far


NETWORK = Waits()


def _say(text: str) -> None:
    say(text, err=True)


def run(
    words: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    waits: Waits = NETWORK,
    say: Callable[[str], None] = _say,
) -> Done:
    """Run a command to its end. Raises NotStarted and TransferStalled."""
    from gobake.trace.stalls import Stall, StallKind  # imported only when Go is asked

    limit = limit_of(os.environ)
    told = time.monotonic() - AGAIN_SECONDS

    def look(heard: Heard) -> None:
        nonlocal told
        if waits.hear:
            waits.hear(heard.err)
        now = time.monotonic()
        silent = now - heard.moved
        if silent < min(waits.tell_after, limit or waits.tell_after) or (waits.graph and waits.graph.exists()):
            return
        stall = Stall(kind=StallKind.MODULES, key="", names=_modules(heard.err), seconds=silent)
        text = f"{waits.says} for {silent:.0f} s" if waits.says and not stall.names else stall.text()
        if limit and silent >= limit:
            raise TransferStalled(
                f"given up: {text}", remedy=f"check the network and `go env GOPROXY`; {VARIABLE} waits longer"
            )
        if now - told >= AGAIN_SECONDS:
            told = now
            say(text + (f"; given up after {limit:.0f} s ({VARIABLE})" if limit else ""))

    return command.follow(words, env=env, cwd=cwd, look=look, every=min(1.0, waits.tell_after))


def _modules(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the last modules that Go named, newest first."""
    return tuple(match[1] for line in lines if (match := _DOWNLOAD.match(line)))[: -_NAMED - 1 : -1]
