"""The event stream: torn, doubled, shuffled and broken input."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gobake.trace.events import (
    EventLog,
    LogEvent,
    PlainLine,
    StatusEvent,
    VertexEvent,
    WarningEvent,
    parse_line,
)
from gobake.trace.steps import Trace, steps
from tests.unit.recorded import NAMES, read, recording


def line(**status: object) -> bytes:
    return json.dumps(status).encode() + b"\n"


def vertex(digest: str = "sha256:a", name: str = "[1/2] RUN true", **more: object) -> dict[str, object]:
    return {"digest": digest, "name": name, **more}


def fed(*chunks: bytes) -> EventLog:
    return EventLog.read(chunks)


T0, T1, T2 = "2026-01-01T00:00:00Z", "2026-01-01T00:00:01.5Z", "2026-01-01T00:00:02.123456789+00:00"


MOVING = StatusEvent(vertex="sha256:a", id="sha256:c", current=5, total=9, timestamp=1.0)


@pytest.mark.parametrize(
    ("other", "further"),
    [
        (replace(MOVING, current=9), True),
        (replace(MOVING, current=3, timestamp=2.0), False),
        (replace(MOVING, current=0, total=0, completed=2.0), True),
        (replace(MOVING, timestamp=2.0), True),
    ],
    ids=["more bytes", "fewer bytes later", "completed, and no bytes told", "as many bytes later"],
)
def test_of_a_transfer_the_furthest_sight_counts_whichever_comes_first(other: StatusEvent, further: bool) -> None:
    for order in ((MOVING, other), (other, MOVING)):
        log = EventLog()
        log.merge(order)
        assert list(log.statuses.values()) == [other if further else MOVING]


def test_a_status_line_becomes_typed_events() -> None:
    data = base64.b64encode(b"hello\n").decode()
    events = parse_line(
        line(
            vertexes=[vertex(started=T0, completed=T1, cached=True, inputs=["sha256:b"], error="oh")],
            statuses=[{"id": "sha256:c", "vertex": "sha256:a", "name": "downloading", "current": 3, "total": 9, "timestamp": T1}],
            logs=[{"vertex": "sha256:a", "stream": 2, "data": data, "timestamp": T2}],
            warnings=[{"vertex": "sha256:a", "level": 1, "short": data, "detail": [data], "url": "https://x",
                       "sourceInfo": {"filename": "Dockerfile"}, "range": [{"start": {"line": 4}}]}],
        )
    )  # fmt: skip
    assert events == [
        VertexEvent(digest="sha256:a", name="[1/2] RUN true", inputs=("sha256:b",), started=1767225600.0,
                    completed=1767225601.5, cached=True, error="oh"),
        StatusEvent(vertex="sha256:a", id="sha256:c", name="downloading", current=3, total=9, timestamp=1767225601.5),
        LogEvent(vertex="sha256:a", stream=2, data=b"hello\n", timestamp=1767225602.123456, moment=T2),
        WarningEvent(vertex="sha256:a", level=1, short="hello\n", detail=("hello\n",), url="https://x", file="Dockerfile", line=4),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["ERROR: failed to solve: no", "{", '{"other": 1}', "[1]", '"x"', "[" * 100_000, '{"a":' * 100_000, "\ufffd"],
)
def test_what_is_no_status_is_a_plain_line(text: str) -> None:
    assert parse_line(text.encode()) == [PlainLine(text=text)]


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"vertexes": None},
        {"vertexes": [1, None, {}, {"digest": 3}]},
        {"statuses": [{"id": "x"}, {"vertex": "sha256:a"}, "y"]},
        {"logs": [{"vertex": "sha256:a", "data": "%%%"}, {"vertex": "sha256:a", "data": 3}, {"data": "aGk="}]},
        {"vertexes": {"digest": "sha256:a"}},
    ],
)
def test_parts_that_make_no_sense_are_left_out(status: dict[str, object]) -> None:
    assert parse_line(json.dumps(status).encode()) == []


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "yesterday", "", 3, None, "9999-99-99T00:00:00Z"])
def test_no_time_and_go_s_zero_time_are_unknown(moment: object) -> None:
    log = fed(line(vertexes=[vertex(started=moment)]))
    assert log.vertices["sha256:a", "[1/2] RUN true"].episodes == {}


def test_a_warning_without_a_place_is_kept() -> None:
    (found,) = fed(line(warnings=[{"vertex": "sha256:a", "short": "aGk=", "range": [], "detail": None}])).warnings
    assert (found.short, found.file, found.line) == ("hi", "", 0)


def test_lone_surrogates_do_not_reach_a_terminal_or_a_file() -> None:
    log = fed(b'{"vertexes":[{"digest":"sha256:a","name":"x \\ud800 y"}]}\n')
    ((_, name),) = log.vertices
    assert name.encode() == b"x ? y"


def test_a_line_counts_when_the_stream_ends_without_a_newline() -> None:
    log = EventLog()
    assert log.feed(b"ERROR: a") == []
    assert log.close() == [PlainLine(text="ERROR: a")]
    assert (log.plain, log.closed) == (["ERROR: a"], True)


def test_text_lines_are_taken_as_well_as_bytes() -> None:
    log = EventLog()
    log.feed("one\r\n")
    log.feed_line("two")
    log.feed_line(b"three")
    assert log.plain == ["one", "two", "three"]


def test_a_line_without_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gobake.trace.events.LONGEST_LINE", 10)
    log = EventLog()
    assert log.feed(b"0123456789abc") == [PlainLine(text="0123456789abc")]
    assert log.feed(b"\n") == []


def test_a_recorded_file_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_bytes(recording("single"))
    assert steps(EventLog.read(file)) == steps(read("single"))


def test_completed_may_vanish_and_come_back() -> None:
    key = ("sha256:a", "[1/2] RUN true")
    done = line(vertexes=[vertex(started=T0, completed=T1)])
    running = line(vertexes=[vertex(started=T0)])
    for order in ((done, running), (running, done), (done, running, done)):
        (episode,) = fed(*order).vertices[key].episodes.values()
        assert episode.completed == 1767225601.5


def test_each_start_is_an_episode_of_its_own() -> None:
    log = fed(line(vertexes=[vertex(started=T0, completed=T1)]), line(vertexes=[vertex(started=T2, cached=True)]))
    episodes = log.vertices["sha256:a", "[1/2] RUN true"].episodes
    assert [e.cached for e in episodes.values()] == [False, True]


def test_logs_come_back_in_the_order_of_time_and_each_piece_once() -> None:
    pieces = [
        line(logs=[{"vertex": "sha256:a", "stream": 1, "data": base64.b64encode(text).decode(), "timestamp": when}])
        for text, when in ((b"b", T1), (b"a", T0), (b"b", T1), (b"c", T2))
    ]
    log = fed(*pieces)
    assert log.log(["sha256:a"]) == b"abc"
    assert log.log(["sha256:nothing"]) == b""


# ---- whatever comes


@pytest.mark.parametrize("name", NAMES)
def test_every_recording_is_understood_to_the_last_line(name: str) -> None:
    log = read(name)
    assert log.vertices
    assert not [text for text in log.plain if text.startswith("{")]


def summary(log: EventLog) -> tuple[Trace, frozenset[str]]:
    return steps(log), frozenset(log.plain)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_torn_anywhere_is_the_same_as_whole(data: st.DataObject) -> None:
    whole = recording(data.draw(st.sampled_from(["single", "failed", "escapes", "warned"])))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=40)))
    chunks = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    torn, straight = EventLog.read(chunks), EventLog.read([whole])
    assert torn.plain == straight.plain
    assert steps(torn) == steps(straight)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_doubled_and_shuffled_lines_change_nothing(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["single", "failed", "merged", "imported", "warned", "canceled"]))
    lines = recording(name).splitlines(keepends=True)
    doubled = lines + data.draw(st.lists(st.sampled_from(lines), max_size=60))
    mixed = data.draw(st.permutations(doubled)) if len(doubled) < 200 else doubled[::-1]
    assert summary(EventLog.read(mixed)) == summary(EventLog.read(lines))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["vertexes", "statuses", "logs", "warnings", "digest", "vertex", "id", "name", "data", "started"]
            )
            | st.text(max_size=5),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(
    lines=st.lists(
        st.binary(max_size=80)
        | JSON.map(lambda value: json.dumps(value).encode())
        | st.fixed_dictionaries({"vertexes": st.lists(JSON)}).map(lambda value: json.dumps(value).encode()),
        max_size=8,
    )
)
def test_no_input_raises(lines: list[bytes]) -> None:
    log = EventLog.read(text + b"\n" for text in lines)
    assert steps(log).counts


DIGESTS = st.sampled_from([f"sha256:{c}" for c in "abcd"])
TIMES = st.sampled_from([None, T0, T1, T2])
VERTICES = st.fixed_dictionaries(
    {
        "digest": DIGESTS,
        "name": st.sampled_from(
            ["[a internal] load x", "[b internal] load x", "[a s 1/2] FROM x", "[a s 2/2] RUN y", "[b s 2/2] RUN y",
             "[b s 2/2] LINK COPY y", "[b s 2/2] COPY y", "importing cache manifest from r", "[b linux/amd64->arm64 s 2/2] RUN y"]
        ),
        "started": TIMES,
        "completed": TIMES,
        "cached": st.booleans(),
        "error": st.sampled_from(["", "context canceled", "exit code: 1"]),
        "inputs": st.lists(DIGESTS, max_size=3),
    }
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(vertices=st.lists(VERTICES, max_size=14), data=st.data())
def test_any_sequence_of_vertices_gives_one_answer(vertices: list[dict[str, object]], data: st.DataObject) -> None:
    lines = [line(vertexes=[one]) for one in vertices]
    mixed = data.draw(st.permutations(lines + lines[:3]))
    trace = steps(EventLog.read(mixed))
    assert trace == steps(EventLog.read(lines))
    assert len({step.key for step in trace.steps}) == len(trace.steps)
    assert all(step.seconds >= 0 for step in trace.steps)
    assert sum(trace.counts.values()) == len(trace.counted)
