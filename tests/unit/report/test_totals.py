"""The last line of a build counts as every report does."""

from __future__ import annotations

import pytest

from gobake.insight.scorecard import scorecard
from gobake.report import summary
from gobake.report.quantities import share_text
from tests.unit.scoring import NAMES, before, recorded, run, step


@pytest.mark.parametrize("name", NAMES)
def test_the_closing_line_has_the_figures_of_the_scorecard(name: str) -> None:
    steps = scorecard(recorded(name), before(name)).steps
    line = summary.totals(recorded(name))
    assert f"{steps.executed} steps executed, {steps.reused} reused" in line
    assert steps.hit_rate is not None
    assert f"(hit rate {share_text(steps.hit_rate)})" in line


def test_where_nothing_was_looked_up_there_is_no_rate() -> None:
    line = summary.totals(run(step(1, "unknown")))
    assert "0 steps executed, 0 reused, 0 imported, 1 unknown; run" in line
