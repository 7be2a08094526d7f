"""A matrix is split over runners: everything once, evenly, and always the same; what others wrote as a plan is checked."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gobake.errors import UsageError
from gobake.model import BuildOptions, Platform, Strategy, Target
from gobake.targets.shard_file import as_matrix, found_in, from_matrix
from gobake.targets.shards import By, Shard, ShardPlan, Work, split, work_of
from tests.unit.targets.test_matrix import AMD64, ARM64, RISCV, service

PLATFORMS = (AMD64, ARM64, RISCV, Platform(os="linux", arch="arm", variant="v7"))
SECONDS = st.floats(0, 500, allow_nan=False)


@st.composite
def works(draw: st.DrawFn, most: int = 12) -> tuple[Work, ...]:
    names = [f"s{at}" for at in range(draw(st.integers(1, most)))]
    found = []
    for name in names:
        own = draw(st.lists(st.sampled_from(PLATFORMS), min_size=1, max_size=4, unique=True))
        stage = draw(st.sampled_from(["one", "two", "three"]))
        found += [Work(platform=p, service=name, stage=stage, seconds=draw(SECONDS) + 0.01) for p in own]
    return tuple(found)


def pieces(shards: Sequence[Shard]) -> list[tuple[str, Platform]]:
    return sorted((name, platform) for shard in shards for name, own in shard.parts for platform in own)


def plan_of(shards: Sequence[Shard]) -> ShardPlan:
    return ShardPlan(project="shop", revision="ab" * 20, every_strategy=False, shards=tuple(shards))


@settings(max_examples=200, deadline=None)
@given(works(), st.sampled_from(By), st.integers(1, 20), st.randoms(use_true_random=False))
def test_all_work_is_in_exactly_one_of_at_most_n_shards_in_whatever_order_it_is_given(
    work: tuple[Work, ...], by: By, count: int, order: random.Random
) -> None:
    shards = split(work, by, count)
    assert pieces(shards) == sorted((one.service, one.platform) for one in work)
    assert len(shards) <= count
    assert all(shard.parts for shard in shards)
    assert len({shard.name for shard in shards}) == len(shards)
    others = list(work)
    order.shuffle(others)
    assert split(others, by, count) == shards
    plan = plan_of(shards)
    assert from_matrix(json.dumps(as_matrix(plan, {})).encode()) == plan_of([replace(s, seconds=0.0) for s in shards])


@settings(max_examples=50, deadline=None)
@given(works(), st.integers(1, 20))
def test_a_shard_is_whole_platforms_before_it_is_services(work: tuple[Work, ...], count: int) -> None:
    shards = split(work, By.BALANCED, count)
    platforms = {one.platform for one in work}
    if count <= len(platforms):
        assert len(shards) == count
        assert sorted(p for shard in shards for p in shard.platforms) == sorted(platforms)
    else:
        assert all(len(shard.platforms) == 1 for shard in shards)
        assert len(shards) == min(count, len(work))


@settings(max_examples=60, deadline=None)
@given(works(most=6), st.integers(1, 3))
def test_the_longest_shard_of_a_platform_takes_at_most_four_thirds_of_the_best(
    work: tuple[Work, ...], count: int
) -> None:
    own = {one.service: replace(one, platform=AMD64) for one in work}
    shards = split(list(own.values()), By.BALANCED, count)
    assert max(shard.seconds for shard in shards) <= 4 / 3 * _best([one.seconds for one in own.values()], count) + 1e-6


def _best(seconds: Sequence[float], count: int) -> float:
    """The shortest longest shard, by trying all."""
    found = []
    for places in itertools.product(range(count), repeat=len(seconds)):
        sums = [0.0] * count
        for place, one in zip(places, seconds, strict=True):
            sums[place] += one
        found.append(max(sums))
    return min(found)


def test_services_that_share_a_compile_stay_together_where_it_is_as_even() -> None:
    work = [Work(platform=AMD64, service=f"{stage}{at}", stage=stage, seconds=10) for stage in "ab" for at in (1, 2)]
    assert [shard.services for shard in split(work, By.BALANCED, 2)] == [("a1", "a2"), ("b1", "b2")]
    work = [Work(platform=AMD64, service=f"s{at}", stage="a" if at < 9 else "b", seconds=10) for at in range(10)]
    longest = max(split(work, By.BALANCED, 2), key=lambda shard: shard.seconds)
    assert longest.seconds <= 60


def test_more_shards_go_to_the_platform_that_takes_longer() -> None:
    work = [Work(platform=p, service=s, stage="", seconds=t) for p, t in ((AMD64, 1), (ARM64, 5)) for s in "abcd"]
    assert [shard.name for shard in split(work, By.BALANCED, 4)] == [
        "linux-amd64",
        "linux-arm64-1",
        "linux-arm64-2",
        "linux-arm64-3",
    ]


def targets(*names: str, strategies: Sequence[Strategy] = (Strategy.SCRATCH,)) -> list[Target]:
    return [
        Target(service=service(name), strategy=strategy, platforms=(AMD64, ARM64))
        for name in names
        for strategy in strategies
    ]


def test_all_strategies_of_a_service_are_one_piece_of_work() -> None:
    work = work_of(targets("api", "web", strategies=tuple(Strategy)), {})
    assert [(one.service, one.platform) for one in work] == [
        (name, platform) for platform in (AMD64, ARM64) for name in ("api", "web")
    ]


def test_what_no_run_has_built_is_estimated_by_what_others_took() -> None:
    work = work_of(targets("api", "web", "new"), {("api", "linux/amd64"): 30.0, ("web", "linux/amd64"): 10.0})
    assert {(one.service, str(one.platform)): one.seconds for one in work} == {
        ("api", "linux/amd64"): 30.0,
        ("web", "linux/amd64"): 10.0,
        ("new", "linux/amd64"): 20.0,
        **{(name, "linux/arm64"): 20.0 for name in ("api", "web", "new")},
    }


def test_services_with_other_build_options_or_another_module_have_another_compile() -> None:
    plain, tagged = service("a"), service("b", BuildOptions(tags=("x",)))
    moved = replace(service("c"), build_root=PurePosixPath("tools"))
    work = work_of(
        [Target(service=s, strategy=Strategy.ALPINE, platforms=(AMD64,)) for s in (plain, tagged, moved)], {}
    )
    assert len({one.stage for one in work}) == 3


def test_without_work_there_are_no_shards() -> None:
    assert split((), By.BALANCED, 4) == ()
    assert from_matrix(b'{"include": []}') is None


# ---- as JSON


def matrix(by: By = By.BALANCED, count: int | None = 4) -> dict[str, Any]:
    return as_matrix(plan_of(split(work_of(targets("api", "web", "worker"), {}), by, count)), {})


def test_the_runners_are_githubs_own_unless_others_are_named() -> None:
    plan = plan_of(split(work_of(targets("api"), {}), By.PLATFORM))
    assert [row["runner"] for row in as_matrix(plan, {})["include"]] == ["ubuntu-24.04", "ubuntu-24.04-arm"]
    both = plan_of(split(work_of(targets("api"), {}), By.SERVICE))
    assert [row["runner"] for row in as_matrix(both, {"linux/amd64": "large"})["include"]] == ["large"]


def test_platforms_that_some_services_do_not_have_are_told_apart() -> None:
    few = [Work(platform=AMD64, service="api", stage="", seconds=1)]
    work = [*few, *(Work(platform=p, service="web", stage="", seconds=1) for p in (AMD64, ARM64))]
    (row,) = as_matrix(plan_of(split(work, By.BALANCED, 1)), {})["include"]
    assert (row["platforms"], row["services"], row["only"]) == ("linux/amd64,linux/arm64", "api web", "api=linux/amd64")


def changed(**fields: str) -> dict[str, Any]:
    found = matrix()
    found["include"][0].update(fields)
    return found


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ("", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"include": [1]}', "is not an object"),
        ('{"include": [{}]}', "lacks 'project'"),
        (json.dumps({"include": [{}] * 2000}), "more than 1000 shards"),
        ("[" * 100_000, "nested too deeply"),
        (changed(name="../x"), "invalid name"),
        (changed(services="api;rm"), "invalid name of a service"),
        (changed(platforms="linux/amd64\x1b[31m"), "know no architecture"),
        (changed(platforms="windows/amd64"), "images are built for linux only"),
        (changed(shard="2/4"), "not numbered in order"),
        (changed(services="api api"), "twice"),
        (changed(services="apis"), "not as it was made"),
        (changed(revision="\x1b]0;x"), "is not a label"),
        ({"include": matrix()["include"][:-1]}, "not numbered in order"),
    ],
)
def test_a_plan_that_is_none_is_refused_in_one_line(found: object, says: str) -> None:
    with pytest.raises(UsageError) as error:
        from_matrix((found if isinstance(found, str) else json.dumps(found)).encode())
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_what_others_add_to_the_rows_changes_nothing() -> None:
    found = matrix()
    for row in found["include"]:
        row.update(extra="x", more={"y": 1})
    assert from_matrix(json.dumps(found).encode()) == from_matrix(json.dumps(matrix()).encode())


def test_a_shard_is_found_by_number_and_by_name() -> None:
    plan = from_matrix(json.dumps(matrix()).encode())
    assert plan is not None
    assert found_in(plan, "1/4") == found_in(plan, "linux-amd64-1") == plan.shards[0]
    assert found_in(plan, "5/6") is None
    assert found_in(None, "2/6") is None
    assert found_in(None, "linux-amd64-1") is None
    for wanted, says in (("1/3", "has 4 shards"), ("7/6", "has 4 shards"), ("x", "there is no shard 'x'")):
        with pytest.raises(UsageError, match=says):
            found_in(plan, wanted)
