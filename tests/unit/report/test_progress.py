"""What a user sees while a build runs: rows, plain lines, JSON lines; the builds are recorded ones."""

from __future__ import annotations

import io
import json
import re
import threading
import time
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console, ConsoleDimensions

from gobake.insight.expected import Compiled, Expected
from gobake.model import Platform, Service, Strategy, Target
from gobake.report.progress import KINDS, make_progress, shown, worth_showing
from gobake.report.progress.lines import SILENCE_SECONDS, Json, Plain, Quiet
from gobake.report.progress.rows import Row, RowState, instruction, rows
from gobake.report.progress.table import Table
from gobake.report.progress.wording import transfer_text
from gobake.runs.outcomes import Outcome
from gobake.trace import golog
from gobake.trace.events import EventLog, LogEvent, PlainLine, VertexEvent, WarningEvent, parse_line
from gobake.trace.hostwork import HostWork
from gobake.trace.names import parse_name
from gobake.trace.stalls import Stall, StallKind
from gobake.trace.steps import steps
from gobake.trace.transfers import Transfer, transfers
from tests.unit.recorded import NAMES, read, recording
from tests.unit.report.test_schemas import strict

BOTH = (Platform.parse("linux/amd64"), Platform.parse("linux/arm64"))


def target(service: str, strategy: str, platforms: tuple[Platform, ...] = BOTH) -> Target:
    here = PurePosixPath(".")
    made = Service(
        name=service, package=f"example.test/shop/{service}", binary=service, directory=here, build_root=here
    )
    return Target(service=made, strategy=Strategy(strategy), platforms=platforms)


SHOP = (target("api", "scratch"), target("api", "alpine"), target("worker", "scratch"), target("worker", "debian-slim"))


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def begun(name: str, until: str) -> EventLog:
    """A recording up to the first line that has this text."""
    log = EventLog()
    for line in recording(name).splitlines(keepends=True):
        log.feed(line)
        if until.encode() in line:
            return log
    raise AssertionError(f"{until} is not in {name}")


# ---- rows


def told(row: Row) -> tuple[str, str, int, int]:
    return row.label, str(row.state), row.reached, row.total


def test_rows_of_a_finished_build() -> None:
    found = rows(steps(read("cold")), SHOP)
    assert [told(row) for row in found] == [
        ("go build linux/amd64", "done", 2, 2),
        ("go build linux/arm64", "done", 1, 1),
        ("api scratch", "done", 6, 6),
        ("api alpine", "done", 8, 8),
        ("worker scratch", "done", 6, 6),
        ("worker debian-slim", "done", 8, 8),
    ]
    assert [row.packages for row in found[:2]] == [63, 63]
    assert [row.shared for row in found] == [True, True, False, False, False, False]
    assert found[3].counts == {Outcome.REUSED: 4, Outcome.EXECUTED: 4}
    assert found[4].counts == {Outcome.REUSED: 2, Outcome.SHARED: 2, Outcome.EXECUTED: 2}


def test_a_warm_build_has_no_row_for_the_compile() -> None:
    assert [row.label for row in rows(steps(read("warm")), SHOP)] == [f"{t.service.name} {t.strategy}" for t in SHOP]


def test_while_it_compiles_the_targets_wait_for_it() -> None:
    trace = steps(begun("canceled", base64_of("runtime\n")))
    compile_rows, target_rows = rows(trace, SHOP)[:2], rows(trace, SHOP)[2:]
    assert {row.state for row in compile_rows} == {RowState.WORKING}
    assert all(row.packages > 10 and row.since for row in compile_rows)
    assert {frozenset(row.waits) for row in target_rows} == {
        frozenset({"go build linux/amd64", "go build linux/arm64"})
    }
    assert {row.state for row in target_rows} == {RowState.WAITING}


def base64_of(text: str) -> str:
    import base64

    return base64.b64encode(text.encode()).decode()


def test_before_anything_is_known_targets_wait() -> None:
    assert {(row.state, row.total) for row in rows(steps(EventLog()), SHOP)} == {(RowState.WAITING, 0)}


def test_a_failure_and_a_cancellation_are_seen_in_every_target() -> None:
    assert {row.state for row in rows(steps(read("failed")), SHOP) if not row.shared} == {RowState.FAILED}
    assert {row.state for row in rows(steps(read("canceled")), SHOP)} == {RowState.CANCELED}


