"""What happened to each step of real runs, and the rules behind it."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from gobake.recipe.outline import stages_of
from gobake.runs.outcomes import Outcome
from gobake.trace.events import EventLog
from gobake.trace.names import StepKind
from gobake.trace.own_names import Made, OwnNames, reached
from gobake.trace.steps import Step, Trace, steps
from tests.unit.recorded import NAMES, read, recording


def counts(trace: Trace) -> dict[str, int]:
    return {str(outcome): count for outcome, count in trace.counts.items() if count}


def of(trace: Trace, text: str) -> list[Step]:
    return [step for step in trace.steps if text in step.key]


def only(trace: Trace, text: str) -> Step:
    (step,) = of(trace, text)
    return step


# ---- recorded runs: four targets of two services, two platforms; see recorded/record.sh


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # 2 compiles done once and shown under four targets; 8 packaging copies; bases and WORKDIR were there
        ("cold", {"reused": 12, "shared": 6, "executed": 10}),
        ("warm", {"reused": 28}),
        # one service changed: both compiles ran, and only that service's copies
        ("edit", {"reused": 16, "shared": 6, "executed": 6}),
        ("single", {"reused": 4}),
        ("failed", {"reused": 12, "shared": 6, "executed": 2}),
        ("canceled", {"reused": 12, "shared": 6, "executed": 2}),
        # an empty builder and cache-from: what was downloaded is known to be imported
        ("imported", {"imported": 6, "executed": 2, "unknown": 6}),
        ("imported-again", {"unknown": 14}),
        # a cache that could not be read is no import
        ("import-missing", {"reused": 4}),
        ("siblings", {"shared": 8, "executed": 6}),
        ("merged", {"shared": 8, "executed": 6}),
        ("no-go-version", {}),
        ("no-such-file", {"reused": 1, "executed": 1}),
        ("push-refused", {"reused": 2}),
        ("escapes", {"reused": 1, "executed": 1}),
    ],
)
def test_counts(name: str, expected: dict[str, int]) -> None:
    assert counts(steps(read(name))) == expected


def test_a_compile_that_four_targets_share_is_executed_once_a_platform() -> None:
    compiles = [step for step in steps(read("cold")).steps if "go build" in step.key]
    assert Counter((s.name.platform, s.outcome) for s in compiles) == {
        ("linux/amd64", Outcome.EXECUTED): 1,
        ("linux/arm64", Outcome.EXECUTED): 1,
        ("linux/amd64", Outcome.SHARED): 3,
        ("linux/arm64", Outcome.SHARED): 3,
    }
    assert {s.target for s in compiles if s.outcome is Outcome.EXECUTED} == {"api-alpine"}  # the first by name
    assert all(s.seconds > 1 for s in compiles if s.outcome is Outcome.EXECUTED)
    assert all(s.seconds == 0 for s in compiles if s.outcome is Outcome.SHARED)


def test_a_shared_step_has_the_log_of_its_sibling() -> None:
    trace = steps(read("cold"))
    compiles = [step for step in trace.steps if "go build" in step.key]
    assert len({trace.log(step) for step in compiles}) == 2
    assert all("example.test/shop/greet\n" in trace.log(step) for step in compiles)
    assert all(step.log_bytes == len(trace.log(step).encode()) for step in compiles)


@pytest.mark.parametrize("shown_for", ["linux/amd64", "linux/amd64->arm64"])
def test_a_step_that_all_platforms_share_has_one_name_whichever_it_is_shown_for(shown_for: str) -> None:
    """One digest for all platforms: BuildKit reports it for any one of them, this time for one and then for another."""
    trace = steps(
        log(
            vertex(f"[{shown_for} compile 1/2] WORKDIR /src", "w", 1, 2),
            vertex("[linux/amd64 compile 2/2] RUN GOARCH=amd64 x", "a", 2, 3),
            vertex("[linux/amd64->arm64 compile 2/2] RUN GOARCH=arm64 x", "b", 2, 3),
        )
    )
    assert sorted(s.key for s in trace.steps) == [
        "[linux/amd64 compile] RUN GOARCH=amd64 x",
        "[linux/amd64 compile] WORKDIR /src",
        "[linux/amd64->linux/arm64 compile] RUN GOARCH=arm64 x",
    ]


def test_runs_join_on_the_key() -> None:
    cold, warm = steps(read("cold")), steps(read("warm"))
    assert {s.key for s in cold.counted} == {s.key for s in warm.counted}


def test_steps_come_in_the_order_of_their_dependencies() -> None:
    trace = steps(read("cold"))
    mine = [s.name for s in trace.counted if s.target == "worker-scratch" and s.name.platform != "linux/arm64"]
    assert [name.verb for name in mine] == ["FROM", "WORKDIR", "RUN", "COPY"]


def test_only_the_steps_of_the_edited_service_ran() -> None:
    ran = [s for s in steps(read("edit")).counted if s.outcome is Outcome.EXECUTED]
    assert {s.name.verb: {t.target for t in ran if t.name.verb == s.name.verb} for s in ran} == {
        "RUN": {"api-alpine"},
        "COPY": {"api-alpine", "api-scratch"},
    }


def test_a_failed_compile_is_flagged_under_every_target_and_belongs_to_one() -> None:
    trace = steps(read("failed"))
    first = trace.failed[0]
    assert first.outcome is Outcome.EXECUTED
    assert "did not complete successfully: exit code: 1" in first.error
    assert "invalid operation" in trace.log(first)
    assert {s.target for s in trace.failed} == {"api-alpine", "api-scratch", "worker-debian-slim", "worker-scratch"}
    assert not any(s.failed for s in trace.steps if s.name.verb != "RUN")


def test_what_comes_after_a_failure_is_not_reached_and_not_counted() -> None:
    copies = [s for s in steps(read("failed")).steps if s.name.verb == "COPY"]
    assert len(copies) == 8
    assert {(s.reached, s.counts, s.outcome, s.running) for s in copies} == {(False, False, Outcome.UNKNOWN, False)}


def test_ctrl_c_cancels_steps_and_fails_none() -> None:
    trace = steps(read("canceled"))
    assert trace.failed == ()
    compiles = [s for s in trace.steps if "go build" in s.key]
    assert all(s.canceled and not s.failed and not s.running for s in compiles)
    assert Counter(s.outcome for s in compiles) == {Outcome.EXECUTED: 2, Outcome.SHARED: 6}


def test_an_imported_step_is_not_taken_for_executed_although_its_download_looks_like_it() -> None:
    trace = steps(read("imported"))
    compiles = [s for s in trace.steps if s.name.verb == "RUN"]
    assert {s.outcome for s in compiles} == {Outcome.IMPORTED}
    assert sum(s.transferred for s in compiles) > 100_000_000  # with the layers of the toolchain below
    assert {s.target for s in compiles if s.transferred} == {"api-alpine"}  # bytes are counted once


def test_on_a_builder_known_to_be_empty_every_hit_was_imported() -> None:
    assert counts(steps(read("imported"), bare=True)) == {"imported": 12, "executed": 2}


def test_a_cache_that_is_not_there_fails_its_own_step_only() -> None:
    trace = steps(read("import-missing"))
    assert [s.name.kind for s in trace.failed] == [StepKind.IMPORT_CACHE]


def test_a_base_image_that_is_downloaded_counts_as_executed_with_its_bytes() -> None:
    first, *rest = of(steps(read("siblings")), "FROM docker.io/library/debian")
    assert (first.outcome, first.transferred > 1_000_000) == (Outcome.EXECUTED, True)
    assert {(s.outcome, s.transferred) for s in rest} == {(Outcome.SHARED, 0)}


def test_a_base_image_that_is_there_is_reused_although_it_is_never_marked_cached() -> None:
    assert not any(
        e.cached for (_, text), v in read("single").vertices.items() if "FROM" in text for e in v.episodes.values()
    )
    assert only(steps(read("single")), "FROM").outcome is Outcome.REUSED


def test_steps_that_buildkit_merged_went_well_although_one_digest_was_canceled() -> None:
    assert b"context canceled" in recording("merged")
    trace = steps(read("merged"))
    assert not any(s.failed or s.canceled for s in trace.steps)
    assert {s.target for s in trace.counted if s.outcome is Outcome.SHARED} == {"b", "c"}
    assert max(len(s.digests) for s in trace.counted) > 1


def test_a_linked_copy_is_one_step_a_target() -> None:
    linked = of(steps(read("merged")), "--link")
    assert [(s.target, s.outcome) for s in linked] == [("a", Outcome.EXECUTED), ("b", Outcome.SHARED)]


def test_bytes_that_the_client_sent_are_known() -> None:
    assert only(steps(read("single")), "load build context").transferred > 0


def test_warnings_are_kept_once_with_their_place() -> None:
    found = [(w.file, w.line, w.short.partition(":")[0]) for w in steps(read("warned")).warnings]
    assert found == [("Dockerfile", 1, "FromAsCasing"), ("Dockerfile", 2, "ConsistentInstructionCasing")]


# ---- rules, in little


def log(*vertices: dict[str, object], close: bool = True, statuses: tuple[dict[str, object], ...] = ()) -> EventLog:
    found = EventLog()
    found.feed(json.dumps({"vertexes": vertices, "statuses": statuses}) + "\n")
    if close:
        found.close()
    return found


def at(second: float) -> str:
    return f"2026-01-01T00:00:{second:06.3f}Z"


def vertex(
    name: str, digest: str, start: float | None = None, end: float | None = None, **more: object
) -> dict[str, object]:
    times = {"started": at(start)} if start is not None else {}
    times |= {"completed": at(end)} if end is not None else {}
    return {"name": name, "digest": f"sha256:{digest}", "inputs": ["sha256:base"], **times, **more}


SEVERAL = [vertex("[a internal] load x", "i", 0, 0, inputs=[]), vertex("[b internal] load x", "i", 0, 0, inputs=[])]


def test_housekeeping_is_never_counted() -> None:
    trace = steps(log(*SEVERAL, vertex("[a] exporting to image", "e", 1, 2, inputs=[])))
    assert {s.outcome for s in trace.steps} == {Outcome.UNCACHEABLE}
    assert counts(trace) == {}


def test_housekeeping_comes_after_the_steps_of_its_target() -> None:
    trace = steps(log(*SEVERAL, vertex("[a s 1/1] RUN x", "d", 1, 3), vertex("[b s 1/1] RUN y", "e", 1, 3)))
    assert [(s.target, s.name.kind.counts) for s in trace.steps] == [
        ("a", True),
        ("a", False),
        ("b", True),
        ("b", False),
    ]


def test_steps_of_a_target_come_in_the_order_of_their_dependencies() -> None:
    trace = steps(
        log(
            vertex("[s 2/2] RUN a", "e", 3, 4, inputs=["sha256:d"]),
            vertex("[s 1/2] RUN z", "d", 1, 3, inputs=["sha256:b"]),
        )
    )
    assert [s.key for s in trace.steps] == ["[s] RUN z", "[s] RUN a"]


@pytest.mark.parametrize(("instruction", "outcome"), [("RUN x", Outcome.REUSED), ("COPY a /b", Outcome.EXECUTED)])
def test_a_command_that_took_no_time_was_found_and_a_copy_may_take_none(instruction: str, outcome: Outcome) -> None:
    (step,) = steps(log(vertex(f"[s 1/1] {instruction}", "d", 1, 1))).counted
    assert step.outcome is outcome


def test_a_command_that_took_a_thousandth_of_a_second_ran() -> None:
    (step,) = steps(log(vertex("[s 1/1] RUN x", "d", 1, 1.001))).counted
    assert step.outcome is Outcome.EXECUTED


@pytest.mark.parametrize(("hit", "outcome"), [(2.75, Outcome.SHARED), (2.74, Outcome.REUSED)])
def test_clocks_of_two_targets_may_differ_by_a_quarter_of_a_second(hit: float, outcome: Outcome) -> None:
    """The other target's step had ended when this one was a hit, as far as that can be told."""
    trace = steps(
        log(*SEVERAL, vertex("[a s 1/1] RUN x", "d", 1, 3), vertex("[b s 1/1] RUN x", "e", hit, hit, cached=True))
    )
    assert [(s.target, s.outcome) for s in trace.counted] == [("a", Outcome.EXECUTED), ("b", outcome)]


