"""Steps as pieces of work, each counted once: outcomes, rates, seconds, and the longest chain."""

from __future__ import annotations

from typing import Any

import pytest

from gobake.insight.costs import Costs, last_costs
from gobake.insight.identity import step_keys
from gobake.insight.work import critical_path, figures, hit_rate, pieces, saved_by_steps, seconds_at_work
from gobake.runs.record import RunRecord, StepRecord
from tests.unit.scoring import run, step

SAME: dict[str, Any] = {"digest": "sha256:same"}


def shown(record: RunRecord, places: list[int] | None = None) -> list[tuple[str | None, int, tuple[int, ...]]]:
    return [(piece.outcome, piece.at, piece.shown) for piece in pieces(record, places)]


# ---- pieces


@pytest.mark.parametrize(
    ("outcomes", "outcome", "at"),
    [
        (("shared", "reused", "executed"), "executed", 2),
        (("unknown", "reused", "imported"), "imported", 2),
        (("unknown", "reused", "shared"), "reused", 1),
        (("shared", "unknown"), "unknown", 1),
        (("shared", "shared"), None, 0),
        (("uncacheable",), None, 0),
    ],
)
def test_a_piece_has_the_outcome_of_the_target_that_did_most_for_it(
    outcomes: tuple[str, ...], outcome: str | None, at: int
) -> None:
    record = run(*(step(n, one, **SAME) for n, one in enumerate(outcomes)))
    assert shown(record) == [(outcome, at, tuple(range(len(outcomes))))]


def test_a_piece_is_shown_by_the_longest_of_its_steps_that_ended() -> None:
    record = run(step(0, "executed", None, **SAME), step(1, "executed", 0.5, **SAME), step(2, "shared", 9.0, **SAME))
    assert shown(record) == [("executed", 1, (0, 1, 2))]


def test_steps_without_a_digest_are_pieces_of_their_own_and_those_never_reached_are_none() -> None:
    record = run(step(0, "reused", digest=""), step(1, "reused", digest=""), step(2, "reused", started=None))
    assert shown(record) == [("reused", 0, (0,)), ("reused", 1, (1,))]
    assert shown(record, [1, 2]) == [("reused", 1, (1,))]
    assert shown(record, []) == []


# ---- rates


@pytest.mark.parametrize(
    ("outcomes", "rate"),
    [
        (("reused", "imported", "executed", "executed"), 0.5),
        (("imported", "executed"), 0.5),
        (("reused",), 1.0),
        (("executed",), 0.0),
        (("unknown", "shared", "uncacheable"), None),
        ((), None),
    ],
)
def test_the_hit_rate_is_of_work_that_was_done_or_taken_from_a_cache(
    outcomes: tuple[str, ...], rate: float | None
) -> None:
    assert hit_rate(pieces(run(*(step(n, one) for n, one in enumerate(outcomes))))) == rate


def test_housekeeping_is_counted_by_itself() -> None:
    record = run(step(0, "uncacheable"), step(1, "reused"), step(2, "uncacheable"), step(3, "unknown"))
    found = figures(record, last_costs(record, []))
    assert (found.uncacheable, found.reused, found.unknown, found.executed, found.shared) == (2, 1, 1, 0, 0)
    part = figures(record, last_costs(record, []), [0, 1])
    assert (part.uncacheable, part.reused, part.unknown) == (1, 1, 0)


def weighted(*steps: StepRecord, costs: dict[int, float]) -> float | None:
    """The weighted rate; ``costs``: last costs by the position of the step."""
    record = run(*steps)
    keys = step_keys(record)
    return figures(record, Costs(keys=keys, steps={keys[at]: cost for at, cost in costs.items()})).weighted_hit_rate


def test_the_weighted_rate_weighs_cached_steps_by_their_last_cost_and_others_by_their_own() -> None:
    done = step(0, "executed", 2.0)
    assert weighted(done, step(1, "reused", 9.0), costs={1: 6.0}) == 0.75
    assert weighted(done, step(1, "imported", 9.0), costs={1: 6.0}) == 0.75
    assert weighted(done, step(1, "unknown", 9.0), step(2, "shared", 9.0), costs={1: 6.0, 2: 6.0}) == 0.0
    assert weighted(step(1, "reused"), costs={0: 0.5}) == 1.0