def test_an_imported_compile_is_not_shown_as_work_of_the_compile() -> None:
    found = rows(steps(read("imported")), SHOP[:2])
    assert [row.label for row in found] == ["api scratch", "api alpine"]
    assert found[1].counts == {Outcome.IMPORTED: 4, Outcome.UNKNOWN: 4}


def test_the_only_target_has_all_steps_although_names_do_not_tell_it() -> None:
    (row,) = rows(steps(read("single")), SHOP[:1])
    assert told(row) == ("api scratch", "done", 4, 4)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("[compile 2/2] RUN --mount=type=bind,target=/x --network=none cd /src && go build -v ./...", "RUN go build"),
        ("[upx 2/2] RUN --mount=type=cache,id=a,target=/b upx --best /x", "RUN upx --best /x"),
        ("[s 1/2] FROM docker.io/library/alpine:3.22@sha256:" + "a" * 64, "FROM docker.io/library/alpine:3.22"),
        ("[s 1/2] RUN printf '\x1b[31m\x07'  x\n y", "RUN printf '' x y"),
        ("[s 1/2] COPY a b", "COPY a b"),
    ],
)
def test_an_instruction_is_quoted_as_a_person_would(name: str, text: str) -> None:
    assert instruction(parse_name(name)) == text


def test_a_step_on_one_line_is_cut_to_the_width() -> None:
    assert shown(parse_name("[api linux/amd64->arm64 compile 2/2] RUN go build x")) == "go build linux/arm64"
    assert shown(parse_name("[compile-2 2/2] RUN go build x")) == "go build (2)"
    assert shown(parse_name("[stamp 1/1] RUN go build x")) == "go link"
    base = parse_name("[api api 1/2] FROM docker.io/library/alpine:3.22@sha256:" + "a" * 64)
    assert shown(base) == "base image alpine:3.22"
    assert shown(parse_name("[s 1/2] COPY " + "x" * 100), 20) == "copy xxxxxxxxxxxxxx…"
    assert worth_showing(parse_name("exporting to image"))
    assert not worth_showing(parse_name("[internal] load build context"))


# ---- plain lines


def plain(name: str, targets: Sequence[Target] = SHOP, outcome: str = "done") -> list[str]:
    stream = io.StringIO()
    log = EventLog()
    with Plain(targets, stream, clock=lambda: 0.0) as progress:
        for line in recording(name).splitlines(keepends=True):
            progress.update(log.feed(line))
        progress.finish(outcome)
    return [re.sub(r"\d+\.\d s", "N s", line.removeprefix("   0.0  ")) for line in stream.getvalue().splitlines()]


def test_plain_lines_tell_each_step_once() -> None:
    lines = plain("cold")
    assert sorted(line for line in lines if "go build" in line) == [
        "go build linux/amd64  63 packages, N s",
        "go build linux/amd64  begins",
        "go build linux/amd64: working folder  reused",
        "go build linux/arm64  63 packages, N s",
        "go build linux/arm64  begins",
    ]
    assert "api-alpine linux/arm64: copy binary  N s" in lines
    assert "api-alpine: exporting to image  N s" in lines
    assert lines[-1] == "done; steps: 12 reused, 6 shared, 10 executed"


def test_plain_lines_of_a_failure_name_it_once() -> None:
    lines = plain("failed", outcome="failed")
    (failed,) = [line for line in lines if "FAILED" in line]
    assert failed == "go build linux/amd64  FAILED: exit code: 1"


def test_plain_lines_of_a_cancelled_build_tell_no_failure() -> None:
    assert not [line for line in plain("canceled", outcome="interrupted") if "FAILED" in line]


def test_plain_lines_of_merged_steps_tell_no_cancellation() -> None:
    assert not [line for line in plain("merged", ()) if "cancel" in line.lower()]


def test_plain_lines_do_not_claim_to_know_where_a_hit_came_from_in_a_run_that_reads_a_cache() -> None:
    lines = plain("imported", SHOP[:2])
    assert "go build linux/amd64  cached" in lines
    assert "go build linux/amd64  downloads" in lines
    assert not [line for line in lines if line.endswith("reused")]
    assert lines[-1] == "done; steps: 6 imported, 2 executed, 6 unknown"


def test_a_base_image_that_is_downloaded_is_told_and_one_that_is_there_is_not() -> None:
    assert "base image debian:trixie-slim  downloads" in plain("siblings", ())
    assert not [line for line in plain("single") if "base image" in line]