@pytest.mark.parametrize(("end", "outcome"), [(9.74, Outcome.REUSED), (9.76, Outcome.SHARED)])
def test_a_run_begins_a_quarter_of_a_second_before_its_files_are_sent(end: float, outcome: Outcome) -> None:
    """What another build did until then was there already; what it did longer, both share."""
    (step,) = steps(log(sent(10), vertex("[s 1/1] RUN x", "d", 5, end))).counted
    assert step.outcome is outcome


def test_an_absent_cached_means_that_it_ran() -> None:
    assert steps(log(vertex("[s 1/1] RUN x", "d", 1, 3))).steps[0].outcome is Outcome.EXECUTED


def test_cached_where_a_sibling_executed_the_very_digest_is_shared() -> None:
    trace = steps(
        log(*SEVERAL, vertex("[a s 1/1] RUN x", "d", 1, 3), vertex("[b s 1/1] RUN x", "d", 4, 4, cached=True))
    )
    assert [(s.target, s.outcome) for s in trace.counted] == [("a", Outcome.EXECUTED), ("b", Outcome.SHARED)]


def test_cached_after_a_sibling_executed_the_same_step_under_another_digest_is_shared() -> None:
    trace = steps(
        log(*SEVERAL, vertex("[a s 1/1] RUN x", "d", 1, 3), vertex("[b s 1/1] RUN x", "e", 4, 4, cached=True))
    )
    assert [s.outcome for s in trace.counted] == [Outcome.EXECUTED, Outcome.SHARED]


