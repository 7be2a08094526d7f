"""Two runs side by side: which is better, and what only one of them has."""

from __future__ import annotations

import pytest

from gobake.insight.card import Scorecard
from gobake.insight.compare import Row, Unit, compare
from gobake.insight.scorecard import scorecard
from gobake.runs.outcomes import SeedAction
from gobake.runs.record import CacheRecord, GoRecord, MountRecord, SeedRecord, SizeRecord
from tests.unit.scoring import run, step, target


@pytest.mark.parametrize(
    ("before", "now", "more_is_better", "difference", "better"),
    [
        (2.0, 2.5, False, 0.5, False),
        (2.5, 2.0, False, -0.5, True),
        (0.25, 0.75, True, 0.5, True),
        (0.75, 0.25, True, -0.5, False),
        (2.0, 2.0, False, 0.0, None),
        (2.0, 3.0, None, 1.0, None),
        (None, 3.0, False, None, None),
        (3.0, None, False, None, None),
        (0.0, 3.0, True, 3.0, True),
        (3.0, 0.0, True, -3.0, False),
    ],
)
def test_a_figure_is_better_where_it_went_the_right_way(
    before: float | None, now: float | None, more_is_better: bool | None, difference: float | None, better: bool | None
) -> None:
    row = Row(name="any", unit=Unit.COUNT, before=before, now=now, more_is_better=more_is_better)
    assert (row.difference, row.better) == (difference, better)


def rows(card: Scorecard, other: Scorecard) -> dict[str, Row]:
    return {row.name: row for row in compare(card, other).rows}


def test_what_only_one_run_built_keeps_its_unit_and_direction() -> None:
    api = scorecard(run(targets=(target("api"),)), [])
    unknown = scorecard(run(targets=(target("web", sizes=(SizeRecord(platform="linux/amd64"),)),)), [])
    found = rows(unknown, api)
    gone, new = found["image api-scratch linux/amd64"], found["image web-scratch linux/amd64"]
    assert gone == Row(name=gone.name, unit=Unit.BYTES, before=4_490_000, now=None, more_is_better=False)
    assert new == Row(name=new.name, unit=Unit.BYTES, before=None, now=None, more_is_better=False)


def test_figures_have_the_values_of_both_runs() -> None:
    def card(at: int, branch: str) -> Scorecard:
        return scorecard(
            run(
                step(1, "executed", 1.0 + at),
                at=at,
                branch=branch,
                go=(GoRecord(platform="linux/amd64", packages=4, compiled=(("a", 1.0),), linked=(("a", 1.0),) * at),),
                seeds=tuple(SeedRecord(action=SeedAction.RESTORED, name="s", seconds=2.0) for _ in range(at)),
                caches=(CacheRecord(direction="export", target="a", ref="r", seconds=3.0 * at),),
                mounts=(MountRecord(name="gomod", id="m", after=100 * at),),
            ),
            [],
        )

    compared = compare(card(2, "feature"), card(1, "main"))
    assert (compared.run, compared.other, compared.branch) == (run(at=2).id, run(at=1).id, "main")
    found = {row.name: (row.unit, row.before, row.now) for row in compared.rows}
    assert found["critical path"] == (Unit.SECONDS, 2.0, 3.0)
    assert found["step hit rate"] == (Unit.SHARE, 0.0, 0.0)
    assert found["Go hit rate"] == (Unit.SHARE, 0.75, 0.75)
    assert found["Go commands linked"] == (Unit.COUNT, 1, 2)
    assert found["cache import"] == (Unit.SECONDS, None, None)
    assert found["cache export"] == (Unit.SECONDS, 3.0, 6.0)
    assert found["seeds"] == (Unit.SECONDS, 2.0, 4.0)
    assert found["mount gomod"] == (Unit.BYTES, 100, 200)


def test_seeds_and_go_that_a_run_did_not_have_are_unknown() -> None:
    found = rows(scorecard(run(), []), scorecard(run(), []))
    assert {found[name].now for name in ("seeds", "Go hit rate", "Go packages compiled", "saved")} <= {None, 0.0}
    assert found["seeds"].now is None
    assert found["Go packages compiled"].now is None