def test_a_cache_that_nobody_has_written_yet_is_no_news() -> None:
    assert not [line for line in plain("import-missing", SHOP[:1]) if "importing cache" in line]


def test_a_cache_that_cannot_be_written_is_skipped_and_not_called_a_failure() -> None:
    told = [line for line in plain("export-refused", SHOP) if "exporting cache" in line]
    assert told
    assert all("skipped: " in line and "FAILED" not in line for line in told)


@pytest.mark.parametrize("name", NAMES)
def test_plain_lines_carry_no_control_codes(name: str) -> None:
    assert all(line.isprintable() for line in plain(name))


def test_a_long_compile_is_not_silent() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Plain(SHOP, stream, clock)
    log = EventLog()
    for line in recording("canceled").splitlines(keepends=True):
        clock.now += SILENCE_SECONDS / 40
        progress.update(log.feed(line))
    assert re.search(r"go build linux/a\w+  \d+ packages so far  [a-z]+", stream.getvalue())


def test_a_silent_step_that_compiles_nothing_says_that_it_works() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Plain((), stream, clock)
    progress.update(parse_line(json.dumps({"vertexes": [RUNNING]}).encode()))
    clock.now += SILENCE_SECONDS + 1
    progress.update([LogEvent(vertex="sha256:a", stream=1, data=b"50 %\n")])
    progress.update([LogEvent(vertex="sha256:unheard", stream=1, data=b"50 %\n")])
    assert stream.getvalue().splitlines()[-1] == "  31.0  run x  works: 50 %"


RUNNING = {"digest": "sha256:a", "name": "[s 1/2] RUN x", "inputs": ["sha256:b"], "started": "2026-01-01T00:00:00Z"}


def test_plain_lines_tell_the_only_platform_of_a_compile_too() -> None:
    stream = io.StringIO()
    progress = Plain((target("api", "scratch", BOTH[:1]),), stream, lambda: 0.0)
    progress.update(parse_line(json.dumps({"vertexes": [RUNNING | {"name": "[compile 2/2] RUN go build"}]}).encode()))
    assert stream.getvalue().split() == ["0.0", "go", "build", "linux/amd64", "begins"]


def test_warnings_are_told_with_their_place() -> None:
    assert [line for line in plain("warned", ()) if line.startswith("warning: FromAsCasing")] == [
        "warning: FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 1) (Dockerfile:1)"
    ]
    stream = io.StringIO()
    Plain((), stream).update([WarningEvent(vertex="", short="no place")])
    assert stream.getvalue().endswith("warning: no place\n")


def test_a_reader_that_went_away_stops_no_build() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    progress = Plain(SHOP, Closed())
    progress.say("one")
    progress.say("two")


def test_an_encoding_that_lacks_letters_stops_no_build() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    Plain(SHOP, stream, clock=lambda: 0.0).say("größer…")
    assert raw.getvalue() == b"   0.0  gr??er?\n"


# ---- JSON lines


def objects(name: str, targets: Sequence[Target] = SHOP) -> list[dict[str, Any]]:
    stream = io.StringIO()
    log = EventLog()
    with Json(targets, stream) as progress:
        for line in recording(name).splitlines(keepends=True):
            progress.update(log.feed(line))
        progress.finish("done")
    assert stream.getvalue().isascii()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_json_line_says_its_schema_and_its_event() -> None:
    for name in NAMES:
        found = objects(name)
        assert {o["schema"] for o in found} == {1}
        assert {o["event"] for o in found} <= {
            "start",
            "step-begin",
            "step-download",
            "step-end",
            "log",
            "warning",
            "message",
            "finish",
        }
        assert (found[0]["event"], found[-1]["event"]) == ("start", "finish")


@pytest.mark.parametrize("name", NAMES)
def test_every_json_line_is_as_its_schema_says(name: str) -> None:
    check = strict("progress")
    for line in objects(name):
        check(line)


def test_json_lines_of_a_cold_build() -> None:
    found = objects("cold")
    assert [t["name"] for t in found[0]["targets"]] == [t.name for t in SHOP]
    ends = [o for o in found if o["event"] == "step-end" and o["stage"] == "compile" and "go build" in o["instruction"]]
    assert [(o["platform"], o["cached"], o["error"]) for o in sorted(ends, key=lambda o: str(o["platform"]))] == [
        ("linux/amd64", False, ""),
        ("linux/arm64", False, ""),
    ]
    assert all(o["seconds"] > 1 for o in ends)
    assert found[-1]["counts"] == {"reused": 12, "imported": 0, "shared": 6, "executed": 10, "unknown": 0}
    assert len(found[-1]["steps"]) == 28


