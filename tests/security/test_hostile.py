"""Inputs that somebody made to break a parser: each is read or refused in its own words, at once."""

from __future__ import annotations

import time

import pytest

from tests.security.hostile.inputs import HOSTILE
from tests.security.parsers import PARSERS, takes

KEPT = [(parser, tries, data) for parser, inputs in HOSTILE.items() for tries, data in inputs.items()]
SECONDS = 5.0  # of the processor


@pytest.mark.parametrize(("parser", "tries", "data"), KEPT, ids=[f"{parser}: {tries}" for parser, tries, _ in KEPT])
def test_a_hostile_input_is_read_or_refused(parser: str, tries: str, data: bytes) -> None:
    begun = time.process_time()
    takes(PARSERS[parser], data)
    assert time.process_time() - begun < SECONDS, tries


def test_there_are_hundreds_of_them() -> None:
    assert len(KEPT) >= 200
    assert len({(parser, data) for parser, _, data in KEPT}) > 0.95 * len(KEPT), "each tries something of its own"
