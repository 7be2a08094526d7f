"""Questions whose answers take a moment, asked while something else is done."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Begun(Generic[Answer]):
    """A question in a thread of its own. One that nobody waits for any more does not hold up the end of the program.

    (The futures of the standard library do the same, and import six milliseconds of logging.)
    """

    def __init__(self, question: Callable[[], Answer]) -> None:
        self._question = question
        self._answers: list[Answer] = []
        self._error: BaseException | None = None
        self._thread = Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        try:
            self._answers.append(self._question())
        except BaseException as error:  # it is for whoever wants the answer
            self._error = error

    def answered(self, seconds: float | None = None) -> bool:
        """Wait so long, or until it is answered; whether it is."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def result(self) -> Answer:
        """Wait for the answer; what the question raised is raised here."""
        self._thread.join()
        if self._error:
            raise self._error
        return self._answers[0]


def begun(question: Callable[[], Answer]) -> Begun[Answer]:
    """Ask, and wait for nothing."""
    return Begun(question)
