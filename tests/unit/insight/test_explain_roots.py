"""Which missed steps are told as causes, in which order, and which only follow from others."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from gobake.insight.causes import Cause, Miss
from gobake.insight.explain import explain
from gobake.runs.record import RunRecord, StepRecord
from tests.unit.explaining import COMPILE, compiled, gobuild, run, step

FILES = {"cmd/a/main.go": "0" * 16, "go.mod": "1" * 16}
EDITED = {**FILES, "cmd/a/main.go": "2" * 16}


def misses(record: RunRecord, *earlier: RunRecord) -> list[Miss]:
    return list(explain(record, earlier).misses)


def only(record: RunRecord, *earlier: RunRecord) -> Miss:
    (miss,) = explain(record, earlier).misses
    return miss


def causes(record: RunRecord, *earlier: RunRecord) -> list[Cause]:
    return [miss.cause for miss in misses(record, *earlier)]


def of(number: int, *steps: StepRecord, **more: Any) -> RunRecord:
    return replace(run(number, **more), steps=steps)


def at(started: float, made: StepRecord, **more: Any) -> StepRecord:
    return replace(made, started=started, **more)


# ---- the order


def test_steps_that_differ_come_first_each_in_the_order_of_their_start() -> None:
    def steps(text: str) -> tuple[StepRecord, ...]:
        return (
            at(0.2, step("USER me", "executed", index=1)),
            at(0.5, step(f"RUN {text}", "executed", index=2)),
            at(0.0, step(f"WORKDIR /{text}", "executed", index=3)),
            at(0.1, step("ENV a=b", "executed", index=4)),
        )

    found = misses(of(2, *steps("new")), of(1, *steps("old")))
    assert [miss.step for miss in found] == [2, 1, 3]
    assert [miss.follow for miss in found] == [0, 0, 1]  # USER and ENV were lost for one reason


def test_what_differs_in_several_steps_is_told_at_the_compile() -> None:
    def steps(text: str) -> tuple[StepRecord, ...]:
        other = at(0.0, step(f"RUN {text}", "executed", stage="tools", index=2))
        return other, at(5.0, step(f"{COMPILE} {text}", "executed", stage="compile", index=3))

    miss = only(of(2, *steps("new")), of(1, *steps("old")))
    assert (miss.step, miss.follow) == (1, 1)


def test_what_no_cache_or_no_record_explains_is_told_at_the_first_step() -> None:
    steps = (
        at(0.5, step(COMPILE, "executed", stage="compile", index=2)),
        at(0.0, step("RUN apt-get", "executed", stage="tools", index=1)),
    )
    first = only(of(2, *steps))
    assert (first.cause, first.step, first.follow) == (Cause.FIRST_RUN, 1, 1)
    assert first.says == "no earlier run is on record"
    asked = only(of(2, *steps, no_cache=True), of(1, *steps))
    assert (asked.cause, asked.step, asked.follow, asked.says) == (Cause.NO_CACHE, 1, 1, "--no-cache was asked for")


def test_a_step_that_no_run_had_is_told_from_a_first_run() -> None:
    record = of(2, step("RUN apt-get", "executed", stage="tools", index=7))
    assert only(record, run(1)).says == "no run on record had this step"


def test_packages_are_compared_with_the_newest_run_whatever_its_targets() -> None:
    keys = {"example.com/p/lib": "l1"}
    go = compiled(keys, {}, *keys)
    same = run(1, go=go, mounts=gobuild(0, 5_000_000))
    other = run(2, go=go, mounts=gobuild(0, 5_000_000), target="b-scratch")
    (cause,) = explain(run(3, go=go, mounts=gobuild(0, 5_000_000)), [other, same]).packages
    assert f"was filled in run {other.id}" in cause.says


# ---- work that targets share


def shared(text: str, digest: str, outcome: str, target: str) -> StepRecord:
    return replace(step(text, outcome, target=target, stage="tools"), digest=digest)


def test_a_step_that_another_target_executed_is_found_by_its_digest() -> None:
    steps = (shared("RUN b", "sha256:1", "shared", "b-scratch"), shared("RUN a", "sha256:1", "executed", "a-scratch"))
    miss = only(of(2, *steps))
    assert (miss.step, miss.target, miss.targets, miss.seconds) == (1, "a-scratch", ("b-scratch", "a-scratch"), 1.0)


def test_a_step_of_another_digest_is_found_by_its_platform_stage_and_text() -> None:
    steps = (shared("RUN a", "sha256:2", "shared", "b-scratch"), shared("RUN a", "sha256:1", "executed", "a-scratch"))
    assert only(of(2, *steps)).step == 1
    assert only(of(2, *(replace(one, digest="") for one in steps))).step == 1


def test_a_shared_step_that_nobody_executed_stands_for_itself() -> None:
    lone = shared("RUN a", "sha256:2", "shared", "b-scratch")
    never = replace(shared("RUN a", "sha256:2", "executed", "a-scratch"), started=None)
    assert only(of(2, lone, never)).step == 0
    other = shared("RUN c", "", "executed", "a-scratch")
    assert {miss.step for miss in misses(of(2, replace(lone, digest=""), other), of(1, lone))} == {0, 1}


# ---- what follows


def test_a_step_follows_from_one_that_comes_after_it_in_the_record() -> None:
    def steps(made: RunRecord) -> RunRecord:
        copied = replace(made.steps[3], needs=(1,))
        return replace(made, steps=(copied, replace(made.steps[2], needs=())))

    miss = only(steps(run(2, files=EDITED)), steps(run(1)))
    assert (miss.cause, miss.step, miss.follow) == (Cause.FILES, 1, 1)


def test_a_base_image_that_was_fetched_again_is_told_where_a_step_follows_from_it_alone() -> None:
    found = misses(run(2, "eeee", files=EDITED), run(1))
    assert [(miss.cause, miss.step, miss.follow) for miss in found] == [(Cause.FILES, 2, 1), (Cause.PRUNED, 0, 1)]


def test_a_base_image_is_not_told_where_what_is_built_on_it_has_another_reason_too() -> None:
    def steps(made: RunRecord) -> RunRecord:
        base = step("FROM alpine", "executed")
        compiling = replace(made.steps[2], needs=())
        return replace(made, steps=(base, compiling, replace(made.steps[3], needs=(0, 1))))

    assert causes(steps(run(2, files=EDITED)), steps(run(1))) == [Cause.FILES]


def test_a_base_image_is_told_where_no_other_cause_concerns_its_targets() -> None:
    other = at(0.0, step("FROM alpine", "executed", target="b-scratch"))
    now, then = run(2, "rree", files=EDITED), run(1)
    found = misses(replace(now, steps=(*now.steps, other)), replace(then, steps=(*then.steps, other)))
    assert [(miss.cause, miss.target) for miss in found] == [(Cause.FILES, "a-scratch"), (Cause.PRUNED, "b-scratch")]


ALL_MODULE_FILES = {"go.mod": "2" * 16, "go.sum": "2" * 16, "go.work": "2" * 16, "go.work.sum": "2" * 16}


def test_a_new_go_changes_module_files_too_and_is_told_once_but_edits_are_told_beside_it() -> None:
    newer: dict[str, Any] = {"go_base": "docker.io/library/golang:1.27", "go_version": "1.27"}
    assert causes(run(2, files={**FILES, **ALL_MODULE_FILES}, **newer), run(1)) == [Cause.GO_VERSION]
    assert causes(run(2, files=EDITED, **newer), run(1)) == [Cause.GO_VERSION, Cause.FILES]
    assert causes(run(2, files={**FILES, "go.mod": "2" * 16}, base="2"), run(1)) == [Cause.BASE, Cause.FILES]


def test_module_files_are_told_where_an_argument_changed_with_them() -> None:
    now = run(
        2,
        files={**FILES, "go.mod": "2" * 16},
        arguments={"tags": "x", "env:CC": "clang"},
        go_base="docker.io/library/golang:1.27",
        go_version="1.27",
    )
    assert causes(now, run(1)) == [Cause.GO_VERSION, Cause.ARGUMENT]


# ---- steps above


def test_steps_above_that_have_no_counterpart_or_are_housekeeping_explain_nothing() -> None:
    def above(made: RunRecord, extra: StepRecord) -> RunRecord:
        compiling = replace(made.steps[2], needs=(1, 4))
        return replace(made, steps=(*made.steps[:2], compiling, made.steps[3], extra))

    then = run(1)
    new = step("RUN apt-get", "reused", stage="tools", index=7)
    assert causes(above(run(2, "rree"), new), then) == [Cause.PRUNED]
    loading = step("LOAD a", "uncacheable", stage="tools", index=7)
    before = above(then, step("LOAD b", "executed", stage="tools", index=7))
    assert causes(above(run(2, "rree"), loading), before) == [Cause.PRUNED]
    other = step("LOAD a", "reused", stage="tools", index=7)
    miss = only(above(run(2, "rree"), other), before)
    assert (miss.cause, miss.says) == (
        Cause.UPSTREAM,
        "a step that it builds on is another: the LOAD instruction is another",
    )


def test_any_run_that_had_the_same_step_on_this_builder_tells_that_it_was_here() -> None:
    now, elsewhere = run(3, "rree", machine="1"), run(2, machine="2")
    miss = only(now, elsewhere, run(1, machine="1"))
    assert (miss.cause, miss.compared_with) == (Cause.PRUNED, elsewhere.id)
    assert f"had it in run {run(1).id}" in miss.says


def test_a_run_of_this_builder_with_other_files_did_not_have_the_step() -> None:
    now, elsewhere = run(3, "rree", machine="1"), run(2, machine="2")
    assert causes(now, elsewhere, run(1, machine="1", files=EDITED)) == [Cause.OTHER_BUILDER]
    assert causes(now, elsewhere, run(1, machine="1", base="2")) == [Cause.OTHER_BUILDER]


# ---- a miss


def test_a_miss_tells_its_place_and_the_seconds_of_what_follows() -> None:
    miss = only(run(2, "rree", files=EDITED), run(1))
    assert (miss.label, miss.platform, miss.platforms) == (
        "go build linux/amd64",
        "linux/amd64",
        ("linux/amd64",),
    )
    assert (miss.targets, miss.seconds) == (("a-scratch",), 1.0)  # both ran at once
    now = run(2, "rree", files=EDITED)
    unfinished = (*now.steps[:3], replace(now.steps[3], seconds=None))
    assert only(replace(now, steps=unfinished), run(1)).seconds == 1.0
    last = only(run(2, "rrre"), run(1))
    assert last.label.endswith("linux/amd64: copy binary")


def test_gobake_s_own_target_is_named_only_where_no_other_missed() -> None:
    trace = replace(step("RUN a", "executed", target="trace", stage="tools"), digest="sha256:1")
    both = of(2, trace, shared("RUN a", "sha256:1", "shared", "b-scratch"))
    assert (only(both).target, only(both).targets) == ("b-scratch", ("b-scratch",))
    assert (only(of(2, trace)).target, only(of(2, trace)).targets) == ("trace", ("trace",))


def test_causes_of_the_same_words_are_told_once_for_all_their_targets_and_platforms() -> None:
    one = at(1.0, step("RUN a", "executed", stage="tools"))
    other = at(0.0, step("RUN a", "executed", stage="tools", target="b-scratch"), platform="linux/arm64")
    miss = only(of(2, one, other))
    assert (miss.step, miss.targets, miss.follow) == (1, ("b-scratch", "a-scratch"), 1)
    assert miss.platforms == ("linux/amd64", "linux/arm64")