def test_cached_before_a_sibling_had_executed_the_same_step_is_reused() -> None:
    """Two contexts, one Dockerfile: one changed, the other did not."""
    trace = steps(
        log(*SEVERAL, vertex("[a s 1/1] RUN x", "d", 1, 3), vertex("[b s 1/1] RUN x", "e", 1, 1, cached=True))
    )
    assert [s.outcome for s in trace.counted] == [Outcome.EXECUTED, Outcome.REUSED]


def test_a_repeated_instruction_of_a_stage_has_a_key_of_its_own() -> None:
    trace = steps(log(vertex("[s 1/2] RUN x", "d", 1, 3), vertex("[s 2/2] RUN x", "e", 3, 4)))
    assert [s.key for s in trace.steps] == ["[s] RUN x", "[s] RUN x #2"]


def test_while_it_runs_a_step_is_neither_failed_nor_canceled() -> None:
    (step,) = steps(log(vertex("[s 1/1] RUN x", "d", 1), close=False)).steps
    assert (step.running, step.failed, step.canceled, step.completed) == (True, False, False, None)
    assert step.outcome is Outcome.EXECUTED


def test_a_step_without_an_end_was_canceled_when_the_stream_is_over() -> None:
    (step,) = steps(log(vertex("[s 1/1] RUN x", "d", 1))).steps
    assert (step.running, step.canceled, step.completed) == (False, True, None)