def test_logs_warnings_and_messages_are_neutral_in_json() -> None:
    logs = [o["text"] for o in objects("escapes") if o["event"] == "log"]
    assert "".join(logs) == " end\n"
    assert any(o["event"] == "message" and o["text"].startswith("ERROR: ") for o in objects("escapes"))
    assert [o["line"] for o in objects("warned") if o["event"] == "warning"][:1] == [1]


# ---- the table


def screen(width: int, height: int = 40, **more: Any) -> Console:
    return Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None, **more)


def picture(
    name: str, width: int = 120, height: int = 40, targets: Sequence[Target] = SHOP, until: str = ""
) -> list[str]:
    log = begun(name, until) if until else read(name)
    console = screen(width, height)
    table = Table(targets, console, clock=lambda: 0.0)
    events = [event for line in recording(name).splitlines() for event in parse_line(line)]
    if until:
        table._log = log
        table._stale = True
    else:
        table.update(events)
        table.finish("done")
    with console.capture() as capture:
        console.print(table.picture())
    return [line.rstrip() for line in capture.get().splitlines()]


def test_the_table_of_a_finished_build() -> None:
    assert picture("cold", 100) == [
        "✓ go build linux/amd64  63 packages  23.2 s",
        "✓ go build linux/arm64  63 packages  23.0 s",
        "4 of 4 targets, 0 s",
    ]


def test_the_table_while_it_compiles() -> None:
    lines = picture("canceled", 110, until=base64_of("runtime\n"))
    assert re.fullmatch(r"▸ go build linux/amd64  \d+ packages  0 s  runtime", lines[0])
    assert lines[2:] == ["  4 targets wait for go build linux/amd64 and linux/arm64", "0 of 4 targets, 0 s"]


# ---- a compile as it goes: what earlier runs tell of it, and what fits


def model(name: str = "cold", seconds: float = 20.0) -> Expected:
    """What a run tells that compiled the same packages."""
    trace = steps(read(name))
    compiled = {path for step in trace.steps for path in golog.parse(trace.log(step)).compiled}
    commands = tuple((t.service.package, 60) for t in (SHOP[0], SHOP[2]))
    return Expected(
        compiles=tuple(
            Compiled(
                platform=str(platform),
                packages=len(compiled),
                commands=commands,
                compiled=frozenset(compiled),
                seconds=seconds,
            )
            for platform in BOTH
        )
    )


def compiling(width: int, height: int = 24, targets: Sequence[Target] = SHOP) -> list[str]:
    """The picture of a recorded compile eight seconds after its begin, with what the last run tells."""
    log = begun("canceled", base64_of("runtime\n"))
    since = max(e.started for v in log.vertices.values() for e in v.episodes.values())
    table = Table(targets, screen(width, height), clock=lambda: since + 8, began=since - 2)
    table._log = log
    table._stale = True
    table.expect(model())
    return drawn(table)


def test_a_compile_shows_packages_of_all_with_a_bar_and_an_estimate() -> None:
    lines = compiling(160)
    assert re.fullmatch(
        r"▸ go build linux/amd64  ━+─+  \d+ of 63 packages  8 s  about \d+ s left  runtime", lines[0]
    ), lines


@pytest.mark.parametrize(
    ("width", "gone"),
    [(80, ("━",)), (60, ("━", "left")), (46, ("━", "left", "runtime"))],
)
def test_a_narrow_terminal_leaves_out_the_least_important_first_and_never_the_packages(
    width: int, gone: tuple[str, ...]
) -> None:
    lines = compiling(width)
    assert re.match(r"▸ go build linux/amd64  .*\d+ of 63 packages", lines[0])
    assert {word for word in ("━", "left", "runtime") if word not in lines[0]} == set(gone)
    assert all(len(line) <= width for line in lines)


def test_bars_are_in_all_lines_or_in_none() -> None:
    assert [line.count("━") > 0 for line in compiling(99)[:2]] == [False, False]
    assert [line.count("━") > 0 for line in compiling(100)[:2]] == [True, True]


