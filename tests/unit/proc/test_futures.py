"""Questions that are asked beside something else."""

from __future__ import annotations

from threading import Event

import pytest

from gobake.proc import futures


def test_nobody_waits_before_the_answer_is_wanted() -> None:
    asked = Event()
    question = futures.start(lambda: asked.wait(10))
    asked.set()
    assert question.result() is True
    assert question.result() is True


def test_what_a_question_raises_is_raised_where_its_answer_is_wanted() -> None:
    question = futures.start(lambda: list[int]()[0])
    for _ in range(2):
        with pytest.raises(IndexError):
            question.result()