def test_an_error_counts_although_a_sibling_was_only_canceled() -> None:
    trace = steps(
        log(
            *SEVERAL,
            vertex("[a s 1/1] RUN x", "d", 1, 3, error="exit code: 137: context canceled: context canceled"),
            vertex("[b t 1/1] RUN y", "e", 1, 3, error="exit code: 1"),
        )
    )
    assert [(s.target, s.failed, s.canceled) for s in trace.counted] == [("a", False, True), ("b", True, False)]


def test_the_step_that_did_the_work_is_named_first_where_several_failed() -> None:
    """The first by name was another build's work, and failed at the same moment."""
    trace = steps(
        log(
            sent(10),
            vertex("[a s 1/1] RUN x", "d", 1, 12, error="exit code: 1"),
            vertex("[b t 1/1] RUN y", "e", 11, 12, error="exit code: 2"),
        )
    )
    assert [(s.target, s.outcome) for s in trace.failed] == [("b", Outcome.EXECUTED), ("a", Outcome.SHARED)]


@pytest.mark.parametrize(
    ("copied", "linked", "outcome"),
    [(False, True, Outcome.EXECUTED), (True, False, Outcome.REUSED), (True, True, Outcome.REUSED)],
    ids=["copied", "only linked", "neither"],
)
def test_the_copying_of_a_linked_copy_counts_and_not_the_linking(copied: bool, linked: bool, outcome: Outcome) -> None:
    """``copied``, ``linked``: BuildKit had its result."""
    trace = steps(
        log(
            vertex("[s 2/2] COPY --link f /g", "d", 1, 1 if copied else 2, cached=copied),
            vertex("[s 2/2] LINK COPY --link f /g", "e", 2, 2 if linked else 3, cached=linked),
        )
    )
    assert [s.outcome for s in trace.counted] == [outcome]


@pytest.mark.parametrize(
    ("seen", "outcome"),
    [
        ((), Outcome.REUSED),
        (({"id": "sha256:abc", "current": 7},), Outcome.EXECUTED),
        (({"id": "extracting sha256:abc", "current": 0},), Outcome.EXECUTED),
        (({"id": "resolve docker.io/library/debian", "current": 0},), Outcome.REUSED),
    ],
    ids=["looked up", "downloaded", "unpacked", "resolved"],
)
def test_a_base_image_was_fetched_where_its_layers_were_moved_or_unpacked(
    seen: tuple[dict[str, object], ...], outcome: Outcome
) -> None:
    statuses = tuple({"vertex": "sha256:d", "timestamp": at(2), **status} for status in seen)
    base = vertex("[s 1/2] FROM docker.io/library/debian", "d", 1, 3, inputs=[])
    assert [s.outcome for s in steps(log(base, statuses=statuses)).counted] == [outcome]