@pytest.mark.parametrize(("name", "stays"), [("edit", False), ("failed", True)])
def test_the_last_picture_stays_only_where_no_summary_says_the_same(name: str, stays: bool) -> None:
    console = screen(100)
    with Table(SHOP, console) as table:
        table.update([event for line in recording(name).splitlines() for event in parse_line(line)])
    written = str(console.file.getvalue())  # type: ignore[attr-defined]
    last = written.rpartition("targets, ")[2]
    assert ("\x1b[2K" not in last) is stays


def test_a_hundred_targets_that_wait_are_one_line() -> None:
    services = [f"service{number}" for number in range(60)]
    many = [target(service, strategy) for service in services for strategy in ("scratch", "alpine")]
    lines = compiling(80, 24, [*SHOP, *many])
    assert len(lines) == 4
    assert lines[2] == "  124 targets wait for go build linux/amd64 and linux/arm64"
    assert lines[3] == "0 of 124 targets, 10 s"


def test_a_base_image_on_its_way_shows_its_bytes_and_its_speed() -> None:
    clock = Clock()
    table = Table((target("q", "debian-slim"), target("r", "debian-slim")), screen(100), clock=clock, began=100.0)
    name = "[q-debian-slim q-debian-slim 1/3] FROM docker.io/library/debian:trixie-slim@sha256:" + "a" * 64
    other = "[r-debian-slim internal] load metadata for debian"
    started = "2026-01-01T00:00:00Z"
    vertices = [{"digest": f"sha256:{name[1]}", "name": name, "started": started} for name in (name, other)]
    table.update(parse_line(json.dumps({"vertexes": vertices}).encode()))
    for current in (3_000_000, 9_000_000):
        status: dict[str, object] = {
            "vertex": "sha256:q",
            "id": "sha256:" + "b" * 64,
            "current": current,
            "total": 21_551_049,
        }
        table.update(parse_line(json.dumps({"statuses": [status]}).encode()))
        lines = drawn(table)
        clock.now += 2
    assert lines[0].startswith("▸ base image debian:trixie-slim  9 MB of 21.6 MB  3 MB/s")
    assert lines[1] == "  q debian-slim, r debian-slim wait for base image debian:trixie-slim"


def test_a_recorded_pull_shows_how_far_it_came() -> None:
    log = EventLog()
    for line in recording("stalled-pull").splitlines(keepends=True)[:-3]:
        log.feed(line)
    moves = transfers(log)
    assert {(move.current, move.total) for move in moves.values() if move.total} >= {(7340032, 21551049)}
    (row,) = [
        row for row in rows(steps(log), (target("q", "debian-slim"),), moves) if row.label.startswith("base image")
    ]
    assert transfer_text(row.moved or Transfer()) == "7.34 MB of 21.6 MB"
    log.close()
    assert transfers(log) == {}


def test_an_export_tells_what_it_does_as_buildkit_names_no_bytes_of_a_push() -> None:
    log = EventLog()
    lines = recording("push-refused").splitlines(keepends=True)
    for line in lines:
        log.feed(line)
        if transfers(log) and any(move.doing == "pushing layers" for move in transfers(log).values()):
            break
    (row,) = rows(steps(log), SHOP[:1], transfers(log), is_over=False)
    assert (row.state, row.now, transfer_text(row.moved or Transfer())) == (RowState.WORKING, "", "pushing layers")


def test_a_step_that_buildkit_merged_with_an_equal_one_is_not_shown_as_canceled() -> None:
    log = EventLog()
    for line in recording("merged").splitlines(keepends=True):
        log.feed(line)
        states = {row.state for row in rows(steps(log), (), transfers(log), is_over=False)}
        assert RowState.CANCELED not in states


def test_targets_wait_for_a_base_image_that_is_resolved() -> None:
    log = EventLog()
    name = "[api-scratch api-scratch 1/2] FROM docker.io/library/golang:1.26"
    vertices = [
        {"digest": "sha256:b", "name": name.replace("api-scratch", place), "started": "2026-01-01T00:00:00Z"}
        for place in ("api-scratch", "api-alpine")
    ]
    log.merge(parse_line(json.dumps({"vertexes": vertices}).encode()))
    soon, later = (rows(steps(log), SHOP[:2], {}, None, 1767225600.0 + s, is_over=False) for s in (1, 3))
    assert [(row.label, row.state) for row in soon] == [
        ("api scratch", RowState.WAITING),
        ("api alpine", RowState.WAITING),
    ]
    assert later[0].label == "base image golang:1.26"
    assert later[1].waits == ("base image golang:1.26",)


