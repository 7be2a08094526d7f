"""The report on a terminal."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from gobake.insight.account import Account
from gobake.insight.compare import compare
from gobake.insight.explain import explain
from gobake.insight.scorecard import scorecard, summary_of
from gobake.insight.trend import trend, trends
from gobake.report.explained import as_markdown, print_explanation
from gobake.report.figures_text import print_report, print_runs
from gobake.report.figures_words import modules_line
from gobake.report.html.rows import step_rows
from gobake.report.quantities import share_text
from gobake.report.summary import print_summary
from gobake.runs.record import HostCompileRecord, RunRecord
from tests.unit.report.test_json import EXPLANATION
from tests.unit.scoring import NAMES, before, hostile, recorded, recorded_summaries, run, step, summary

Printed = pytest.CaptureFixture[str]


def _account(name: str) -> Account:
    card = scorecard(recorded(name), before(name))
    return Account(card=card, trend=trend(summary_of(card), recorded_summaries()), explanation=EXPLANATION)


@pytest.mark.parametrize("name", NAMES)
def test_a_report_fits_on_one_screen(capsys: Printed, name: str) -> None:
    print_report(_account(name), color="never")
    assert len(capsys.readouterr().out.splitlines()) <= 42


def test_more_downloads_than_modules_are_versions_of_one_module() -> None:
    card = replace(scorecard(recorded("edit"), before("edit")), modules_total=63, modules_downloaded=77)
    assert modules_line(card) == "modules: 63, 77 downloaded in one version or another"
    assert modules_line(replace(card, modules_downloaded=63)) == "modules: 63, 63 downloaded"


def test_a_report_tells_rates_packages_times_and_what_was_saved(capsys: Printed) -> None:
    print_report(_account("edit"), color="never")
    text = capsys.readouterr().out
    assert "█" * 13 + "░" * 7 + "   66.9 %  69 reused, 0 imported, 34 executed, 118 shared; by seconds 61.8 %" in text
    assert "2 of 528 packages compiled, 2 linked, 1.0 s; modules: 13, 0 downloaded" in text
    assert "25.3 s wall, critical path 19.2 s" in text
    assert f"saved  25.3 s instead of about 186 s in run {recorded('cold').id}, which was cold" in text
    assert "of work, summed: steps 158.0 s, Go packages 207.7 s, less 0.0 s that caches cost" in text
    assert re.search(r"worker +48.5 % +17 of 35 +2 of 391 +19\.8 s", text)
    assert re.search(r"linux/arm64 +64\.4 % +29 of 45 +1 of 263", text)
    assert re.search(r"migrate +243 MB .* 980 kB +847 kB", text)
    assert "api-scratch compile RUN: main.go changed" in text


def test_what_this_machines_go_compiled_is_told_and_is_on_the_critical_path(capsys: Printed) -> None:
    print_report(Account(card=scorecard(compiled_here(), [])), color="never")
    text = capsys.readouterr().out
    assert "host   go build linux/arm64 (prebuilt): 2 programs, 2 of 265 packages compiled in 65.8 s" in text
    assert "67.8 s wall, critical path 67.8 s" in text
    assert "path   65.8 s host: go build linux/arm64 (prebuilt)" in text


def compiled_here() -> RunRecord:
    host = HostCompileRecord(
        platform="linux/arm64",
        services=("api", "web"),
        started=0.0,
        seconds=65.8,
        packages=265,
        compiled=(("fmt", 1.0), ("net/http", 2.0)),
    )
    return replace(run(step(1, "executed", 2.0)), seconds=67.8, host=(host,))


def test_explain_and_the_waterfall_tell_what_this_machines_go_compiled(capsys: Printed) -> None:
    found = explain(compiled_here(), [])
    print_explanation(found, color="never")
    line = "host: go build linux/arm64 (prebuilt): 2 programs, 2 of 265 packages compiled in 65.8 s"
    assert line in capsys.readouterr().out
    assert "2 of 265 packages compiled in 65.8 s" in as_markdown(found)
    rows = step_rows(scorecard(compiled_here(), []))
    assert (rows[0]["label"], rows[0]["begin"], rows[0]["end"]) == ("host: go build linux/arm64 (prebuilt)", 0.0, 65.8)
    assert rows[0]["critical"]


def test_the_summary_tells_what_this_machines_go_compiled(capsys: Printed) -> None:
    print_summary(compiled_here(), (), color="never")
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "host: go build linux/arm64 (prebuilt): 2 programs, 2 of 265 packages compiled in 65.8 s"


def test_a_loss_is_shown_as_a_loss(capsys: Printed) -> None:
    cold, slow = run(step(1, "executed", 2.0), seconds=2.0), run(step(1, "reused"), seconds=9.0, at=1)
    card = scorecard(slow, [cold])
    assert card.saved == -7.0
    print_report(Account(card=card), color="never")
    assert "saved  9.0 s instead of about 2.0 s" in capsys.readouterr().out


def test_what_is_not_known_is_said(capsys: Printed) -> None:
    print_report(Account(card=scorecard(run(step(1, "reused")), [])), color="never")
    text = capsys.readouterr().out
    assert "saved  unknown: no cold run of the same targets on this builder is on record" in text
    assert "by seconds unknown" in text
    assert "no Go command is on record" in text


def test_a_change_that_stands_out_is_told(capsys: Printed) -> None:
    runs = [summary(at, seconds=10.0) for at in range(6)][::-1]
    card = scorecard(run(at=20, seconds=30.0), [])
    print_report(Account(card=card, trend=trend(summary_of(card), runs)), color="never")
    assert "worse than usual: wall time 30.0 s, usually 10.0 s" in capsys.readouterr().out


def test_two_runs_stand_side_by_side(capsys: Printed) -> None:
    card, other = scorecard(recorded("bare"), before("bare")), scorecard(recorded("edit"), before("edit"))
    print_report(Account(card=card, compared=compare(card, other)), color="never")
    text = capsys.readouterr().out
    assert f"compared with run {recorded('edit').id} of main" in text
    assert re.search(r"wall time +25\.3 s +94\.9 s +\+69\.6 s +worse", text)
    assert re.search(r"Go packages compiled +2 +528 +\+526 +worse", text)


def test_the_last_runs_are_a_table(capsys: Printed) -> None:
    print_runs(recorded_summaries(), trends(recorded_summaries()), color="never")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:6]] == [recorded(name).id for name in NAMES]
    assert lines[0].split()[0] == "RUN"
    assert len(lines) == 6  # too few runs for a trend


@pytest.mark.parametrize("color", ["never", "always"])
def test_hostile_names_come_out_as_text(capsys: Printed, color: str) -> None:
    card = scorecard(hostile(), [])
    found = Account(card=card, compared=compare(card, card), trend=trend(summary_of(card), [summary_of(card)]))
    print_report(found, color=color)
    print_runs([summary_of(card)], trends([summary_of(card)]), color=color)
    text = capsys.readouterr().out
    assert "<script>alert(1)</script> red | a `b`" in text
    assert "\u202e" not in text
    left = re.sub(r"\x1b\[[0-9;]*m", "", text) if color == "always" else text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", left)
    assert "\x1b[31mred" not in text  # colours are gobake's own


def test_colour_is_there_when_asked_for(capsys: Printed) -> None:
    print_report(_account("warm"), color="always")
    text = capsys.readouterr().out
    assert "\x1b[1mtime   \x1b[0m" in text  # the figures are not as heavy as their names
    assert "\x1b[1msteps  \x1b[0m\x1b[32m██" in text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "unknown"),
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.99996, "99.9 %"),
        (0.0001, "<0.1 %"),
        (0.525, "52.5 %"),
        (11 / 21, "52.3 %"),
    ],
)
def test_a_share_is_whole_only_where_it_is(share: float | None, text: str) -> None:
    assert share_text(share) == text


def test_many_services_are_cut_and_counted(capsys: Printed) -> None:
    card = scorecard(recorded("edit"), before("edit"))
    many = tuple(replace(card.services[0], name=f"service-{at:02}") for at in range(40))
    print_report(Account(card=replace(card, services=many)), color="never")
    text = capsys.readouterr().out
    assert "and 34 more" in text
    assert "service-05" in text
    assert "service-06" not in text
