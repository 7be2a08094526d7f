"""Earlier runs: how their steps are found, and which of the runs comes first."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from gobake.insight.past import Look, Past
from gobake.runs.record import RunRecord, TargetRecord
from tests.unit.explaining import run, step


def with_step(record: RunRecord, at: int, **changes: Any) -> RunRecord:
    steps = list(record.steps)
    steps[at] = replace(steps[at], **changes)
    return replace(record, steps=tuple(steps))


def target(name: str, *platforms: str) -> TargetRecord:
    return TargetRecord(name=name, service=name, strategy="scratch", platforms=platforms, images=())


@pytest.mark.parametrize("outcome", ["executed", "shared", "reused", "imported", "unknown"])
def test_a_step_that_ended_with_a_result_is_found(outcome: str) -> None:
    look = Look(with_step(run(1), 2, outcome=outcome))
    assert look.find(Look(run(2)).places[2]) == 2


@pytest.mark.parametrize(
    "unlike",
    [{"outcome": "uncacheable"}, {"error": "exit 1"}, {"canceled": True}, {"started": None}, {"seconds": None}],
    ids=str,
)
def test_a_step_without_a_result_is_not_found(unlike: dict[str, Any]) -> None:
    assert Look(with_step(run(1), 2, **unlike)).find(Look(run(2)).places[2]) is None


def test_of_two_steps_at_one_place_the_first_is_found_unless_the_text_tells_them_apart() -> None:
    first, second = step("RUN one", "executed"), step("RUN two", "executed")
    look = Look(replace(run(1), steps=(first, second)))
    at_place = Look(replace(run(2), steps=(replace(first, instruction="RUN three"), second)))
    assert [look.find(place) for place in at_place.places] == [0, 1]


def test_without_a_platform_in_its_name_a_step_is_of_the_only_one() -> None:
    def platform(*targets: TargetRecord, of: str = "") -> str:
        return Look(with_step(run(1, targets=targets), 0, platform=of)).places[0].platform

    assert platform(target("a", "linux/arm64"), target("b", "linux/arm64")) == "linux/arm64"
    assert platform(target("a", "linux/arm64"), target("b", "linux/amd64")) == ""
    assert platform(target("a", "linux/arm64"), of="linux/s390x") == "linux/s390x"
    assert platform() == ""


@pytest.mark.parametrize(
    ("site", "index"),
    [("a-scratch linux/amd64 compile 12 RUN", 12), ("a-scratch linux/amd64 compile x RUN", 0), ("RUN", 0), ("3 RUN", 3), ("", 0)],
)  # fmt: skip
def test_the_number_of_an_instruction_is_in_its_site(site: str, index: int) -> None:
    place = Look(with_step(run(1), 2, site=site)).places[2]
    assert (place.index, place.verb, place.stage) == (index, "RUN", "compile")


def test_a_target_that_exports_the_cache_of_one_platform_is_that_target() -> None:
    look = Look(run(1, targets=(target("a"), target("b--c"))))
    assert [look.target_of(name) for name in ("a", "a--linux-arm64", "b--c", "other")] == ["a", "a", "b--c", "other"]


def test_steps_need_only_others_that_exist() -> None:
    look = Look(with_step(run(1), 2, needs=(0, 2, 3, 4, -1)))
    assert look.needs(2) == (0, 3)


def test_what_a_step_builds_on_comes_nearest_first_and_once() -> None:
    look = Look(with_step(run(1), 3, needs=(2, 0)))
    assert look.ancestors(3) == (2, 0, 1)
    assert look.ancestors(0) == ()
    circle = Look(with_step(run(1), 0, needs=(3,)))
    assert circle.ancestors(3) == (2, 1, 0)


def test_files_of_images_are_those_of_the_context_where_a_record_does_not_separate_them() -> None:
    inputs = replace(run(1).inputs, files=(("a", "1"),))
    assert Look(run(1, inputs=inputs)).copied == {"a": "1"}
    assert Look(run(1, inputs=replace(inputs, copied=(("b", "2"),)))).copied == {"b": "2"}


def test_runs_of_the_same_targets_come_first_and_the_run_itself_is_none_of_them() -> None:
    other = target("b-scratch", "linux/amd64")
    earlier = [run(5), run(4, targets=(other,)), run(3), run(2, targets=(*run(1).targets, other)), run(1)]
    past = Past(run(5), earlier)
    assert [look.run.id for look in past.looks] == [run(n).id for n in (3, 1, 4, 2)]


def test_the_last_run_that_had_a_step_is_the_first_of_all_that_had_it() -> None:
    past = Past(run(4), [with_step(run(3), 2, error="exit 1"), run(2), run(1)])
    place = Look(run(4)).places[2]
    assert [(found.look.run.id, found.at) for found in past.all(place)] == [(run(2).id, 2), (run(1).id, 2)]
    last = past.last(place)
    assert last is not None
    assert last.look.run.id == run(2).id
    assert Past(run(4), []).last(place) is None