def test_a_registry_that_is_asked_is_told_while_nothing_else_goes_on() -> None:
    table = Table(SHOP, screen(100), clock=lambda: 1767225608.0, began=1767225600.0)
    name = "[api-scratch internal] load metadata for docker.io/library/golang:1.26"
    vertex = {"digest": "sha256:m", "name": name, "started": "2026-01-01T00:00:00Z"}
    table.update(parse_line(json.dumps({"vertexes": [vertex]}).encode()))
    assert drawn(table) == [
        "▸ base image golang:1.26  asking its registry  8 s",
        "  4 targets wait",
        "0 of 4 targets, 8 s",
    ]


def test_the_only_platform_of_a_compile_is_told_although_buildkit_leaves_it_out() -> None:
    vertex = RUNNING | {"name": "[compile 2/2] RUN go build"}
    table = Table((target("api", "scratch", BOTH[:1]),), screen(100))
    table.update(
        parse_line(json.dumps({"vertexes": [vertex, vertex | {"name": "[trace compile 2/2] RUN go build"}]}).encode())
    )
    assert drawn(table)[0].startswith("▸ go build linux/amd64")


def test_the_last_line_of_a_step_that_works_is_shown() -> None:
    table = Table(SHOP[:1], screen(100), clock=lambda: 1767225608.0, began=1767225600.0)
    events: list[dict[str, object]] = [{"vertexes": [RUNNING | {"name": "[s 1/2] RUN apk add upx"}]}]
    log = base64_of("fetch index\n(1/2) Installing upx\n")
    events.append({"logs": [{"vertex": "sha256:a", "data": log, "stream": 1, "timestamp": "2026-01-01T00:00:02Z"}]})
    for event in events:
        table.update(parse_line(json.dumps(event).encode()))
    assert drawn(table)[0] == "▸ api scratch  RUN apk add upx  8 s  (1/2) Installing upx"


def test_done_targets_are_listed_where_there_is_room_and_counted_at_the_end() -> None:
    log = read("cold")
    log.closed = False
    table = Table(SHOP, screen(100), clock=lambda: 0.0)
    table._log, table._stale = log, True
    assert "✓ api scratch           done" in drawn(table)
    table.finish("done")
    assert drawn(table)[2:] == ["4 of 4 targets, 0 s"]


def test_plain_lines_tell_packages_of_all_and_an_estimate_too() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Plain(SHOP, stream, clock)
    progress.expect(model())
    log = EventLog()
    for line in recording("canceled").splitlines(keepends=True):
        clock.now += SILENCE_SECONDS / 40
        progress.update(log.feed(line))
    assert re.search(r"go build linux/a\w+  \d+ of 63 packages so far  [a-z/]+, about \d+ \w+ left", stream.getvalue())


@pytest.mark.parametrize("width", [1, 10, 20, 40, 59, 60, 89, 90, 200])
@pytest.mark.parametrize("height", [1, 4, 6, 40])
def test_no_picture_is_wider_or_higher_than_the_terminal(width: int, height: int) -> None:
    for name in ("cold", "failed"):
        lines = picture(name, width, height)
        assert all(len(line) <= width for line in lines)
        if width >= 40:
            assert len(lines) <= max(height, 3)


def test_what_failed_is_told_with_gos_error_and_what_needed_it_in_one_line() -> None:
    lines = picture("failed", 200)
    assert lines == [
        '✗ go build linux/amd64  failed  worker/main.go:5:23: invalid operation: 3 + greet.Greet("worker") '
        "(mismatched types untyped int and string)",
        "◦ go build linux/arm64  canceled",
        "  4 targets failed with go build linux/amd64",
        "0 of 4 targets, 0 s",
    ]


def test_a_low_terminal_keeps_the_rows_that_matter() -> None:
    assert picture("failed", 60, 4) == [
        "✗ go build linux/amd64  failed  worker/main.go:5:23: invali…",
        "◦ go build linux/arm64  canceled",
        "0 of 4 targets, 0 s",
    ]


def test_a_terminal_may_change_its_size_at_any_moment() -> None:
    console = screen(120)
    table = Table(SHOP, console)
    table.update([event for line in recording("cold").splitlines() for event in parse_line(line)])
    for width, height in ((120, 40), (30, 5), (200, 60)):
        console.size = ConsoleDimensions(width, height)
        with console.capture() as capture:
            console.print(table.picture())
        assert max(len(line) for line in capture.get().splitlines()) <= width


