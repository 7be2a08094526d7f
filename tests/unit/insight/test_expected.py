"""What the last runs tell of a compile: its packages, and how long it will probably take."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gobake.insight.expected import Compiled, Expected, expected
from tests.unit.scoring import recorded

COLD = Compiled(
    platform="linux/amd64",
    packages=100,
    commands=(("shop/api", 80), ("shop/web", 60)),
    compiled=frozenset(f"p{number}" for number in range(100)),
    seconds=50.0,
)
EDIT = replace(COLD, compiled=frozenset({"p1", "p2"}), seconds=2.0)


def test_the_packages_of_the_same_commands_or_of_one_of_them_are_known() -> None:
    past = Expected(compiles=(COLD,))
    assert past.packages("linux/amd64", {"shop/api", "shop/web"}) == 100
    assert past.packages("linux/amd64", {"shop/web"}) == 60
    assert past.packages("linux/amd64", {"shop/new"}) == 0
    assert past.packages("linux/arm64", {"shop/web"}) == 0


def test_the_rest_is_that_of_the_smallest_compile_that_had_these_packages() -> None:
    past = Expected(compiles=(EDIT, COLD))
    assert past.seconds_left("linux/amd64", {"p1"}, 1.0) == pytest.approx(1.0)
    assert past.seconds_left("linux/amd64", {"p1", "p3"}, 1.0) == pytest.approx(49.0, abs=0.1)
    assert past.seconds_left("linux/amd64", {"other"}, 1.0) is None
    assert past.seconds_left("linux/amd64", set(), 1.0) is None


def test_the_pace_of_this_compile_counts_more_the_further_it_is() -> None:
    half = {f"p{number}" for number in range(50)}
    almost = {f"p{number}" for number in range(99)}
    past = Expected(compiles=(COLD,))
    assert past.seconds_left("linux/amd64", half, 100.0) == pytest.approx((25.0 + 100.0) / 2)
    assert past.seconds_left("linux/amd64", almost, 198.0) == pytest.approx(2.0, abs=0.1)


def test_records_tell_platforms_commands_and_the_seconds_of_the_compile() -> None:
    found = expected([recorded("cold")]).compiles
    assert {one.platform for one in found} == {"linux/amd64", "linux/arm64"}
    assert all(one.packages >= len(one.compiled) > 100 and one.seconds > 1 for one in found)
    assert expected([replace(recorded("cold"), go=())]).compiles == ()
