"""Futures for questions that take a moment to answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

Answer = TypeVar("Answer")


def start(question: Callable[[], Answer]) -> Future[Answer]:
    """Return a future on a daemon thread. Unlike one of an executor, abandoning it does not delay exit."""
    future: Future[Answer] = Future()
    Thread(target=_ask, args=(question, future), daemon=True).start()
    return future


def _ask(question: Callable[[], Answer], future: Future[Answer]) -> None:
    try:
        answer = question()
    except BaseException as error:  # raised where the answer is read
        future.set_exception(error)
    else:
        future.set_result(answer)