def test_a_terminal_without_unicode_gets_plain_marks() -> None:
    console = Console(file=io.TextIOWrapper(io.BytesIO(), encoding="ascii"), width=100, height=40, color_system=None)
    table = Table(SHOP, console)
    table.update([event for line in recording("failed").splitlines() for event in parse_line(line)])
    with console.capture() as capture:
        console.print(table.picture())
    assert capture.get().isascii()
    assert capture.get().startswith("x go build linux/amd64  failed")


def test_events_may_come_while_a_picture_is_drawn() -> None:
    console = screen(100)
    events = [parse_line(line) for line in recording("cold").splitlines()]
    with Table(SHOP, console) as table:
        drawing = threading.Thread(target=lambda: [table.picture() for _ in range(20)])
        drawing.start()
        for batch in events:
            table.update(batch)
        drawing.join()
        table.say("a line above\x1b[2J")
        table.finish("done")
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "a line above" in written
    assert "\x1b[2J" not in written
    assert "4 of 4 targets" in written
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1  # the cursor is given back


def test_the_cursor_is_given_back_when_the_build_raises() -> None:
    console = screen(100)
    with pytest.raises(RuntimeError), Table(SHOP, console):
        raise RuntimeError
    assert console.file.getvalue().endswith("\x1b[?25h")  # type: ignore[attr-defined]


NASTY = ["x\x1b[2Jy", "\x9b31m", "\x1b]0;t\x07z", "a\rb", "\u202eb", "[bold]m[/bold]", "m\n"]


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_no_name_and_no_log_drives_the_terminal(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(NASTY))
    vertex = RUNNING | {"name": f"[s 1/2] RUN {text}"}
    log = {"vertex": "sha256:a", "data": base64_of(text), "stream": 1, "timestamp": "2026-01-01T00:00:00Z"}
    events = parse_line(json.dumps({"vertexes": [vertex], "logs": [log]}).encode())
    table = Table(SHOP[:1], screen(100))
    streams = [io.StringIO(), io.StringIO()]
    table.update([*events, PlainLine(text=text)])
    with table._console.capture() as capture:
        table._console.print(table.picture())
    shows: tuple[Plain | Json, ...] = (Plain(SHOP, streams[0]), Json(SHOP, streams[1]))
    for show in shows:
        show.update([*events, PlainLine(text=text)])
        show.finish(text)
    for written in (capture.get(), *(stream.getvalue() for stream in streams)):
        assert all(line.isprintable() for line in written.split("\n"))
    if "bold" in text:
        assert "RUN [bold]m[/bold]" in capture.get()


# ---- choosing


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("kind", "stream", "made"),
    [
        ("auto", Terminal(), Table),
        ("auto", io.StringIO(), Plain),
        ("tty", io.StringIO(), Table),
        ("plain", Terminal(), Plain),
        ("json", Terminal(), Json),
        ("quiet", Terminal(), Quiet),
    ],
)
def test_the_kind_decides_what_is_shown(kind: str, stream: io.StringIO, made: type) -> None:
    assert kind in KINDS
    assert isinstance(make_progress(kind, SHOP, stream, "never"), made)


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Quiet() as progress:
        progress.start()
        progress.update([PlainLine(text="x")])
        progress.say("x")
        progress.finish("done")
    assert capsys.readouterr() == ("", "")


# ---- modules on their way


def downloading(count: int, at: float, *, last: str = "") -> list[LogEvent]:
    lines = "".join(f"go: downloading example.com/m{at:.0f}x{number} v1.0.0\n" for number in range(count))
    return [LogEvent(vertex="sha256:c", stream=2, data=(lines + last).encode(), timestamp=at)]


def test_plain_lines_say_how_many_modules_came_so_far() -> None:
    out, clock = io.StringIO(), Clock()
    progress = Plain((), out, clock)
    progress.update([VertexEvent(digest="sha256:c", name="[linux/amd64 compile 2/2] RUN go build", started=1.0)])
    for seconds in (6.0, 8.0, 14.0):
        clock.now = 100.0 + seconds
        progress.update(downloading(70, seconds))
    told = [line.split(None, 1)[1] for line in out.getvalue().splitlines() if "modules" in line]
    assert told == [
        "go build linux/amd64  downloading modules, 70 so far",
        "go build linux/amd64  downloading modules, 210 so far",
    ]


