"""Questions whose answers take a moment, asked while something else is done."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

Answer = TypeVar("Answer")


def start(question: Callable[[], Answer]) -> Future[Answer]:
    """Ask in a thread of its own, and wait for nothing. A question that nobody waits for any more does not hold up the
    end of the program, as one in an executor would."""
    future: Future[Answer] = Future()
    Thread(target=_ask, args=(question, future), daemon=True).start()
    return future


def _ask(question: Callable[[], Answer], future: Future[Answer]) -> None:
    try:
        answer = question()
    except BaseException as error:  # it is for whoever wants the answer
        future.set_exception(error)
    else:
        future.set_result(answer)
