"""Runs as today's gobake records them (recorded/record_runs.sh): what is kept, and what is concluded from it."""

from __future__ import annotations

import gzip
import json
from functools import cache

import pytest

from gobake.insight.explain import explain
from gobake.insight.scorecard import scorecard
from gobake.runs.outcomes import RunOutcome, SeedAction
from gobake.runs.record import RunRecord, from_json, to_json
from tests.unit.scoring import RECORDED

NAMES = ("stopped", "edit", "restored", "saved")  # newest first


@cache
def record(name: str) -> RunRecord:
    return from_json(json.loads(gzip.decompress((RECORDED.parent / "records" / f"{name}.json.gz").read_bytes())))


def before(name: str) -> list[RunRecord]:
    return [record(other) for other in NAMES[NAMES.index(name) + 1 :]]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_is_written_again(name: str) -> None:
    data = json.loads(gzip.decompress((RECORDED.parent / "records" / f"{name}.json.gz").read_bytes()))
    written = json.loads(json.dumps(to_json(record(name))))
    assert from_json(written) == record(name)
    for step in written["steps"]:
        assert step.pop("beside") is False  # newer than these records, as are the next two
    for target in written["targets"]:
        assert target.pop("pushed") == []
        assert [size.pop("contents") for size in target["sizes"]] == [None] * len(target["sizes"])
    assert {key: value for key, value in written.items() if key in data} == data


def test_all_ran_on_one_machine_and_only_two_began_empty() -> None:
    assert len({record(name).machine for name in NAMES}) == 1
    assert len(record("saved").machine) == 16
    assert [record(name).bare for name in NAMES] == [False, False, True, True]


def test_a_bare_builder_started_from_the_seed_that_was_saved() -> None:
    (saved,), (restored,), (grown,) = (record(name).seeds for name in ("saved", "restored", "edit"))
    assert [one.action for one in (saved, restored, grown)] == [
        SeedAction.SAVED_WHOLE,
        SeedAction.RESTORED,
        SeedAction.SAVED_GROWN,
    ]
    assert restored.digest == saved.digest != grown.digest
    assert len({one.name for one in (saved, restored, grown)}) == 1


def test_what_go_compiled_is_told_by_the_scorecards() -> None:
    told = {name: scorecard(record(name), before(name)).go for name in NAMES}
    figures = {name: (go.total, go.compiled, go.linked) for name, go in told.items() if go}
    assert figures == {"saved": (32, 32, 2), "restored": (32, 0, 0), "edit": (32, 3, 2)}
    assert told["stopped"] is None


def test_an_edit_is_the_cause_of_three_packages() -> None:
    found = explain(record("edit"), before("edit"))
    own = {name for one in found.packages for name in one.packages if name.startswith("example.test/")}
    assert own == {"example.test/shop/greet", "example.test/shop/cmd/api", "example.test/shop/cmd/worker"}
    assert "greet/greet.go" in str(found)


def test_a_program_that_does_not_compile_is_a_failed_run() -> None:
    stopped = record("stopped")
    assert stopped.outcome is RunOutcome.FAILED
    assert stopped.failure.startswith("greet/greet.go:3:41: Go refused the code: cannot use 1 (untyped int constant)")
    assert any(step.error for step in stopped.steps)
