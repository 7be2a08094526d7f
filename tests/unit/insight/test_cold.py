"""Time saved is against the last cold run of the same targets."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from gobake.insight.cold import is_cold, last_cold
from gobake.insight.scorecard import scorecard
from gobake.runs.record import ColdRecord, GoRecord, RunRecord
from tests.unit.scoring import before, recorded, run, step, target


def built(at: int, compiled: int = 0, packages: int = 2, **more: Any) -> RunRecord:
    """A run whose Go compiled some of its packages."""
    paths = tuple((f"p{number}", 1.0) for number in range(compiled))
    go = (GoRecord(platform="linux/amd64", packages=packages, compiled=paths, linked=()),)
    outcome = "executed" if compiled else "reused"
    return run(step(1, outcome), at=at, **{"go": go, "seconds": 100.0 + at, "builder": "default", **more})


def test_cold_is_what_compiles_everything_and_ends_well() -> None:
    assert is_cold(built(1, 2))
    assert not is_cold(built(1, 1))
    assert not is_cold(built(1, 0, 0))
    assert not is_cold(built(1, 2, outcome="failed"))
    assert is_cold(run(step(0, "reused", instruction="FROM alpine"), step(1, "executed")))  # without Go
    assert not is_cold(run(step(1, "reused")))
    assert not is_cold(run())


def test_real_runs_are_compared_with_the_cold_one_of_as_many_targets() -> None:
    for name in ("edit", "warm", "cold"):
        card = scorecard(recorded(name), before(name))
        assert card.cold == ColdRecord(run=recorded("cold").id, seconds=recorded("cold").seconds)
        assert card.saved == recorded("cold").seconds - recorded(name).seconds
    assert scorecard(recorded("exported"), before("exported")).saved is None  # of fewer targets
    assert scorecard(recorded("bare"), before("bare")).saved == 0.0  # cold itself


def test_the_last_cold_run_of_the_same_targets_on_the_same_builder_counts() -> None:
    old, new, other = built(1, 2), built(2, 2), built(3, 2, targets=(target("worker"),))
    assert last_cold(built(5), [built(4), other, new, old]) == ColdRecord(run=new.id, seconds=102.0)
    assert last_cold(built(5), [built(4), other]) is None
    foreign = built(3, 2, machine="2", builder="remote")
    assert last_cold(built(5, machine="1"), [foreign]) is None


def test_runners_of_a_ci_are_compared_with_each_other_unless_the_builder_has_a_cold_run_itself() -> None:
    there, here = built(3, 2, machine="2"), built(2, 2, machine="1")
    assert last_cold(built(5, machine="1"), [there]) == ColdRecord(run=there.id, seconds=103.0)
    assert last_cold(built(5, machine="1"), [there, here]) == ColdRecord(run=here.id, seconds=102.0)


def test_a_cold_run_is_not_forgotten_after_many_warm_ones() -> None:
    cold = ColdRecord(run="20250101-000000-000000", seconds=177.0)
    earlier = [replace(built(at), cold=cold) for at in range(40, 2, -1)]
    assert last_cold(built(41), earlier) == cold
    card = scorecard(replace(built(41), cold=cold), [])
    assert card.saved == 177.0 - 141.0


@pytest.mark.parametrize("outcome", ["failed", "interrupted"])
def test_a_run_that_did_not_end_well_saved_nothing_that_is_known(outcome: str) -> None:
    assert scorecard(built(2, outcome=outcome), [built(1, 2)]).saved is None
