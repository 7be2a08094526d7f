"""Ctrl-C: the first cancels this process's work in the engine, the second ends gobake at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from gobake import engine
from gobake.engine import containers
from gobake.errors import ExitCode

_SECONDS = 1.0  # for a container that is to be removed before gobake ends


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Handle Ctrl-C while something runs in the engine. Yields a function: whether Ctrl-C was pressed."""
    pressed: list[float] = []

    def stop(_number: int, _frame: FrameType | None) -> None:
        pressed.append(time.monotonic())
        # a terminal's Ctrl-C reaches buildx too, and this handler at most twice within a moment
        if len(pressed) > 1 and pressed[-1] - pressed[0] > 0.3:
            engine.kill_all()
            containers.remove_all(_SECONDS)
            os._exit(ExitCode.INTERRUPTED)
        engine.stop_all()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(pressed)
    finally:
        for number, handler in before.items():
            # finishing takes a moment after an interrupt; another press must not cost the record or the exit code
            signal.signal(number, signal.SIG_IGN if pressed else handler)