def test_the_weighted_rate_is_unknown_where_a_weight_is() -> None:
    assert weighted(step(0, "executed", None), step(1, "reused"), costs={1: 6.0}) is None
    assert weighted(step(0, "executed", 2.0), step(1, "reused"), costs={}) is None
    assert weighted(step(0, "executed", 0.0), costs={}) is None
    assert weighted(step(0, "executed", 2.0), step(1, "reused", instruction="FROM a"), costs={}) == 0.0


# ---- seconds


def test_a_part_takes_the_seconds_in_which_any_target_worked_on_its_steps() -> None:
    record = run(
        step(0, "executed", 4.0, started=0.0, **SAME),
        step(1, "shared", 4.0, started=2.0, **SAME),
        step(2, "executed", 8.0, started=10.0),
        step(3, "executed", 1.0, started=30.0, digest=""),
        step(4, "executed", 1.0, started=40.0, digest=""),
        step(5, "executed", None, started=50.0, **SAME),
        step(6, "executed", 1.0, started=None, **SAME),
    )
    assert seconds_at_work(record, [0]) == 6.0  # also while another target worked on the same
    assert seconds_at_work(record, [0, 2]) == 14.0
    assert seconds_at_work(record, [3]) == 1.0
    assert seconds_at_work(record, []) == 0.0


def test_cached_steps_save_what_they_last_took_without_what_they_took_now() -> None:
    def saved(*steps: StepRecord, costs: dict[int, float]) -> tuple[float, int, int]:
        record = run(*steps)
        keys = step_keys(record)
        return saved_by_steps(record, Costs(keys=keys, steps={keys[at]: cost for at, cost in costs.items()}))

    assert saved(step(0, "reused", 0.5), step(1, "imported", None), costs={0: 4.0, 1: 3.0}) == (6.5, 2, 0)
    assert saved(step(0, "unknown", 0.0), step(1, "reused"), costs={0: 4.0}) == (4.0, 1, 1)
    assert saved(step(0, "executed", 9.0), step(1, "shared"), costs={0: 4.0, 1: 4.0}) == (0.0, 0, 0)


# ---- the longest chain


def timed(at: int, started: float | None, seconds: float | None, *needs: int, **more: Any) -> StepRecord:
    return step(at, "executed", seconds, started=started, needs=needs, **more)


@pytest.mark.parametrize(
    ("steps", "path", "seconds"),
    [
        ([], (), None),
        ([timed(0, 0.0, 0.0)], (), None),
        ([timed(0, 0.0, None)], (), None),
        ([timed(0, 0.0, -2.0)], (), None),
        ([timed(0, 0.0, 0.5)], (0,), 0.5),
        ([timed(0, 3.0, 2.0), timed(1, 0.0, 2.0)], (0,), 2.0),  # of equals the first
        ([timed(0, 0.0, 2.0), timed(1, 2.0, 0.0, 0), timed(2, 2.0, 1.0, 1)], (0, 2), 3.0),  # nothing of no time
        ([timed(0, 0.0, 2.0), timed(1, 9.0, 1.0, 0)], (0, 1), 3.0),  # waiting is no work
        ([timed(0, 0.0, 9.0), timed(1, 1.0, 2.0, 0), timed(2, 9.0, 1.0, 1)], (0, 2), 10.0),  # one within another
        ([timed(0, 0.0, 2.0), timed(1, 0.0, 2.0), timed(2, 2.0, 1.0, 0, 1)], (0, 2), 3.0),
        ([timed(0, 0.0, 2.0), timed(1, 0.0, 4.0), timed(2, 4.0, 1.0, 0, 1)], (1, 2), 5.0),
        ([timed(0, 0.0, 2.0), timed(1, 2.0, 2.0, 0, 0, 99)], (0, 1), 4.0),
        ([timed(0, 0.0, 2.0, 1), timed(1, 2.0, 2.0, 0), timed(2, 0.0, 1.0)], (2,), 1.0),  # a circle is left out
    ],
)
def test_the_critical_path(steps: list[StepRecord], path: tuple[int, ...], seconds: float | None) -> None:
    assert critical_path(run(*steps)) == (path, seconds)
