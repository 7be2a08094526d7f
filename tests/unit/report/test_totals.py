"""The last line of a build counts as every report does."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gobake.insight.scorecard import scorecard
from gobake.report import summary
from gobake.report.quantities import share_text
from tests.unit.scoring import NAMES, before, recorded, run, step, target


@pytest.mark.parametrize("name", NAMES)
def test_the_closing_line_has_the_figures_of_the_scorecard(name: str) -> None:
    steps = scorecard(recorded(name), before(name)).steps
    line = summary.totals(recorded(name))
    assert f"{steps.executed} steps executed, {steps.reused} reused" in line
    assert steps.hit_rate is not None
    assert f"(hit rate {share_text(steps.hit_rate)})" in line


def test_a_run_that_stopped_is_not_told_as_if_it_were_done(capsys: pytest.CaptureFixture[str]) -> None:
    failed = run(step(1, "executed", 1.0), outcome="failed", seconds=2.6, targets=(target(digest=""), target("worker")))
    summary.print_summary(failed, (), color="never")
    text = capsys.readouterr().out
    assert text.splitlines()[-1].startswith("failed after 2.6 s; 0 of 2 targets built; 1 step executed, 0 reused")
    assert "api:latest" not in text
    kept = replace(failed, targets=(target(digest="sha256:1"), target("worker", failure="it does not compile")))
    summary.print_summary(kept, (), color="never")
    text = capsys.readouterr().out
    assert "failed after 2.6 s; 1 of 2 targets built" in text
    assert "api:latest" in text
    assert "worker:latest" not in text


def test_where_nothing_was_looked_up_there_is_no_rate() -> None:
    line = summary.totals(run(step(1, "unknown")))
    assert "0 steps executed, 0 reused, 0 imported, 1 unknown; run" in line


def test_an_image_whose_steps_were_all_anothers_shows_no_share(capsys: pytest.CaptureFixture[str]) -> None:
    shared = replace(step(1, "shared"), stage="api-scratch", target="api-scratch")
    summary.print_summary(run(shared, targets=(target(digest="sha256:1"),)), (), color="never")
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("api")]
    assert row.split()[-1] == "-"
    assert "0 of 0" not in row
