"""What is secret leaves no text and no event, in whatever form it comes back."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobake.credentials import EventRedactor, Redactor, Secret
from gobake.errors import BuildFailed
from gobake.trace.events import EventLog

TOKEN = Secret(value='s3cr3t/to+ken=&"x', user="oauth2")
REDACTOR = Redactor([TOKEN])


def log_line(data: bytes, *, vertex: str = "sha256:1", at: int = 1, stream: int = 2, **more: object) -> str:
    moment = f"2026-01-01T00:00:{at:02d}Z"
    piece = {"vertex": vertex, "stream": stream, "data": base64.b64encode(data).decode(), "timestamp": moment}
    return json.dumps({"logs": [piece], **more}) + "\n"


def seen(*lines: str, by: Redactor = REDACTOR) -> tuple[str, EventLog]:
    """The redacted lines, and what an event log makes of them."""
    events, log = EventRedactor(by), EventLog()
    redacted = [events.line(line) for line in lines]
    for line in redacted:
        log.feed(line)
    return "".join(redacted), log


@pytest.mark.parametrize(
    "form",
    [
        TOKEN.value,
        quote(TOKEN.value, safe=""),
        quote(TOKEN.value, safe="").lower(),
        json.dumps(TOKEN.value)[1:-1],
        base64.b64encode(TOKEN.value.encode()).decode(),
        base64.urlsafe_b64encode(TOKEN.value.encode()).decode(),
        base64.b64encode(f"oauth2:{TOKEN.value}".encode()).decode(),
    ],
)
def test_every_form_of_a_secret_is_replaced(form: str) -> None:
    text = REDACTOR.text(f"before {form} after")
    assert text.startswith("before ***")
    assert text.endswith(" after")
    assert form.rstrip("=") not in text


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_a_secret_within_anything_in_base64_is_replaced(before: bytes, after: bytes) -> None:
    encoded = base64.b64encode(before + TOKEN.value.encode() + after).decode()
    assert "***" in REDACTOR.text(encoded)


def test_what_is_no_secret_stays_as_it_is() -> None:
    text = "go: downloading example.com/x v1.0.0 (oauth2)"
    assert REDACTOR.text(text) == text
    line = log_line(text.encode())
    assert seen(line, by=Redactor())[0] == line


def test_a_secret_of_three_characters_is_looked_for_as_a_word_and_a_shorter_one_not_at_all() -> None:
    text = "abc (abc) abcd xabc ab"
    assert Redactor([Secret(value="abc"), Secret(value="ab"), Secret(value="")]).text(text) == "*** (***) abcd xabc ab"
    assert not Redactor([Secret(value="ab")])


def test_the_longer_of_two_secrets_is_taken_as_a_whole() -> None:
    assert Redactor([Secret(value="pass"), Secret(value="password1")]).text("password1 pass") == "*** ***"


def test_the_log_of_a_step_is_redacted() -> None:
    text, log = seen(log_line(f"token {TOKEN.value} refused\n".encode()))
    assert log.log(["sha256:1"]) == b"token *** refused\n"
    assert base64.b64encode(TOKEN.value.encode())[:12].decode() not in text


@given(st.lists(st.integers(min_value=0, max_value=40), max_size=5))
def test_a_secret_that_is_torn_into_pieces_is_redacted(cuts: list[int]) -> None:
    whole = f"a {TOKEN.value} b {TOKEN.value}\n".encode()
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    pieces = [whole[a:b] for a, b in pairwise(places) if a < b]
    _, log = seen(*(log_line(piece, at=number) for number, piece in enumerate(pieces)))
    assert log.log(["sha256:1"]) == b"a *** b ***\n"


def test_two_streams_and_two_steps_do_not_mix() -> None:
    half = len(TOKEN.value) // 2
    first, second = TOKEN.value[:half].encode(), TOKEN.value[half:].encode()
    end = log_line(b"\n", at=9)
    _, log = seen(log_line(first), log_line(second, at=2, vertex="sha256:2"), log_line(second, at=3, stream=1), end)
    assert log.log(["sha256:1"]) == second + first + b"\n"
    assert log.log(["sha256:2"]) == second


def test_a_piece_that_arrives_for_two_targets_is_one_piece_still() -> None:
    piece = log_line(TOKEN.value[:5].encode())
    _, log = seen(piece, piece, log_line(b" no secret\n", at=2))
    assert log.log(["sha256:1"]) == TOKEN.value[:5].encode() + b" no secret\n"


def test_what_was_held_back_comes_when_the_step_ends() -> None:
    done = {
        "digest": "sha256:1",
        "name": "RUN x",
        "started": "2026-01-01T00:00:00Z",
        "completed": "2026-01-01T00:00:09Z",
    }
    _, log = seen(log_line(b"ends in s"), json.dumps({"vertexes": [done]}) + "\n")
    assert log.log(["sha256:1"]) == b"ends in s"


def test_errors_and_warnings_and_buildxs_own_lines_are_redacted() -> None:
    vertex = {"digest": "sha256:1", "name": "RUN x", "started": "2026-01-01T00:00:00Z", "error": f"at {TOKEN.value}"}
    warning = {
        "vertex": "sha256:1",
        "short": base64.b64encode(TOKEN.value.encode()).decode(),
        "detail": [base64.b64encode(TOKEN.value.encode()).decode()],
    }
    text, log = seen(json.dumps({"vertexes": [vertex], "warnings": [warning]}) + "\n", f"ERROR: with {TOKEN.value}\n")
    assert [e.error for v in log.vertices.values() for e in v.episodes.values()] == ["at ***"]
    assert (log.warnings[0].short, log.warnings[0].detail) == ("***", ("***",))
    assert log.plain == ["ERROR: with ***"]
    assert REDACTOR.text(text) == text


def test_names_of_steps_stay_whole_because_steps_are_found_by_them() -> None:
    name = {"digest": "sha256:1", "name": "[compile 3/3] RUN go build", "started": "2026-01-01T00:00:00Z"}
    _, log = seen(json.dumps({"vertexes": [name]}) + "\n", by=Redactor([Secret(value="build")]))
    assert [v.name for v in log.vertices.values()] == ["[compile 3/3] RUN go build"]


@pytest.mark.parametrize(
    "line", ["{", "{}", "[]", "null", '{"logs": 1}', '{"logs": [1, {}]}', '{"vertexes": null}', "\udcff"]
)
def test_no_line_makes_it_raise(line: str) -> None:
    EventRedactor(REDACTOR).line(line)


def test_errors_that_leave_a_block_are_redacted() -> None:
    with pytest.raises(BuildFailed) as raised, REDACTOR.errors():
        raise BuildFailed(f"cannot read {TOKEN.value}", remedy=f"not with {TOKEN.value}")
    assert str(raised.value) == "cannot read ***; not with ***"
    assert raised.value.args == ("cannot read ***",)
