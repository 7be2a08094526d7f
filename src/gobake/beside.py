"""Questions whose answers take a moment, asked while something else is done."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Answer = TypeVar("Answer")


def begun(question: Callable[[], Answer]) -> Future[Answer]:
    """Ask in a thread of its own, and wait for nothing; what the question raises comes with its result. A question
    that nobody waits for any more does not hold up the end of the program."""
    asked: Future[Answer] = Future()

    def answer() -> None:
        try:
            asked.set_result(question())
        except BaseException as error:
            asked.set_exception(error)

    threading.Thread(target=answer, daemon=True).start()
    return asked
