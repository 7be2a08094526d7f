"""What cached work cost when it was last done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gobake.insight.costs import last_costs, longest
from gobake.insight.identity import step_keys
from gobake.runs.record import CacheRecord, GoRecord, RunRecord, StepRecord
from tests.unit.scoring import run, step


def costs(record: RunRecord, *earlier: RunRecord) -> dict[int, float]:
    """Last costs by the position of the step."""
    found = last_costs(record, earlier)
    return {at: found.steps[key] for at, key in enumerate(step_keys(record)) if key in found.steps}


@pytest.mark.parametrize("outcome", ["reused", "imported", "unknown"])
def test_a_cached_step_costs_what_its_last_execution_took(outcome: str) -> None:
    first, second = run(step(1, "executed", 9.0)), run(step(1, "executed", 0.5))
    assert costs(run(step(1, outcome)), second, first) == {0: 0.5}


@pytest.mark.parametrize("now", [step(1, "executed"), step(1, "shared"), step(1, "reused", started=None)])
def test_steps_that_were_done_or_never_reached_have_no_last_cost(now: StepRecord) -> None:
    other = step(2, "reused")
    assert costs(run(now, other), run(step(1, "executed", 9.0), step(2, "executed", 1.0))) == {1: 1.0}


@pytest.mark.parametrize(
    "was", [step(1, "executed", None), step(1, "executed", 9.0, error="exit 1"), step(1, "reused", 9.0)]
)
def test_only_steps_that_were_executed_to_their_end_tell_a_cost(was: StepRecord) -> None:
    assert costs(run(step(1, "reused")), run(was, step(2, "executed", 1.0)), run(step(1, "executed", 4.0))) == {0: 4.0}


def test_of_a_step_that_was_done_in_parts_the_longest_tells() -> None:
    parts = (step(1, "executed", 2.0), step(1, "executed", 6.0), step(1, "executed", 3.0))
    assert costs(run(step(1, "reused")), run(*parts)) == {0: 6.0}


def test_costs_are_found_again_after_another_projects_build_named_the_base() -> None:
    def built(outcome: str, platform: str) -> RunRecord:
        base = step(0, "reused", instruction="FROM golang:1.26", platform=platform)
        return run(base, step(1, outcome, 9.0, needs=(0,)), step(2, outcome, 1.0, needs=(1,)))

    assert costs(built("reused", ""), built("executed", "linux/amd64")) == {1: 9.0, 2: 1.0}


def test_what_was_last_done_more_than_twenty_runs_ago_is_unknown() -> None:
    others = [run(step(2, "executed")) for _ in range(19)]
    there = run(step(1, "executed", 4.0))
    assert costs(run(step(1, "reused")), *others, there) == {0: 4.0}
    assert costs(run(step(1, "reused")), *others, others[0], there) == {}


def test_packages_cost_what_their_last_compile_took_on_the_same_platform() -> None:
    def go(platform: str, *compiled: tuple[str, float], cached: tuple[str, ...] = ()) -> GoRecord:
        actions = tuple((path, "key") for path in (*cached, *(path for path, _ in compiled)))
        return GoRecord(platform=platform, packages=3, compiled=compiled, linked=(), actions=actions)

    record = run(go=(go("amd64", ("own", 1.0), cached=("fmt", "os")),))
    second = run(go=(go("amd64", ("fmt", 2.0), ("own", 2.0)),))
    first = run(go=(go("amd64", ("fmt", 7.0)), go("arm64", ("os", 7.0))))
    assert last_costs(record, [second, first]).packages == {("amd64", "fmt"): 2.0}


def test_layer_caches_cost_as_much_as_the_longest() -> None:
    caches = [
        CacheRecord(direction=direction, target="a", ref="r", seconds=seconds)
        for direction, seconds in (("import", 1.0), ("import", 3.0), ("export", 5.0), ("export", None))
    ]
    assert (longest(caches, "import"), longest(caches, "export")) == (3.0, 5.0)
    assert longest(caches[3:], "export") is None


class Counted(list[RunRecord]):
    """Runs, and how many of them were read."""

    read = 0

    def __iter__(self) -> Iterator[RunRecord]:
        for record in super().__iter__():
            self.read += 1
            yield record


def test_no_more_runs_are_read_than_are_needed() -> None:
    earlier = Counted(run(step(1, "executed", 1.0)) for _ in range(3))
    last_costs(run(step(1, "reused")), earlier)
    assert earlier.read == 1
    nothing = Counted(earlier[:])
    last_costs(run(step(1, "executed")), nothing)
    assert nothing.read == 0
