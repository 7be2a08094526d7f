"""The figures as values: what nobody counted is zero, and digests keep their length."""

from __future__ import annotations

from gobake.insight.card import GoFigures, StepFigures, WorkSaved, work_of
from gobake.insight.causes import Cause, Miss, PackageCause
from tests.unit.scoring import run, target


def test_what_nobody_counted_is_zero() -> None:
    assert StepFigures() == StepFigures(reused=0, imported=0, shared=0, executed=0, uncacheable=0, unknown=0)
    assert GoFigures(total=5, compiled=2, linked=1).seconds == 0.0
    assert WorkSaved(steps=1.0, packages=1.0, cost=1.0).unknown == 0
    miss = Miss(target="a", platform="", step=3, label="a", cause=Cause.UNKNOWN, says="?")
    assert (miss.follow, miss.seconds) == (0, 0.0)
    assert PackageCause(platform="", cause=Cause.UNKNOWN, says="?", root="", packages=("p",)).seconds == 0.0


def test_packages_that_were_not_compiled_came_from_go_s_cache() -> None:
    go = GoFigures(total=5, compiled=2, linked=1)
    assert (go.cached, go.hit_rate) == (3, 0.6)
    assert GoFigures(total=0, compiled=0, linked=0).hit_rate is None


def test_saved_seconds_are_those_of_steps_and_packages_without_the_cost() -> None:
    assert WorkSaved(steps=5.0, packages=3.0, cost=2.0).seconds == 6.0


def test_equal_work_has_equal_hashes_of_sixteen_digits() -> None:
    hashed = work_of(run())
    assert len(hashed) == 16
    assert int(hashed, 16)
    assert work_of(run(targets=(target(images=("other:tag",)),))) == hashed