def test_what_stands_still_is_a_line_for_people_and_an_event_for_machines() -> None:
    stall = Stall(kind=StallKind.MODULES, key="a", names=("example.com/a v1.0.0",), seconds=20.04)
    plain, lines = io.StringIO(), io.StringIO()
    Plain((), plain, Clock()).stall(stall, "modules: it stands still")
    Json((), lines).stall(stall, "modules: it stands still")
    assert plain.getvalue().strip() == "0.0  modules: it stands still"
    assert json.loads(lines.getvalue()) == {
        "schema": 1,
        "event": "stall",
        "kind": "modules",
        "names": ["example.com/a v1.0.0"],
        "seconds": 20.0,
        "text": "modules: it stands still",
    }


# ---- what this machine's Go compiles before the build


def host_work(**more: Any) -> HostWork:
    return HostWork(platform="linux/arm64", started=100.0, services=("api", "web"), **more)


HOST = (
    host_work(),
    host_work(packages=147, total=265, package="net/http"),
    host_work(packages=265, total=265, package="example.test/api", ended=165.8),
)


def test_plain_lines_tell_what_this_machine_compiles() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Plain((), stream, clock)
    for work in HOST:
        progress.host(work)
        clock.now += SILENCE_SECONDS + 1
    assert [line.split(None, 1)[1] for line in stream.getvalue().splitlines()] == [
        "host: go build linux/arm64 (prebuilt)  begins: 2 programs",
        "host: go build linux/arm64 (prebuilt)  147 of 265 packages so far  net/http",
        "host: go build linux/arm64 (prebuilt)  265 of 265 packages compiled, 65.8 s",
    ]
    progress.host(host_work(ended=101.0, failed=True))
    assert stream.getvalue().endswith("host: go build linux/arm64 (prebuilt)  FAILED\n")


def test_json_tells_what_this_machine_compiles_before_it_tells_the_targets() -> None:
    stream = io.StringIO()
    with Json((), stream) as progress:
        for work in HOST:
            progress.host(work)
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert {o["event"] for o in found} == {"host-compile"}
    assert [(o["state"], o["packages"], o["total"], o["package"]) for o in found] == [
        ("works", 0, None, ""),
        ("works", 147, 265, "net/http"),
        ("done", 265, 265, "example.test/api"),
    ]
    assert (found[-1]["name"], found[-1]["seconds"]) == ("host: go build linux/arm64 (prebuilt)", 65.8)


def test_the_table_shows_what_this_machine_compiles_with_the_clock_of_the_run() -> None:
    console = screen(140)
    with Table((), console, clock=lambda: 130.0, began=98.0) as table:
        table.host(HOST[1])
    assert [" ".join(line.split()) for line in drawn(table)] == [
        "▸ host: go build linux/arm64 (prebuilt) ━━━━━━━━──────── 147 of 265 packages 30 s net/http",
    ]
    with table:
        table.host(HOST[2])
    assert "265 of 265 packages  65.8 s" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_compile_on_this_machine_that_found_everything_in_gos_cache_stays_on_the_screen() -> None:
    with Table((), screen(80), clock=lambda: 104.0, began=100.0) as table:
        table.host(host_work(total=265, ended=102.8))
    assert drawn(table) == ["✓ host: go build linux/arm64 (prebuilt)  0 of 265 packages  2.8 s"]


def drawn(table: Table) -> list[str]:
    with table._console.capture() as capture:
        table._console.print(table.picture())
    return [line.rstrip() for line in capture.get().splitlines()]


def test_nothing_is_drawn_where_this_machine_compiles_nothing() -> None:
    console = screen(100)
    with Table((), console):
        pass
    assert console.file.getvalue() == ""  # type: ignore[attr-defined]


def test_the_clock_of_plain_lines_began_with_the_run() -> None:
    stream = io.StringIO()
    Plain((), stream, Clock(), began=time.time() - 60).say("x")
    assert 59.0 < float(stream.getvalue().split()[0]) < 65.0


def test_a_long_log_is_not_read_again_for_every_picture_and_the_last_picture_is_complete() -> None:
    table = Table(SHOP, screen(100))
    table.update([event for line in recording("cold").splitlines() for event in parse_line(line)])
    table._cost, table._read_at = 10.0, time.monotonic()  # as if that had just taken ten seconds
    assert drawn(table)[-1].startswith("0 of 4 targets") or drawn(table) == []
    table.finish("done")
    assert drawn(table)[-1].startswith("4 of 4 targets")