def test_a_target_does_not_share_with_itself() -> None:
    """The same words twice in one stage: the second is found in a cache of its own."""
    trace = steps(log(vertex("[s 1/2] RUN x", "d", 1, 3), vertex("[s 2/2] RUN x", "e", 4, 4, cached=True)))
    assert [s.outcome for s in trace.counted] == [Outcome.EXECUTED, Outcome.REUSED]


def test_time_spent_twice_at_once_is_counted_once() -> None:
    (step,) = steps(log(vertex("[s 1/1] RUN x", "d", 1, 3), vertex("[s 1/1] RUN x", "d", 2, 5))).steps
    assert step.seconds == pytest.approx(4)


def test_a_file_from_the_network_has_no_inputs_and_is_judged_by_its_cached_flag() -> None:
    missed = steps(log(vertex("[s 1/1] ADD https://x /x", "d", 1, 3, inputs=[]))).steps[0]
    hit = steps(
        log(*(vertex("[s 1/1] ADD https://x /x", "d", 1 + n, 2 + n, inputs=[], cached=bool(n)) for n in (0, 1)))
    )
    assert (missed.outcome, hit.steps[0].outcome) == (Outcome.EXECUTED, Outcome.REUSED)


def test_a_hit_whose_layers_are_only_transferred_is_no_execution() -> None:
    hit = vertex("[s 1/1] RUN x", "d", 1, 2, cached=True)
    moving = vertex("[s 1/1] RUN x", "d", 2, 9, inputs=[])
    read_cache = vertex("importing cache manifest from r", "i", 0, 1, inputs=[])
    blob = {"id": "sha256:abc", "vertex": "sha256:d", "current": 7, "total": 7, "timestamp": at(3)}
    assert steps(log(hit, moving)).steps[0].outcome is Outcome.REUSED
    step = next(s for s in steps(log(hit, moving, read_cache, statuses=(blob,))).steps if s.name.verb == "RUN")
    assert (step.outcome, step.transferred) == (Outcome.IMPORTED, 7)


def sent(start: float) -> dict[str, object]:
    return vertex("[internal] load build definition from Dockerfile", "i", start, start, inputs=[])


def test_what_another_build_had_finished_before_was_there_already() -> None:
    """Recorded while another build ran on the engine: the vertex comes with that build's times."""
    trace = steps(
        log(sent(10), vertex("[s 1/2] RUN x", "d", 1, 3), vertex("[s 2/2] RUN y", "e", 11, 12, inputs=["sha256:i"]))
    )
    assert [(s.outcome, s.seconds) for s in trace.counted] == [(Outcome.REUSED, 0), (Outcome.EXECUTED, 1)]
    assert all((s.started or 0) > 1767225609 for s in trace.counted)


def test_what_another_build_executes_at_the_same_time_is_shared_with_it() -> None:
    (step,) = steps(log(sent(10), vertex("[s 1/1] RUN x", "d", 1, 12))).counted
    assert (step.outcome, round(step.seconds)) == (Outcome.SHARED, 2)


# what another build runs meanwhile: COPY --from=account onto it, and this project's own steps on that
ACCOUNT, CONTEXT = {"inputs": ["sha256:account"]}, {"inputs": ["sha256:i", "sha256:account"]}


@pytest.mark.parametrize("ended", [9.0, 11.0])
@pytest.mark.parametrize(
    ("own", "outcome", "beside"),
    [
        (vertex("[s 1/2] COPY --from=account /out/ /", "c", 12, 13, **ACCOUNT), Outcome.SHARED, True),
        (vertex("[s 1/2] RUN pack", "c", 12, 13, **ACCOUNT), Outcome.SHARED, True),
        # a command that reads files may have had to run for these
        (vertex("[s 1/2] RUN go build", "c", 12, 13, **CONTEXT), Outcome.EXECUTED, True),
        (vertex("[s 1/2] COPY other /", "c", 12, 13, inputs=["sha256:i"]), Outcome.EXECUTED, False),
        (vertex("[s 1/2] RUN fails", "c", 12, 13, **ACCOUNT, error="exit code: 1"), Outcome.EXECUTED, False),
        (vertex("[s 1/2] RUN cached", "c", 12, 12, **ACCOUNT, cached=True), Outcome.REUSED, False),
    ],
)
def test_what_runs_again_because_another_build_runs_what_it_copies_from_is_no_miss(
    ended: float, own: dict[str, object], outcome: Outcome, beside: bool
) -> None:
    trace = steps(log(sent(10), vertex("[account 1/1] RUN x", "account", 1, ended), own))
    found = next(step for step in trace.counted if step.name.stage == "s")
    assert (found.outcome, found.beside) == (outcome, beside)


