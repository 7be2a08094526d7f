"""What is usual on a branch, and what stands out from it; two runs side by side."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gobake.insight.card import RunSummary
from gobake.insight.compare import Row, Unit, compare
from gobake.insight.scorecard import scorecard
from gobake.insight.trend import Figure, trend, trends
from tests.unit.scoring import before, recorded, summary


def _runs(*seconds: float) -> list[RunSummary]:
    """Newest first."""
    return [summary(at, seconds=value, hit_rate=0.9) for at, value in enumerate(seconds)][::-1]


QUIET = (10.0, 10.2, 9.9, 10.1, 10.0, 9.8)
NOISY = (5.0, 20.0, 9.0, 14.0, 11.0, 8.0)


def test_the_spread_is_the_median_and_what_is_usual_around_it() -> None:
    found = trend(summary(20), _runs(1.0, 2.0, 3.0, 4.0, 100.0))
    seconds = found.spreads[0]
    assert (seconds.figure, seconds.runs, seconds.median, seconds.deviation) == (Figure.SECONDS, 5, 3.0, 1.0)


@pytest.mark.parametrize(("earlier", "flagged"), [(QUIET, True), (NOISY, False)])
def test_a_change_is_flagged_only_out_of_quiet(earlier: tuple[float, ...], flagged: bool) -> None:
    found = trend(summary(20, seconds=16.0, hit_rate=0.9), _runs(*earlier))
    assert [c.figure for c in found.changes] == ([Figure.SECONDS] if flagged else [])
    assert all(c.worse for c in found.changes)


def test_less_than_a_twentieth_is_no_change() -> None:
    assert not trend(summary(20, seconds=10.5, hit_rate=0.9), _runs(*[10.0] * 8)).changes
    assert trend(summary(20, seconds=10.6, hit_rate=0.9), _runs(*[10.0] * 8)).changes


def test_a_run_that_is_faster_or_hits_more_is_a_change_for_the_better() -> None:
    found = trend(summary(20, seconds=3.0, hit_rate=1.0), _runs(*QUIET))
    assert {(c.figure, c.worse) for c in found.changes} == {(Figure.SECONDS, False), (Figure.HIT_RATE, False)}


def test_a_falling_hit_rate_is_a_change_for_the_worse() -> None:
    (change,) = trend(summary(20, seconds=10.0, hit_rate=0.2), _runs(*QUIET)).changes
    assert (change.figure, change.worse, change.usual.median) == (Figure.HIT_RATE, True, 0.9)


def test_four_runs_tell_no_noise() -> None:
    assert not trend(summary(20, seconds=100.0), _runs(10.0, 10.0, 10.0, 10.0)).changes
    assert trend(summary(20, seconds=100.0), _runs(10.0, 10.0, 10.0, 10.0, 10.0)).changes


@pytest.mark.parametrize(("seconds", "flagged"), [(14.4, False), (14.5, True), (5.6, False), (5.5, True)])
def test_noise_is_three_standard_deviations(seconds: float, flagged: bool) -> None:
    """4.4478 of a median deviation of 1."""
    runs = _runs(9.0, 11.0, 10.0, 9.0, 11.0)
    assert bool(trend(summary(20, seconds=seconds, hit_rate=0.9), runs).changes) is flagged


@pytest.mark.parametrize(("rate", "flagged"), [(0.16, False), (0.24, False), (0.26, True), (0.14, True)])
def test_a_rate_changes_by_five_points_however_low_it_is(rate: float, flagged: bool) -> None:
    runs = [summary(at, seconds=10.0, hit_rate=0.2) for at in range(6)][::-1]
    assert bool(trend(summary(20, seconds=10.0, hit_rate=rate), runs).changes) is flagged


def test_figures_that_runs_do_not_have_are_in_no_spread() -> None:
    runs = [summary(at, hit_rate=None, go_hit_rate=0.5 if at else None) for at in range(6)][::-1]
    found = trend(summary(20, hit_rate=0.1, go_hit_rate=None), runs)
    assert [(spread.figure, spread.runs) for spread in found.spreads] == [(Figure.SECONDS, 6), (Figure.GO_HIT_RATE, 5)]
    assert found.changes == ()


def test_a_trend_is_of_the_last_fifty_runs() -> None:
    runs = [summary(at, seconds=10.0) for at in range(60)][::-1]
    assert trend(summary(90), runs).runs == 50


def test_services_are_alike_in_any_order() -> None:
    runs = [summary(at, services=("web", "api")) for at in range(3)][::-1]
    assert trend(summary(20, services=("api", "web")), runs).runs == 3


@pytest.mark.parametrize(
    "unlike", [{"branch": "other"}, {"outcome": "failed"}, {"targets": 2}, {"services": ("api", "web")}]
)
def test_only_like_runs_are_compared(unlike: dict[str, object]) -> None:
    odd = [replace(d, **unlike) for d in _runs(*QUIET)]
    found = trend(summary(20, seconds=100.0), odd)
    assert (found.runs, found.changes) == (0, ())


def test_later_runs_and_the_run_itself_tell_nothing_of_it() -> None:
    runs = _runs(*QUIET)
    assert trend(runs[3], runs).runs == 2


def test_a_run_that_failed_is_no_change() -> None:
    assert not trend(summary(20, seconds=1.0, outcome="failed"), _runs(*QUIET)).changes


def test_every_branch_has_a_trend_of_its_newest_good_run() -> None:
    runs = [summary(9, outcome="failed"), summary(8, branch="feature"), *_runs(*QUIET)]
    assert [(t.branch, t.newest.id, t.runs) for t in trends(runs)] == [
        ("feature", runs[1].id, 0),
        ("main", runs[2].id, 5),
    ]


def test_less_time_and_less_work_are_better_and_more_hits_are() -> None:
    found = compare(scorecard(recorded("bare"), before("bare")), scorecard(recorded("exported"), before("exported")))
    assert {
        row.name: row.more_is_better for row in found.rows if not row.name.startswith(("image ", "mount golink-"))
    } == {
        "wall time": False,
        "critical path": False,
        "saved": True,
        "step hit rate": True,
        "weighted hit rate": True,
        "steps executed": False,
        "Go hit rate": True,
        "Go packages compiled": False,
        "Go commands linked": False,
        "modules downloaded": None,
        "cache import": False,
        "cache export": False,
        "seeds": False,
        "mount gomod": None,
        "mount gobuild": None,
    }


def test_runs_side_by_side_say_which_is_better() -> None:
    found = compare(scorecard(recorded("bare"), before("bare")), scorecard(recorded("edit"), before("edit")))
    rows = {row.name: row for row in found.rows}
    wall = rows["wall time"]
    assert wall.unit is Unit.SECONDS
    assert wall.difference == pytest.approx(recorded("bare").seconds - recorded("edit").seconds)
    assert wall.better is False
    assert rows["seeds"].difference is None  # the other run had none
    assert rows["image worker-upx linux/amd64"].now is None  # this run did not build it
    assert rows["mount gomod"].better is None


@pytest.mark.parametrize(
    ("unit", "was", "now", "better"),
    [
        (Unit.BYTES, 4_480_000, 4_480_028, None),
        (Unit.BYTES, 4_480_000, 4_490_000, False),
        (Unit.SHARE, 0.5, 0.5009, None),
        (Unit.SHARE, 0.5, 0.501, True),
        (Unit.SECONDS, 0.0, 0.1, False),
        (Unit.SECONDS, None, 0.1, None),
    ],
)
def test_a_change_of_less_than_a_thousandth_is_none(
    unit: Unit, was: float | None, now: float, better: bool | None
) -> None:
    row = Row(name="a", unit=unit, before=was, now=now, more_is_better=unit is Unit.SHARE)
    assert row.better is better
