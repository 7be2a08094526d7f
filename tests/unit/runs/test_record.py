"""Records: JSON in and out, and what is no record."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gobake.runs.outcomes import Outcome, RunOutcome
from gobake.runs.record import (
    GoRecord,
    NewerRecord,
    RunRecord,
    SizeRecord,
    StepRecord,
    TargetRecord,
    UnreadableRecord,
    digests,
    from_json,
    new_id,
    to_json,
)

WHOLE = RunRecord(
    id="20261124-201530-3fa9c1",
    started=1795551330.25,
    seconds=12.5,
    outcome=RunOutcome.DONE,
    command=("gobake", "build", "api"),
    project="shop",
    root="/home/me/shop",
    revision="a" * 40,
    branch="main",
    dirty=True,
    nodes=(("default", "linux/amd64,linux/arm64"),),
    cache_policy="dev",
    targets=(
        TargetRecord(
            name="api-scratch",
            service="api",
            strategy="scratch",
            platforms=("linux/amd64",),
            images=("api:latest",),
            arguments=digests({"ldflags": "-s -w"}),
            sizes=(SizeRecord(platform="linux/amd64", compressed=5, uncompressed=None),),
        ),
    ),
    steps=(
        StepRecord(target="api-scratch", name="n", stage="s", platform="linux/amd64", instruction="RUN x", digest="d",
                   outcome=Outcome.EXECUTED, started=0.5, seconds=None, canceled=True, transferred=7),
    ),
    go=(GoRecord(platform="linux/amd64", packages=3, compiled=(("fmt", 0.03),), linked=()),),
    modules=(("rsc.io/quote", "v1.5.2"),),
    warnings=("w",),
)  # fmt: skip


def test_a_record_survives_json() -> None:
    assert from_json(json.loads(json.dumps(to_json(WHOLE)))) == WHOLE


def test_whole_numbers_are_read_where_fractions_are_meant() -> None:
    assert from_json(to_json(WHOLE) | {"seconds": 12}).seconds == 12.0


def test_fields_of_later_are_left_out() -> None:
    assert from_json(to_json(WHOLE) | {"of_tomorrow": [1]}) == WHOLE


def test_a_newer_schema_is_told_apart_from_damage() -> None:
    with pytest.raises(NewerRecord, match="has schema 2, and this gobake reads up to 1; use a newer one"):
        from_json(to_json(WHOLE) | {"schema": 2})


@pytest.mark.parametrize(
    "change",
    [
        {"schema": None},
        {"schema": True},
        {"schema": 0},
        {"id": 3},
        {"dirty": "yes"},
        {"seconds": True},
        {"seconds": float("nan")},
        {"seconds": "12"},
        {"targets": {}},
        {"targets": [1]},
        {"targets": [{"name": "x"}]},
        {"command": "gobake"},
        {"nodes": [["one"]]},
        {"nodes": [["one", "linux/amd64", "three"]]},
        {"modules": [[1, 2]]},
    ],
)
def test_what_does_not_fit_is_damaged(change: dict[str, Any]) -> None:
    with pytest.raises(UnreadableRecord, match="is damaged"):
        from_json(to_json(WHOLE) | change)


def test_a_missing_field_is_damage() -> None:
    data = to_json(WHOLE)
    del data["project"]
    with pytest.raises(UnreadableRecord, match="is damaged"):
        from_json(data)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5), lambda i: st.lists(i) | st.dictionaries(st.text(max_size=5), i)
    )
)
def test_any_json_is_a_record_or_unreadable(data: object) -> None:
    with pytest.raises(UnreadableRecord):
        from_json(data)


@given(
    st.dictionaries(
        st.sampled_from(list(to_json(WHOLE))),
        st.none() | st.integers() | st.text(max_size=3) | st.lists(st.none()),
        max_size=3,
    )
)
def test_a_damaged_field_raises_nothing_else(change: dict[str, Any]) -> None:
    try:
        from_json(to_json(WHOLE) | change)
    except UnreadableRecord:
        return


def test_values_of_arguments_are_not_kept() -> None:
    ((name, digest),) = digests({"TOKEN": "hunter2"})
    assert (name, len(digest)) == ("TOKEN", 64)
    assert "hunter2" not in digest


def test_ids_sort_by_time_and_differ_within_a_second() -> None:
    assert new_id(1795551330) < new_id(1795551331)
    assert all(new_id(1795551330.001) < new_id(1795551330.002) for _ in range(20))  # two warm runs in one second
    assert new_id(1795551330).startswith("20261124-")
    assert len({new_id(1795551330) for _ in range(20)}) == 20


def test_words_of_later_are_read_and_written_again() -> None:
    """A newer gobake may know further outcomes: such a run is listed under its own word."""
    newer = to_json(WHOLE) | {
        "outcome": "postponed",
        "steps": [to_json(WHOLE)["steps"][0] | {"outcome": "replayed"}],
        "seeds": [{"action": "shared", "name": "s"}],
    }
    read = from_json(newer)
    assert (read.outcome, read.steps[0].outcome, read.seeds[0].action) == ("postponed", "replayed", "shared")
    assert read.outcome not in tuple(RunOutcome)
    assert json.loads(json.dumps(to_json(read)))["outcome"] == "postponed"
    assert from_json(to_json(read)) == read


@pytest.mark.parametrize("word", [*RunOutcome])
def test_words_that_are_known_are_members(word: RunOutcome) -> None:
    assert from_json(to_json(WHOLE) | {"outcome": str(word)}).outcome is word
