"""What exports of layer caches cost over the last runs, and what imports saved."""

from __future__ import annotations

import pytest

from gobake.insight.exports import Balance, balance
from gobake.runs.record import CacheRecord, RunRecord, StepRecord
from tests.unit.scoring import run, step


def export(seconds: float | None, *, error: str = "", direction: str = "export") -> CacheRecord:
    return CacheRecord(direction=direction, target="api-scratch", ref="r", seconds=seconds, error=error)


def exporting(at: int, seconds: float = 2.0, outcome: str = "done") -> RunRecord:
    return run(at=at, caches=(export(seconds),), outcome=outcome)


def importing(at: int, seconds: float | None = 0.5, outcome: str = "imported") -> RunRecord:
    return run(step(1, outcome, seconds), at=at, caches=(export(1.0),))


def executing(at: int, seconds: float | None) -> RunRecord:
    return run(step(1, "executed", seconds), at=at, caches=(export(1.0),))


def test_two_exports_are_too_few_for_a_balance() -> None:
    runs = [exporting(n) for n in (3, 2, 1)]
    assert balance(runs[:2]) is None
    assert balance(runs) == Balance(runs=3, spent=6.0, saved=0.0)


def test_a_balance_is_of_the_last_ten_runs() -> None:
    assert balance([exporting(n) for n in range(12, 0, -1)]) == Balance(runs=10, spent=20.0, saved=0.0)


def test_runs_that_failed_exports_that_failed_and_imports_are_no_exports() -> None:
    others = (
        exporting(6, outcome="failed"),
        run(at=5, caches=(export(9.0, error="denied"), export(9.0, direction="import"), export(None))),
    )
    assert balance([*others, *(exporting(n) for n in (3, 2, 1))]) == Balance(runs=3, spent=6.0, saved=0.0)


def test_an_import_saves_the_seconds_of_the_last_execution_before_it_without_its_own() -> None:
    runs = [executing(5, 90.0), importing(4), executing(3, None), executing(2, 8.0), executing(1, 50.0)]
    assert balance(runs) == Balance(runs=5, spent=5.0, saved=7.5)


def test_the_execution_may_be_of_the_very_run_before() -> None:
    runs = [importing(3), executing(2, 8.0), executing(1, 50.0)]
    assert balance(runs) == Balance(runs=3, spent=3.0, saved=7.5)


def test_every_step_that_was_imported_or_may_have_been_saves() -> None:
    runs = [importing(4, None), importing(3, outcome="unknown"), importing(2, outcome="reused"), executing(1, 8.0)]
    assert balance(runs) == Balance(runs=4, spent=4.0, saved=15.5)


def test_an_import_that_no_run_executed_leaves_the_balance_unknown() -> None:
    unlike = run(step(2, "executed", 8.0), at=1, caches=(export(1.0),))
    assert balance([importing(3), importing(2, outcome="reused"), unlike]) is None


def test_exports_cost_more_only_if_imports_save_less() -> None:
    assert not Balance(runs=3, spent=2.0, saved=2.0).costs
    assert Balance(runs=3, spent=2.0, saved=1.9).costs


def test_a_loss_by_imports_is_said_as_nothing_saved() -> None:
    assert Balance(runs=4, spent=12.25, saved=-3.0).says == (
        "exporting layer caches took 12.2 s in the last 4 runs, and imports saved 0.0 s: "
        "a policy with `layers: {export: false}` would be faster"
    )


def test_a_run_that_failed_in_between_changes_nothing_of_what_was_before() -> None:
    """Counted among all runs, the execution before an import stays the one before it."""
    failed = [exporting(at, outcome="failed") for at in (9, 8)]
    runs = [*failed, executing(5, 90.0), importing(4), executing(2, 8.0), executing(1, 50.0)]
    assert balance(runs) == Balance(runs=4, spent=4.0, saved=7.5)


@pytest.mark.parametrize(
    "ended", [step(1, "executed", 90.0, error="exit code: 1"), step(1, "executed", 90.0, canceled=True)]
)
def test_a_step_that_failed_or_was_canceled_tells_no_cost(ended: StepRecord) -> None:
    stopped = run(ended, at=2, caches=(export(1.0),))
    assert balance([importing(3), stopped, executing(1, 8.0)]) == Balance(runs=3, spent=3.0, saved=7.5)
