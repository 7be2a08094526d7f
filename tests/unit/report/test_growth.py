"""The growth of images in reports: a line on each that changed, a chart over the runs, and the same in JSON."""

from __future__ import annotations

import re
from typing import Any

import pytest
import vl_convert
from msgspec.structs import replace

from gobake.insight.account import Account
from gobake.insight.growth import Point, course, growths
from gobake.insight.scorecard import scorecard
from gobake.report.figures_json import Report, as_json
from gobake.report.figures_markdown import as_markdown
from gobake.report.figures_text import print_report
from gobake.report.html.growth import growth_charts, growth_table
from gobake.report.html.page import as_html
from gobake.runs.record import ContentsRecord, LayerRecord, ModuleRecord, RunRecord, SizeRecord
from tests.unit import scoring
from tests.unit.report.test_page import VEGA, hostile_page, read_page
from tests.unit.scoring import HOSTILE

Printed = pytest.CaptureFixture[str]


def run(at: int, size: int, zap: int, version: str, *, name: str = "go.uber.org/zap") -> RunRecord:
    contents = ContentsRecord(
        program=zap, modules=(ModuleRecord(module=name, version=version, bytes=zap, packages=((name, zap),)),)
    )
    sizes = tuple(
        SizeRecord(platform=platform, compressed=size, contents=contents) for platform in ("linux/amd64", "linux/arm64")
    )
    return scoring.run(at=at, targets=(scoring.target(digest="sha256:1", sizes=sizes),))


RUNS = (run(3, 1_100_000, 300_000, "v1.28.0"), run(2, 1_000_000, 10_000, "v1.27.0"), run(1, 1_000_000, 9000, "v1.27.0"))


def told(*runs: RunRecord) -> Account:
    return Account(card=scorecard(runs[0], []), growth=growths(runs[0], runs[1:]))


def test_an_image_that_grew_is_told_with_the_module(capsys: Printed) -> None:
    print_report(told(*RUNS), color="never")
    lines = " ".join(capsys.readouterr().out.split())
    assert (
        f"api scratch linux/amd64: 1.1 MB, +100 kB, +10.0 % since run {RUNS[1].id} of main; "
        "most of it in go.uber.org/zap: 290 kB more, v1.27.0 → v1.28.0"
    ) in lines
    assert "- size: api scratch linux/amd64: 1.1 MB, +100 kB" in as_markdown(told(*RUNS))


def test_an_image_that_did_not_change_has_no_line(capsys: Printed) -> None:
    print_report(told(*RUNS[1:]), color="never")
    assert "since run" not in capsys.readouterr().out
    assert "size:" not in as_markdown(told(*RUNS[1:]))


def test_json_has_the_growth_of_every_image() -> None:
    found = as_json(Report(account=told(*RUNS)))["growth"]
    assert [(one["platform"], one["changed"], one["before_bytes"]) for one in found] == [
        ("linux/amd64", True, 1_000_000),
        ("linux/arm64", True, 1_000_000),
    ]
    assert found[0]["modules"] == [
        {"module": "go.uber.org/zap", "before": "v1.27.0", "version": "v1.28.0", "bytes": 290_000}
    ]
    assert as_json(Report(account=told(*RUNS[1:])))["growth"][0]["changed"] is False


# ---- the page


def html(points: tuple[Point, ...]) -> str:
    return as_html(replace(hostile_page(), points=points), VEGA)


def test_the_page_shows_a_service_over_the_runs_with_what_changed() -> None:
    points = course(RUNS[0], RUNS[1:])
    (chart,) = growth_charts(points)
    assert [control.parameter for control in chart.controls] == ["platform"]
    assert [row["compressed"] for row in chart.rows if row["platform"] == "linux/amd64"] == [1e6, 1e6, 1.1e6]
    assert str(chart.rows[-1]["tip"]).endswith("go.uber.org/zap: 290 kB more, v1.27.0 → v1.28.0")
    assert [row[2:] for row in growth_table(points).rows] == [
        ("api", platform, "1.1 MB", "+100 kB, +10.0 %", "go.uber.org/zap: 290 kB more, v1.27.0 → v1.28.0")
        for platform in ("linux/arm64", "linux/amd64")
    ]
    data: Any = {**chart.wide, "data": {"name": "rows", "values": list(chart.rows)}, "width": 300}
    assert vl_convert.vegalite_to_vega(data)["marks"]
    page = html(points)
    assert "Growth over the runs" in page
    read_page(page)


def test_one_run_alone_has_no_growth() -> None:
    assert list(growth_charts(course(RUNS[0], ()))) == []
    assert "Growth over the runs" not in html(course(RUNS[0], ()))


def test_names_of_others_are_text_and_nothing_else() -> None:
    layer = LayerRecord(digest=HOSTILE, instruction=HOSTILE, bytes=5)
    runs = [run(at, 1_000_000 * at, 10_000 * at, HOSTILE, name=HOSTILE) for at in (2, 1)]
    runs = [
        replace(
            one,
            branch=HOSTILE,
            targets=tuple(
                replace(
                    target,
                    service=HOSTILE,
                    sizes=tuple(
                        replace(s, platform=HOSTILE, contents=replace(s.contents, layers=(layer,)))
                        for s in target.sizes[:1]
                        if s.contents
                    ),
                )
                for target in one.targets
            ),
        )
        for one in runs
    ]
    page = html(course(runs[0], runs[1:]))
    read_page(page)
    assert "<script>alert" not in page
    assert "\x1b" not in page
    (chart,) = growth_charts(course(runs[0], runs[1:]))
    assert not re.search("alert", str([chart.wide.get("transform"), chart.wide.get("encoding", {}).get("y")]))
