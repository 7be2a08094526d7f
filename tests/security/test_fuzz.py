"""Thousands of almost valid documents to every parser: a value or its own error, and no other exception, at once."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from tests.security.parsers import PARSERS, Parser, encoded, takes

INPUTS = 2000  # to each
SECONDS = 2.0  # of the processor, for one document

HOSTILE = [
    "",
    "\0",
    "\ud800",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "sha256:/etc/passwd",
    "sha256:" + "a" * 64,
    "sha512:" + "a" * 128,
    "-" * 200,
    "\x1b]0;x\x07",
    "\u202e",
    "²",
    "9" * 5000,
    "1e400",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "2026-02-31T00:00:00Z",
]
NUMBERS = [0, -1, 1 << 53, 1 << 70, -(1 << 70), 10**400, 1e308, float("inf"), float("nan"), 0.5, True, False, None]
SHAPES: list[Any] = [[], {}, [[]], [{}], {"": None}, [None] * 3, {"digest": 5}, [["a", "b", "c"]], [1, "a", None]]


def junk(random: Random) -> Any:
    """A value that stands where another one should."""
    match random.randrange(4):
        case 0:
            return random.choice(NUMBERS)
        case 1:
            return random.choice(HOSTILE)
        case 2:
            return "".join(chr(random.choice((random.randrange(128), random.randrange(0x11000)))) for _ in range(6))
        case _:
            return copy.deepcopy(random.choice(SHAPES))


def places(document: Any) -> Iterator[tuple[Any, Any]]:
    """(object or list, key or position) of everything in a document."""
    keys = list(document) if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    for key in keys:
        yield document, key
        yield from places(document[key])


def changed(valid: Any, random: Random) -> bytes:
    """The document with a few values set, dropped or added."""
    changes = [(random.randrange(1 << 16), random.choice(("set", "drop", "add"))) for _ in range(random.randrange(4))]
    if isinstance(valid, bytes):
        return valid
    if isinstance(valid, str):
        for place, kind in changes:
            at = place % (len(valid) + 1)
            valid = valid[:at] + ("" if kind == "drop" else str(junk(random))) + valid[at + (kind != "add") :]
        return encoded(valid)
    document = [copy.deepcopy(valid)]
    for place, kind in changes:
        found = list(places(document))
        within, key = found[place % len(found)]
        if kind == "drop" and within is not document:
            del within[key]
        elif kind == "add" and isinstance(within, list) and within is not document:
            within.insert(key, junk(random))
        else:
            within[key] = junk(random)
    return json.dumps(document[0]).encode()


def damaged(data: bytes, random: Random) -> bytes:
    """Now and then cut, or with bytes put in or turned over."""
    at, some = random.randrange(len(data) + 1), random.randbytes(random.randrange(1, 4))
    match random.randrange(6):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + some + data[at:]
        case 2:
            return data[:at] + some + data[at + len(some) :]
        case _:
            return data


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS.keys())
def test_what_is_almost_valid_is_read_or_refused_and_nothing_else(parser: Parser) -> None:
    fed = 0

    @settings(
        max_examples=INPUTS,
        deadline=None,
        database=None,
        derandomize=True,  # what it finds is found by whoever changed the parser
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 1 << 62))
    def feed(seed: int) -> None:
        nonlocal fed
        fed += 1
        random = Random(seed)
        data = damaged(changed(parser.valid, random), random)
        note(data[:2000])
        begun = time.process_time()
        takes(parser, data)
        assert time.process_time() - begun < SECONDS

    assert takes(parser, encoded(parser.valid))
    feed()
    assert fed >= INPUTS
