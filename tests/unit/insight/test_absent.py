"""What is said of a step whose inputs are as they were, and that no cache had."""

from __future__ import annotations

from typing import Any

import pytest

from gobake.insight import absent
from gobake.insight.causes import Cause, Miss
from gobake.insight.explain import explain
from gobake.insight.past import Look
from gobake.runs.record import CacheRecord, RunRecord
from tests.unit.explaining import run

BEFORE = "20261125-000001-aaaaaa"


def only(record: RunRecord, *earlier: RunRecord) -> Miss:
    (miss,) = explain(record, earlier).misses
    return miss


def cache(
    direction: str, ref: str = "r/c:t", *, target: str = "a-scratch", found: bool | None = None, error: str = ""
) -> CacheRecord:
    return CacheRecord(direction=direction, target=target, ref=ref, seconds=1.0, found=found, error=error)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"machine": "1"}, {"machine": "1", "builder": "renamed"}, True),
        ({"machine": "1"}, {"machine": "2"}, False),
        ({"machine": "1"}, {}, True),  # an older record does not hold the machine
        ({"machine": "1"}, {"builder": "other"}, False),
        ({}, {"driver": "remote"}, False),
        ({}, {"nodes": (("n0", "linux/arm64"),)}, False),
    ],
)
def test_builders_are_told_apart_by_machine_and_only_without_one_by_name(
    one: dict[str, Any], other: dict[str, Any], same: bool
) -> None:
    assert absent.same_builder(run(1, **one), run(2, **other)) is same
    assert absent.same_builder(run(2, **other), run(1, **one)) is same


WRITTEN = {"machine": "1", "caches": (cache("export"),)}


@pytest.mark.parametrize(
    ("now", "before", "says"),
    [
        ({}, {}, f"builder default had it in run {BEFORE}: it was pruned, or collected as garbage"),
        ({"bare": True}, {}, f"builder default had it in run {BEFORE}: it began empty"),
        (
            {"builder": ""},
            {"builder": ""},
            f"builder default had it in run {BEFORE}: it was pruned, or collected as garbage",
        ),
        (
            {"builder": "mine"},
            {"builder": "theirs"},
            f"builder theirs had it in run {BEFORE}, and this builder never did",
        ),
        (
            {"builder": "mine", "machine": "2"},
            {"builder": "mine", "machine": "1"},
            f"another mine had it in run {BEFORE}, and this builder never did",
        ),
        (
            {"machine": "2"},
            WRITTEN,
            "this builder never had it, and policy in use with no store imported no layers, "
            f"though run {BEFORE} had written them",
        ),
        (
            {"machine": "2", "cache_policy": "dev", "cache_store": "r/c"},
            WRITTEN,
            "this builder never had it, and policy dev with r/c imported no layers, "
            f"though run {BEFORE} had written them",
        ),
        ({"caches": (cache("import", found=False),)}, WRITTEN, "the cache r/c:t, written before, is not there"),
        ({"caches": (cache("import", error="refused"),)}, {}, "the cache r/c:t could not be read: refused"),
    ],
)
def test_it_is_said_who_had_the_step_and_what_became_of_it(
    now: dict[str, Any], before: dict[str, Any], says: str
) -> None:
    assert only(run(2, "rree", **now), run(1, **before)).says == f"nothing changed; {says}"


def test_without_a_run_that_had_the_same_step_nothing_is_guessed() -> None:
    assert absent.why(Look(run(2)), ["a-scratch"], []) == (Cause.UNKNOWN, "nothing on record tells why")


def test_the_caches_of_other_targets_explain_nothing() -> None:
    now = run(2, "rree", caches=(cache("import", target="b-scratch", error="refused"),))
    assert only(now, run(1)).cause is Cause.PRUNED


def test_the_target_s_own_caches_come_before_those_of_the_compile_stages() -> None:
    compiles = cache("import", "r/c:trace", target="trace", error="refused")
    now = run(2, "rree", caches=(compiles,))
    assert only(now, run(1)).says == "nothing changed; the cache r/c:trace could not be read: refused"
    now = run(2, "rree", caches=(compiles, cache("import", "r/c:own", error="denied")))
    assert only(now, run(1)).says == "nothing changed; the cache r/c:own could not be read: denied"


def test_a_cache_whose_export_failed_was_never_written() -> None:
    now = run(2, "rree", caches=(cache("import", found=False),))
    assert only(now, run(1, caches=(cache("export", error="denied"),))).cause is Cause.PRUNED


def test_one_cache_that_was_there_excuses_the_one_that_was_not() -> None:
    caches = (cache("import", found=False), cache("import", "r/c:main", found=True))
    assert only(run(2, "rree", caches=caches), run(1, caches=(cache("export"),))).cause is Cause.PRUNED
