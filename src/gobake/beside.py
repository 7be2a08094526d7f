"""Questions whose answers take a moment, asked while something else is done."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Answer = TypeVar("Answer")


def begun(question: Callable[[], Answer]) -> Future[Answer]:
    """Ask in a thread of its own, and wait for nothing; what the question raises comes with its result."""
    pool = ThreadPoolExecutor(1)
    asked = pool.submit(question)
    pool.shutdown(wait=False)
    return asked
