"""Secrets in the logs of builds, in every spelling that go, git, curl and buildx write."""

from __future__ import annotations

import base64
import json
import string
import textwrap
import time
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gobake.credentials import EventRedactor, Redactor, Secret
from gobake.credentials.spellings import plain
from gobake.trace.events import EventLog
from tests.unit.credentials.test_redact import log_line

PRINTABLE = st.characters(min_codepoint=33, exclude_categories=("C", "Z"))
SECRETS = st.text(PRINTABLE, min_size=4, max_size=40).filter(lambda text: len(plain(text.encode())) >= 4)
BEFORE = st.binary(max_size=9)


@st.composite
def escaped(draw: st.DrawFn, value: str) -> str:
    """Each character percent-encoded or not, in either case, once or twice, as every program has its own list."""
    found = []
    for byte in value.encode():
        form = draw(st.sampled_from(["plain", "lower", "upper", "twice"]))
        hexed = f"{byte:02x}"
        written = {"lower": f"%{hexed}", "upper": f"%{hexed.upper()}", "twice": f"%25{hexed}"}
        found.append(chr(byte) if form == "plain" and 33 <= byte < 127 else written.get(form, f"%{hexed}"))
    return "".join(found)


def wrapped(text: str, width: int) -> str:
    return "\n   ".join(text[at : at + width] for at in range(0, len(text), width))


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def left(redacted: str, form: str) -> bool:
    return form in redacted


@settings(max_examples=300)
@given(st.data(), SECRETS)
def test_no_spelling_of_a_secret_survives(data: st.DataObject, value: str) -> None:
    redactor = Redactor([Secret(value=value, user="oauth2")])
    data_of = value.encode()
    before, after = data.draw(BEFORE), data.draw(BEFORE)
    forms = {
        "plain": value,
        "percent": quote(value, safe=""),
        "form": quote_plus(value),
        "percent, in part": data.draw(escaped(value)),
        "json": json.dumps(value)[1:-1],
        "json in json": json.dumps(json.dumps(value))[1:-1],
        "json with letters of other scripts": json.dumps(value, ensure_ascii=False)[1:-1],
        "hex": data_of.hex(),
        "HEX": data_of.hex().upper(),
        "wrapped": wrapped(value, data.draw(st.integers(1, 20))),
        "hex, wrapped": wrapped(data_of.hex(), data.draw(st.integers(1, 20))),
        "basic": b64(b"oauth2:" + data_of),
        "basic of others": b64(before + data_of + after),
        "url-safe": base64.urlsafe_b64encode(before + data_of + after).decode(),
        "percent of base64": quote(b64(b"oauth2:" + data_of), safe=""),
        "base64, wrapped": wrapped(b64(before + data_of + after), data.draw(st.integers(4, 76))),
        "base64 of base64": b64(b64(before + data_of + after).encode()),
    }
    for name, form in forms.items():
        redacted = redactor.text(f"fatal: {form} (end)")
        assert form not in redacted, name
        assert "***" in redacted, name
        assert redacted.startswith("fatal: "), name


@given(st.data(), SECRETS)
def test_no_secret_survives_that_is_torn_into_pieces(data: st.DataObject, value: str) -> None:
    form = data.draw(st.sampled_from([value, quote(value, safe=""), b64(b"u:" + value.encode()), value.encode().hex()]))
    whole = f"a {form} b\n".encode()
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=4))
    events, log = EventRedactor(Redactor([Secret(value=value, user="u")])), EventLog()
    for number, (start, end) in enumerate(pairwise([0, *sorted(cuts), len(whole)])):
        if start < end:
            log.feed(events.line(log_line(whole[start:end], at=number)))
    done = {"digest": "sha256:1", "name": "x", "started": "2026-01-01T00:00:00Z", "completed": "2026-01-01T00:01:00Z"}
    log.feed(events.line(json.dumps({"vertexes": [done]}) + "\n"))
    seen = log.log(["sha256:1"])
    assert form.encode() not in seen
    assert b"***" in seen


def test_a_line_of_a_key_is_no_use_without_the_others_and_is_taken_out_all_the_same() -> None:
    body = b64(bytes(range(256)))
    lines = textwrap.wrap(body, 70)
    redactor = Redactor(Secret(value=line, line=True) for line in lines)
    said = redactor.text(f"Load key: -----BEGIN-----\n{chr(10).join(lines)}\n-----END-----")
    assert not any(line in said for line in lines)
    assert not any(line in redactor.text(f"error in libcrypto: {wrapped(body, 64)}") for line in lines)


@pytest.mark.parametrize(
    "hostile",
    [
        b"%25" * 400_000,
        b"\\" * 1_200_000,
        b"\\" * 1_200_000 + b"u12",
        b"%" * 1_200_000,
        b"\n" * 1_200_000,
        b"\r" * 1_200_000,
        b" \t" * 600_000,
        b"a" * 1_200_000,
        b"\\ud800" * 200_000,
        (b"s3cr3t/t" * 150_000),
    ],
)
def test_no_log_takes_longer_than_its_length(hostile: bytes) -> None:
    redactor = Redactor([Secret(value="s3cr3t/to+ken", user="oauth2"), Secret(value="aaaaaaaaab")])
    begun = time.process_time()
    redactor.data(hostile)
    redactor.torn(hostile)
    assert time.process_time() - begun < 15  # a second here; an hour if it went by the square


def test_a_log_of_many_megabytes_is_soon_read() -> None:
    words = [f"go: downloading example.com/{string.ascii_lowercase}/v{n} v1.{n}.0" for n in range(1000)]
    text = ("\n".join(words) + "\n").encode() * 180
    assert len(text) > 10_000_000
    secrets = [Secret(value=f"ghp_{b64(bytes([n] * 27))}", user="oauth2") for n in range(4)]
    begun = time.process_time()
    assert Redactor(secrets).data(text) == text
    assert time.process_time() - begun < 30  # on a machine that others use too; a second or two by itself


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("ab%00", "ab\n   %\n   0\n   0"),
        ("ab%00", "ab%0\n0"),
        ("%41%42xyz", "%41%\n  42xyz"),
        ("%41%42xyz", "%41\n  %42xyz"),
        ("a%5Cb%2Fcd", "a%5\n  Cb%2Fcd"),
        ("ab%00", "ab%0%30"),
    ],
)
def test_a_secret_with_something_like_an_escape_is_found_where_that_is_torn(value: str, text: str) -> None:
    redacted = Redactor([Secret(value=value)]).text(f"fatal: {text} (end)")
    assert text not in redacted
    assert "***" in redacted
