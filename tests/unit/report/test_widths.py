"""What is printed fits terminals of 60, 80 and 160 columns, without cutting a name or breaking a word; in a pipe every
line stays whole."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from gobake.insight.account import Account
from gobake.insight.compare import compare
from gobake.insight.explain import explain
from gobake.insight.scorecard import scorecard, summary_of
from gobake.insight.trend import trend, trends
from gobake.report.explained import print_explanation
from gobake.report.figures_text import print_report, print_runs
from gobake.report.plan import as_text
from gobake.report.run_list import lines as run_lines
from gobake.report.summary import print_pushed, print_summary
from gobake.runs.record import RunRecord
from gobake.text.layout import cells
from tests.conftest import Tree
from tests.unit.report.test_plan import FILES, MAIN, planned
from tests.unit.scoring import NAMES, before, recorded, recorded_summaries

WIDTHS = (60, 80, 160)
LONG = "a-service-whose-name-has-forty-letters-"
Printed = Callable[[int | None, Callable[[], None]], list[str]]


class _Stream(io.StringIO):
    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Printed:
    """What a function prints to a terminal of some width, or to a pipe."""

    def run(width: int | None, function: Callable[[], None]) -> list[str]:
        monkeypatch.setenv("TERM", "dumb")
        monkeypatch.setenv("COLUMNS", str(width or 40))
        with monkeypatch.context() as patched:
            stream = _Stream(terminal=width is not None)
            patched.setattr(sys, "stdout", stream)
            function()
        return stream.getvalue().splitlines()

    return run


def long_named(record: RunRecord) -> RunRecord:
    """The run with service names of forty characters."""
    names = {t.service: f"{LONG}{at}" for at, t in enumerate(record.targets)}

    def renamed(text: str) -> str:
        for old, new in names.items():
            text = re.sub(rf"\b{old}(?=-|:|\b)", new, text)
        return text

    targets = tuple(
        replace(t, service=names[t.service], name=renamed(t.name), images=tuple(map(renamed, t.images)))
        for t in record.targets
    )
    steps = tuple(
        replace(s, target=renamed(s.target), site=renamed(s.site), name=renamed(s.name)) for s in record.steps
    )
    return replace(record, targets=targets, steps=steps)


def everything(record: RunRecord, past: list[RunRecord]) -> None:
    card = scorecard(record, past)
    found = explain(record, past)
    other = compare(card, scorecard(past[0], past[1:])) if past else None
    known = recorded_summaries()
    print_report(
        Account(card=card, trend=trend(summary_of(card), known), explanation=found, compared=other), color="never"
    )
    print_runs(known, trends(known), color="never")
    print_explanation(found, color="never")
    print_summary(record, ("api in upx: UPX cannot pack s390x, which is left out",), color="never")


def words(lines: list[str]) -> list[str]:
    return " ".join(lines).replace(",", ", ").split()  # lists may break after their commas


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_reports_of_runs_fit(printed: Printed, width: int, name: str, long: bool) -> None:
    record = long_named(recorded(name)) if long else recorded(name)
    lines = printed(width, lambda: everything(record, before(name)))
    whole = printed(None, lambda: everything(record, before(name)))
    for line in lines:
        assert cells(line) <= width or len(line.split()) == 1, line
    assert set(words(lines)) == set(words(whole)), "a word is cut or broken"
    for service in {t.service for t in record.targets}:
        assert service in words(lines)


@pytest.mark.parametrize("name", NAMES)
def test_a_pipe_gets_whole_lines(printed: Printed, name: str) -> None:
    whole = printed(None, lambda: everything(recorded(name), before(name)))
    wide = printed(100_000, lambda: everything(recorded(name), before(name)))
    assert whole == wide


@pytest.mark.parametrize("width", WIDTHS)
def test_the_list_of_runs_fits(width: int) -> None:
    found = [(run.id, run) for run in recorded_summaries()]
    lines = run_lines(found, width)
    assert max(map(len, lines)) <= width
    assert set(words(lines)) == set(words(run_lines(found)))
    assert len(run_lines(found)) == len(found) + 1


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("long", [False, True])
def test_a_plan_fits(tree: Tree, width: int, long: bool) -> None:
    plan = planned(tree({**FILES, **({f"cmd/{LONG}x/main.go": MAIN} if long else {})}), registry="ghcr.io/acme")
    lines, whole = as_text(plan, width=width).splitlines(), as_text(plan).splitlines()
    for line in lines:
        assert cells(line) <= width or len(line.split()) == 1, line
    assert set(words(lines)) == set(words(whole)), "a word is cut or broken"


def test_the_end_of_a_whole_matrix_fits_on_one_screen(printed: Printed) -> None:
    """4 services in 8 strategies for 2 platforms."""
    lines = printed(80, lambda: print_summary(recorded("edit"), (), color="never"))
    assert len(lines) < 24
    assert lines[0] == "go build linux/amd64  3.6 s  1 of 265 packages compiled, 1 linked"
    assert "worker   linux/arm64  13.9 s   6 of 14 steps        231 MB   4.16 MB  4.16 MB" in lines


def test_a_service_is_told_its_own_work_and_not_the_compile(printed: Printed) -> None:
    lines = printed(None, lambda: print_summary(recorded("bare"), (), color="never"))
    assert lines[:2] == [
        "go build linux/amd64  76.4 s  265 of 265 packages compiled, 4 linked",
        "go build linux/arm64  75.7 s  263 of 263 packages compiled, 4 linked",
    ]
    assert "worker:latest   linux/arm64  2.61 MB  0.1 s   0 of 1 step" in lines


def test_what_was_pushed_is_named_with_its_digest_and_never_broken(printed: Printed) -> None:
    record = recorded("bare")
    expected = []
    for number, target in enumerate(record.targets):
        name, digest = f"ghcr.io/acme/{target.service}", f"@{target.digest}"
        pushed = (f"{name}{digest}", f"localhost:5000/{target.service}{digest}", f"{name}:v1", f"{name}:latest")
        targets = (*record.targets[:number], replace(target, pushed=pushed), *record.targets[number + 1 :])
        record = replace(record, targets=targets)
        expected += [f"pushed {name}:v1{digest}", f"pushed {pushed[1]}"]
    for width in (60, 80, None):
        assert printed(width, lambda: print_pushed(record, color="never")) == expected


def test_a_size_that_nobody_knows_has_no_column(printed: Printed) -> None:
    record = recorded("bare")
    unknown = replace(record, targets=tuple(replace(t, sizes=()) for t in record.targets))
    text = "\n".join(printed(None, lambda: print_summary(unknown, (), color="never")))
    assert "SIZE" not in text
    assert "unknown" not in text.replace("0 unknown", "")
