"""The HTML report of real builds in a real browser: it draws, asks nobody for anything, and serves whoever reads it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from docs.comparison import comparison
from docs.comparison import recorded as recorded_comparison
from gobake.plan.discover import open_project
from gobake.plan.project import identity
from gobake.plan.request import ProjectRequest
from gobake.report.html.bundle import bundle
from gobake.report.html.compare import as_html as as_comparison
from gobake.report.html.page import as_html
from gobake.runs.record import RunRecord
from gobake.runs.store import RunStore
from harness.browser import Tab, browser
from tests.conftest import Gobake, outside_ci
from tests.engine.caches import edit, small_project
from tests.unit.report.test_page import hostile_page

RUNS = 200
TELLS_SIZES = os.environ.get("GOBAKE_ENGINE_SUITE") != "trixie"  # by platform: API 1.47, of Docker 27
DRAWN = "document.documentElement.dataset.drawn === 'yes'"
# how many marks of a chart tell something
MARKS = "[...document.querySelectorAll('#{} svg path')].filter((one) => one.__data__?.tooltip).length"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def world(home: Path) -> Gobake:
    """Its history is that of no other test."""
    return Gobake(env={**outside_ci(), "XDG_CACHE_HOME": str(home / "cache"), "XDG_DATA_HOME": str(home / "data")})


@pytest.fixture(scope="module")
def project(home: Path, world: Gobake) -> Path:
    """Built three times: from nothing, with nothing changed, and with a line changed."""
    root = small_project(home / "project")
    words = ("all", "--strategy", "scratch,alpine", "--platform", "linux/amd64,linux/arm64", "--quiet")
    world.good(*words, cwd=root)
    world.good(*words, cwd=root)
    edit(root)
    world.good(*words, cwd=root)
    return root


@pytest.fixture(scope="module")
def page(project: Path, world: Gobake, home: Path) -> Path:
    """As the command line writes it after those builds."""
    file = home / "gobake-report.html"
    said = world.good("report", "--format", "html", "--output", str(file), cwd=project).out
    assert said.endswith(f" is in {file}\n")
    return file


@pytest.fixture(scope="module")
def tab(home: Path) -> Iterator[Tab]:
    with browser(home / "browser") as opened:
        yield opened


def _open(tab: Tab, file: Path, *, width: int = 1280, dark: bool = False) -> None:
    tab.look(width=width, dark=dark)
    tab.open(file)
    tab.until(DRAWN)


def _charts(tab: Tab) -> list[str]:
    return [str(name) for name in tab.evaluate("[...document.querySelectorAll('.chart')].map((one) => one.id)")]


def test_every_chart_is_drawn_and_nothing_is_asked_for(tab: Tab, page: Path) -> None:
    _open(tab, page)
    charts = _charts(tab)
    assert {"runs-steps", "waterfall-steps", "waterfall-targets", "treemap"} <= set(charts)
    assert ({"sizes-0", "sizes-1"} <= set(charts)) is TELLS_SIZES
    assert [name for name in charts if not tab.evaluate(MARKS.format(name))] == []
    assert tab.requests() == [page.as_uri()]
    assert tab.complaints() == []


def test_the_figures_on_the_page_are_those_of_the_run(tab: Tab, page: Path, world: Gobake, project: Path) -> None:
    figures = world.good("report", "--format", "json", cwd=project).json
    _open(tab, page)
    assert tab.evaluate("document.querySelectorAll('.figure')[2].textContent") == f"{figures['seconds']['wall']:.1f} s"
    compiled = figures["go"]["packages"]["compiled"]
    assert f"{compiled} of " in tab.evaluate("document.querySelector('#packages .note').textContent")
    assert tab.evaluate("document.querySelectorAll('#runs tbody tr').length") == 3


@pytest.mark.parametrize("width", [390, 768])
@pytest.mark.parametrize("dark", [False, True])
def test_a_narrow_window_needs_no_scrolling_sideways(tab: Tab, page: Path, width: int, dark: bool) -> None:
    _open(tab, page, width=width, dark=dark)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    wide = (
        "[...document.querySelectorAll('.chart svg')].filter((one) => one.getBoundingClientRect().right > innerWidth)"
    )
    assert tab.evaluate(f"{wide}.length") == 0
    assert tab.complaints() == []


def test_names_stand_above_their_bars_on_a_phone(tab: Tab, page: Path) -> None:
    axis = "document.querySelectorAll('#waterfall-steps .role-axis-label text').length"
    above = "document.querySelectorAll('#waterfall-steps .mark-text.role-mark text').length"
    _open(tab, page)
    beside, none = tab.evaluate(axis), tab.evaluate(above)
    _open(tab, page, width=390)
    assert none == 0
    assert tab.evaluate(above) >= 5
    assert tab.evaluate(axis) < beside


def test_charts_follow_the_colour_scheme_at_once(tab: Tab, page: Path) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    bar = "getComputedStyle(document.querySelector('#waterfall-steps .mark-rect.role-mark path')).fill"
    _open(tab, page)
    light = (tab.evaluate(paper), tab.evaluate(bar))
    tab.look(width=1280, dark=True)
    dark = (tab.evaluate(paper), tab.evaluate(bar))
    assert light[0] != dark[0]
    assert light[1] != dark[1]
    assert "var" not in dark[1]
    assert sum(map(int, dark[0].strip("rgb()").split(","))) < 120


def test_the_keyboard_reaches_every_chart_with_visible_focus(tab: Tab, page: Path) -> None:
    _open(tab, page)
    seen: list[str] = []
    for _ in range(150):
        tab.press("Tab")
        where, outline = tab.evaluate(
            "[document.activeElement.id || document.activeElement.tagName,"
            " getComputedStyle(document.activeElement).outlineStyle]"
        )
        if where == "BODY":
            break
        assert outline == "solid", f"{where} does not show that it has the focus"
        seen.append(where)
    assert set(_charts(tab)) <= set(seen)
    assert {"A", "SUMMARY"} <= set(seen)


def test_arrow_keys_tell_of_one_mark_after_another(tab: Tab, page: Path) -> None:
    _open(tab, page)
    tab.evaluate("document.getElementById('waterfall-steps').focus()")
    told = []
    for _ in range(2):
        tab.press("ArrowDown")
        told.append(tab.evaluate("document.getElementById('told').textContent"))
        assert tab.evaluate("document.getElementById('tip').textContent") == told[-1]
    assert told[0] != told[1]
    assert all(" s" in one for one in told)
    assert tab.evaluate("document.querySelectorAll('#waterfall-steps .current').length") == 1
    tab.press("Escape")
    assert tab.evaluate("document.getElementById('tip').hidden") is True


@pytest.mark.skipif(not TELLS_SIZES, reason="there is no chart with a choice where the engine tells no sizes")
def test_a_choice_draws_the_chart_anew(tab: Tab, page: Path) -> None:
    _open(tab, page)
    bars = "document.querySelector('#sizes-0 svg').textContent"
    before = tab.evaluate(bars)
    tab.evaluate(
        "{ const one = document.querySelector('#sizes select'); one.selectedIndex = 1;"
        " one.dispatchEvent(new Event('change')); }"
    )
    tab.until(f"document.querySelector('#sizes-0 svg') && {bars} !== {before!r}")
    assert tab.complaints() == []


def test_a_page_can_be_printed(tab: Tab, page: Path) -> None:
    _open(tab, page, dark=True)
    printed = tab.pdf()
    assert printed.startswith(b"%PDF")
    assert len(printed) > 20_000
    tab.look(width=794, dark=True, media="print")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"


def test_without_scripts_the_tables_say_it_all(tab: Tab, page: Path) -> None:
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.look(width=1280)
        tab.open(page)
        assert tab.evaluate("[...document.querySelectorAll('.chart, .control')].every((one) => !one.offsetHeight)")
        assert tab.evaluate("[...document.querySelectorAll('table')].every((one) => one.offsetHeight > 20)")
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)


# ---- hostile names


def test_hostile_names_execute_nothing(tab: Tab, home: Path) -> None:
    file = home / "hostile.html"
    file.write_text(as_html(hostile_page(), bundle()), encoding="utf-8")
    for width in (1280, 390):
        _open(tab, file, width=width)
        assert tab.complaints() == []  # a dialog would be one
        assert tab.requests() == [file.as_uri()]
        assert tab.evaluate("document.scripts.length") == 3
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert [name for name in _charts(tab) if not tab.evaluate(MARKS.format(name))] == []
    tab.evaluate("document.getElementById('waterfall-steps').focus()")
    tab.press("ArrowDown")
    assert "<script>" in tab.evaluate("document.getElementById('tip').textContent")
    assert tab.complaints() == []


# ---- many runs


@pytest.fixture(scope="module")
def long_history(project: Path, world: Gobake) -> None:
    """Runs like the real ones, on three branches, older than these."""
    folder = Path(world.env["XDG_DATA_HOME"]) / "gobake" / "runs"
    with RunStore(folder / identity(open_project(ProjectRequest(directory=project, trust=True)).project)) as store:
        real = [store.get(run_id) for run_id in store.ids()]
        for at in range(RUNS):
            store.add(_older(real[at % len(real)], at), [])


def _older(run: RunRecord, at: int) -> RunRecord:
    branch = ("main", "main", "feature/prices", "login")[at % 4]
    number = f"20260101-{at // 3600:02}{at // 60 % 60:02}{at % 60:02}-abcdef"
    return replace(run, id=number, started=1767225600.0 + 60 * at, branch=branch)


# Linux counts a process's memory from that of its parent on, and pytest's is large by now: so a small one is between.
_MEASURE = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "gobake", *sys.argv[1:]], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.usefixtures("long_history")
def test_two_hundred_runs_are_a_small_page_made_with_little_memory(tab: Tab, world: Gobake, project: Path) -> None:
    file = project.parent / "many.html"
    words = ("report", "-C", str(project), "--format", "html", "--last", str(RUNS), "--output", str(file))
    measured = subprocess.run(
        [sys.executable, "-c", _MEASURE, *words], env=world.env, capture_output=True, text=True, check=True
    )
    assert file.stat().st_size < 2_000_000
    assert int(measured.stdout.splitlines()[-1]) < 200 * 1024
    _open(tab, file)
    assert tab.evaluate(MARKS.format("runs-time")) == RUNS
    assert tab.evaluate("document.querySelectorAll('#runs tbody tr').length") == RUNS
    tab.evaluate(
        "{ const one = document.querySelector('#runs select'); one.value = 'login';"
        " one.dispatchEvent(new Event('change')); }"
    )
    tab.until(f"{MARKS.format('runs-time')} < {RUNS // 3}")
    assert tab.complaints() == []


# ---- pages without scripts

LABELS = """[...document.querySelectorAll('svg.treemap')].filter((one) => one.getBoundingClientRect().width)
  .flatMap((one) => [...one.querySelectorAll('g')].flatMap((mark) => {
    const place = mark.querySelector('rect').getBoundingClientRect();
    return [...mark.querySelectorAll('text')].map((text) => [text.textContent, text.getBoundingClientRect()])
      .map(([text, box]) => [text, box.left >= place.left && box.right <= place.right && box.bottom <= place.bottom + 1]);
  }))"""


@pytest.mark.parametrize("width", [1280, 820, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_the_comparison_fits_every_window_and_its_labels_fit_their_rectangles(
    tab: Tab, tmp_path: Path, width: int, *, dark: bool
) -> None:
    page = tmp_path / "compare.html"
    page.write_text(as_comparison(comparison(recorded_comparison())), encoding="utf-8")
    tab.look(width=width, dark=dark)
    tab.open(page)
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    labels = tab.evaluate(LABELS)
    assert len(labels) > 50
    assert [text for text, fits in labels if not fits] == []
    assert tab.complaints() == []
    assert [address for address in tab.requests() if not address.startswith("file:")] == []