def test_what_builds_on_no_files_is_the_other_builds_as_well_while_there_is_one() -> None:
    """The other build began first and has --no-cache; BuildKit runs its steps anew for both, whenever it gets to them."""

    def outcomes(*others: dict[str, object]) -> list[str]:
        scripts = vertex("[shell 1/1] COPY <<EOF /programs", "s", 12, 13, inputs=[])
        scripts["inputs"] = ["sha256:inline"]
        compiled = vertex("[s 1/1] RUN go build", "b", 14, 15, inputs=["sha256:i", "sha256:s"])
        trace = steps(log(sent(10), *others, scripts, compiled))
        return [str(step.outcome) for step in trace.counted if step.name.stage != "account"]

    assert outcomes() == ["executed", "executed"]
    assert outcomes(vertex("[account 1/1] RUN x", "account", 1, 9)) == ["shared", "executed"]


def test_what_builds_on_such_a_step_is_none_either_unless_it_has_a_reason_of_its_own() -> None:
    def outcomes(*compiled: dict[str, object]) -> list[str]:
        copied = vertex("[s 1/2] COPY --from=account /out/ /", "c", 12, 13, **ACCOUNT)
        binary = vertex("[s 2/2] COPY --from=compile /out/ /", "b", 14, 15, inputs=["sha256:c", "sha256:compile"])
        trace = steps(log(sent(10), vertex("[account 1/1] RUN x", "account", 1, 9), *compiled, copied, binary))
        return [str(step.outcome) for step in trace.counted if step.name.stage == "s"]

    assert outcomes(vertex("[compile 1/1] RUN go build", "compile", 11, 11, cached=True)) == ["shared", "shared"]
    assert outcomes(vertex("[compile 1/1] COPY . .", "compile", 11, 12, inputs=["sha256:i"])) == ["shared", "executed"]
    assert outcomes(vertex("[compile 1/1] RUN go build", "compile", 11, 12, **CONTEXT)) == ["shared", "executed"]


def test_a_recorded_build_beside_another_that_runs_shared_steps_anew_has_no_miss() -> None:
    """The other build began first, with --no-cache: account ran after this run had begun, for both."""
    dockerfile = """
        FROM alpine:3.22 AS account
        RUN mkdir /out && echo recorded >/out/id
        FROM alpine:3.22 AS compile
        RUN --mount=type=bind,target=/src mkdir /out && cp /src/f /out/one
        FROM scratch AS one
        COPY --from=account /out/ /
        COPY --from=compile /out/one /
    """
    made = Made(stages=reached("one", {s.name: s for s in stages_of(dockerfile)}), platforms=("linux/amd64",))

    def seen(name: str) -> Trace:
        own = OwnNames({"one": made, "other": made})
        return steps(EventLog.read([own.line(line).encode() for line in recording(name).decode().splitlines(True)]))

    trace = seen("beside")
    assert counts(trace) == {"reused": 4, "shared": 6}
    assert {s.name.label for s in trace.counted if s.beside and s.seconds} == {
        "user account",
        "one: copy user account",
        "one: copy binary",
    }
    assert {s.name.stage for s in trace.counted} == {"account", "compile", "one"}
    edited = [s.name.label for s in seen("beside-edit").counted if s.outcome is Outcome.EXECUTED]
    assert edited == ["go build", "one: copy binary"]


def test_no_recorded_step_began_before_its_run() -> None:
    for name in NAMES:
        trace = steps(read(name))
        begin = min(s.started for s in trace.steps if s.name.kind is StepKind.CONTEXT and s.started)
        assert all(s.started >= begin - 1 for s in trace.steps if s.started)


def test_inputs_that_go_in_circles_do_no_harm() -> None:
    trace = steps(
        log(
            vertex("[s 1/2] RUN x", "d", 1, 2, inputs=["sha256:e"]),
            vertex("[s 2/2] RUN y", "e", 1, 2, inputs=["sha256:d"]),
        )
    )
    assert len(trace.steps) == 2


def test_an_empty_log_has_no_steps() -> None:
    trace = steps(EventLog())
    assert (trace.steps, trace.failed, trace.warnings) == ((), (), ())
