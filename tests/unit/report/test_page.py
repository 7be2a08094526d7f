"""The HTML report: one file that is well formed, keeps its own policy, and in which hostile names are only text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
import vl_convert
from msgspec.structs import replace

from gobake.insight.account import Account, account
from gobake.insight.card import RunSummary
from gobake.insight.causes import Explanation
from gobake.insight.costs import last_costs
from gobake.insight.scorecard import scorecard, summary_of
from gobake.insight.trend import trends
from gobake.report.html import rows as page_rows
from gobake.report.html.page import Page, as_html, charts, commit_page
from gobake.runs.record import GoRecord, InputsRecord, RunRecord, SizeRecord
from tests.unit.report.test_json import EXPLANATION
from tests.unit.scoring import HOSTILE, NAMES, before, hostile, recorded, recorded_summaries, run, step, summary, target

VEGA = "window.vegaEmbed = undefined;"
VOID = {"meta", "br", "link", "img", "input", "hr", "rect"}


@dataclass
class Read(HTMLParser):
    """What a browser would see: elements in their order, texts, and what is not closed."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.wrong += [f"{tag} has {name} twice" for name, n in Counter(a for a, _ in attrs).items() if n > 1]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> at {self.getpos()} closes something else")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def read_page(html: str) -> Read:
    found = Read()
    found.feed(html)
    found.close()
    assert not found.wrong, found.wrong[:3]
    assert not found.open
    return found


def _page(record: RunRecord, runs: list[RunSummary] | None = None, explanation: Explanation | None = None) -> Page:
    earlier = before("bare")
    known = recorded_summaries() if runs is None else runs
    told = account(record, earlier, known, other=scorecard(recorded("cold"), []))
    return Page(
        account=replace(told, explanation=explanation or told.explanation),
        runs=known,
        trends=trends(known),
        package_costs=last_costs(record, earlier).packages,
    )


def _html(record: RunRecord, **more: Any) -> str:
    return as_html(_page(record, **more), VEGA)


def hostile_page() -> Page:
    bad = hostile()
    go = tuple(
        replace(w, platform=HOSTILE, compiled=tuple((f"{HOSTILE}/{at}", s) for at, (_, s) in enumerate(w.compiled)))
        for w in bad.go
    )
    sizes = (SizeRecord(platform=HOSTILE, compressed=1000, uncompressed=None),)
    record = replace(
        bad,
        project=HOSTILE,
        go=go,
        gobake=HOSTILE,
        go_version=HOSTILE,
        engine=HOSTILE,
        outcome=HOSTILE,
        targets=tuple(replace(t, name=f"{HOSTILE}{t.name}", sizes=sizes, platforms=(HOSTILE,)) for t in bad.targets),
        steps=tuple(replace(s, target=HOSTILE, outcome=HOSTILE if s.seconds else s.outcome) for s in bad.steps),
        inputs=InputsRecord(modules=((HOSTILE, HOSTILE),), packages=((f"{HOSTILE}/1", HOSTILE),)),
    )
    miss, package = EXPLANATION.misses[0], EXPLANATION.packages[0]
    advice = tuple(replace(one, says=HOSTILE) for one in EXPLANATION.advice)
    explanation = replace(
        EXPLANATION,
        misses=(replace(miss, label=HOSTILE, says=HOSTILE, compared_with=HOSTILE),),
        packages=(replace(package, platform=HOSTILE, says=HOSTILE, packages=(HOSTILE,)),),
        advice=advice,
    )
    runs = [
        summary(at, branch=f"{at}{HOSTILE}", outcome=HOSTILE, hit_rate=0.5, go_hit_rate=0.4) for at in range(9, 0, -1)
    ]
    return replace(_page(record, runs=runs, explanation=explanation), package_costs={(HOSTILE, f"{HOSTILE}/2"): 1.0})


# ---- the file


@pytest.mark.parametrize("record", [*map(recorded, NAMES), run()], ids=[*NAMES, "empty"])
def test_a_page_is_well_formed_and_its_links_lead_somewhere(record: RunRecord) -> None:
    page = read_page(_html(record))
    names = [found["id"] for _, found in page.elements if "id" in found]
    assert len(names) == len(set(names))
    assert {str(a["href"]) for a in page.of("a")} <= {f"#{name}" for name in names}
    referred = {found[key] for _, found in page.elements for key in ("aria-labelledby",) if key in found}
    assert referred <= set(names)


def test_a_page_asks_nobody_for_anything() -> None:
    html = _html(recorded("bare"))
    page = read_page(html)
    assert not [e for e in page.elements if e[0] in ("link", "img", "iframe", "object", "base", "form")]
    assert not [found for _, found in page.elements if "src" in found or any(key.startswith("on") for key in found)]
    assert not re.search(r"url\(|@import|\bstyle=", html)


def test_the_policy_admits_what_is_in_the_file_and_nothing_else() -> None:
    html = _html(recorded("bare"))
    (policy,) = [m["content"] for m in read_page(html).of("meta") if m.get("http-equiv")]
    bodies = re.findall(r"<(?:script|style)>(.*?)</(?:script|style)>", html, re.DOTALL)
    wanted = {base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() for body in bodies}
    assert set(re.findall(r"'sha256-([^']+)'", str(policy))) == wanted
    assert len(bodies) == 3
    assert str(policy).startswith("default-src 'none';")
    assert "unsafe" not in str(policy)


def test_a_page_is_read_by_its_headings_and_landmarks() -> None:
    page = read_page(_html(recorded("bare")))
    tags = [tag for tag, _ in page.elements]
    assert [tags.count(tag) for tag in ("h1", "main", "nav", "header", "footer", "title")] == [1] * 6
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - level <= 1 for level, after in pairwise(levels))
    assert page.of("html") == [{"lang": "en"}]


def test_every_chart_has_words_and_a_table_near_it() -> None:
    html = _html(recorded("bare"))
    drawn = [found for found in read_page(html).of("div") if found.get("class") == "chart"]
    assert len(drawn) == len(_embedded(html)) >= 9
    assert all(found["aria-label"] and found["tabindex"] == "0" and "hidden" in found for found in drawn)
    for section in re.findall(r'<section id="(?:runs|waterfall|packages|sizes)".*?</section>', html, re.DOTALL):
        assert section.count("<table>") >= 1


def _embedded(html: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json" id="charts">(.*?)</script>', html, re.DOTALL)
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


# ---- what it says


def test_figures_are_those_of_the_other_reports() -> None:
    text = read_page(_html(recorded("bare"))).text
    assert "step hit rate 52.3 %" in text
    assert "0 reused, 11 imported, 10 executed, 16 shared; by seconds 16.1 %" in text
    assert "528 of 528 packages compiled" in text
    assert "Compared with run" in text
    assert "gobuild" in text


def test_what_is_not_known_is_said() -> None:
    text = read_page(_html(run(step(1, "reused")), runs=[summary(0, hit_rate=None)])).text
    assert "Go hit rate unknown" in text
    assert "saved unknown no cold run of the same targets on this builder is on record" in text
    unsized = run(targets=(target(sizes=()),))
    assert "The sizes of the images are unknown." in read_page(_html(unsized)).text
    half = run(targets=(target(sizes=(SizeRecord(platform="linux/amd64", compressed=1000),)),))
    assert "1 kB unknown" in read_page(_html(half)).text


def test_causes_and_advice_are_told() -> None:
    text = read_page(_html(recorded("bare"), explanation=EXPLANATION)).text
    for miss in EXPLANATION.misses:
        assert miss.says in text
    for advice in EXPLANATION.advice:
        assert advice.says in text


def test_causes_that_nobody_looked_for_are_not_said_to_be_none() -> None:
    html = as_html(Page(account=Account(card=scorecard(recorded("bare"), []))), VEGA)
    assert "No step missed" not in html
    assert "What changed, and what missed unknown" in read_page(html).text


def test_one_run_alone_has_no_history() -> None:
    html = _html(recorded("cold"), runs=recorded_summaries()[-1:])
    assert 'id="runs"' not in html
    assert "runs-steps" not in _embedded(html)


def test_a_rate_that_no_run_knows_has_no_chart() -> None:
    html = _html(run(), runs=[summary(at, hit_rate=0.5, go_hit_rate=None) for at in (2, 1)])
    assert {"runs-steps", "runs-time"} <= set(_embedded(html))
    assert "runs-go" not in _embedded(html)


# ---- charts


@pytest.mark.parametrize("name", NAMES)
def test_vega_takes_every_chart(name: str) -> None:
    found = list(charts(_page(recorded(name))))
    assert {c.name for c in found} >= {"runs-steps", "runs-go", "runs-time", "waterfall-steps", "waterfall-targets"}
    for chart in found:
        for spec in (chart.wide, chart.narrow):
            if spec and "vega-lite" in spec["$schema"]:
                with_rows = {**spec, "data": {"name": "rows", "values": list(chart.rows)}, "width": 300, "height": 300}
                assert vl_convert.vegalite_to_vega(with_rows)["marks"]


def test_the_critical_path_is_marked_in_the_waterfall() -> None:
    card = scorecard(recorded("bare"), before("bare"))
    marked = [row for row in page_rows.step_rows(card) if row["critical"]]
    assert len(marked) == len([at for at in card.critical_path if card.run.steps[at].seconds])
    assert any(row["critical"] for row in page_rows.target_rows(card))


def test_no_two_lines_of_the_waterfall_have_one_name() -> None:
    twins = [step(at, "executed", 1.0) for at in range(3)]
    rows = page_rows.step_rows(scorecard(run(*twins), []))
    assert [row["label"] for row in rows] == [
        "go build linux/amd64",
        "go build linux/amd64 (2)",
        "go build linux/amd64 (3)",
    ]


def test_the_areas_of_the_treemap_are_what_go_took() -> None:
    record = recorded("bare")
    rows = page_rows.treemap_rows(record, {})
    card = scorecard(record, [])
    assert card.go is not None
    assert sum(float(row["now"] or 0) for row in rows) == pytest.approx(card.go.seconds, abs=0.1)
    ids = {row["id"] for row in rows}
    assert len(ids) == len(rows)
    assert {row["parent"] for row in rows} - {None} <= ids
    assert {row["group"] for row in rows} == {"", "own code", "modules", "standard library"}


def test_packages_from_the_cache_have_the_seconds_of_their_last_compile() -> None:
    rows = page_rows.treemap_rows(run(), {("linux/amd64", "fmt"): 0.5, ("linux/arm64", "fmt"): 0.25})
    assert [(row["name"], row["now"], row["last"]) for row in rows if row["tip"]] == [("fmt", 0.0, 0.75)]


def test_a_package_begins_when_its_imports_could_be_ready() -> None:
    compiled = (("fmt", 1.0), ("io", 2.0), ("main", 3.0))
    work = GoRecord(platform="linux/amd64", packages=3, compiled=compiled, linked=(), imports=((), (), (0, 1)))
    assert page_rows.earliest(work) == ([0.0, 0.0, 2.0], (1, 2))


def test_a_damaged_record_of_imports_breaks_nothing() -> None:
    work = GoRecord(platform="x", packages=1, compiled=(("a", 1.0), ("b", 1.0)), linked=(), imports=((1, 7), (0,)))
    assert page_rows.earliest(work)[0] == [0.0, 0.0]


def test_branches_beyond_the_first_share_a_colour() -> None:
    runs = [summary(at, branch=f"b{at // 2}") for at in range(30)]
    rows = page_rows.run_rows(runs, runs[0].id)
    assert len({row["branch"] for row in rows}) == page_rows.BRANCHES + 1
    assert [row["shown"] for row in rows].count(True) == 1


# ---- hostile names


def test_hostile_names_are_text_and_nothing_else() -> None:
    html = as_html(hostile_page(), VEGA)
    page, plain = read_page(html), read_page(_html(recorded("bare")))
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in plain.elements}
    assert len(page.of("script")) == 3
    known = {key for _, found in plain.elements for key in found} | {"selected"}
    assert {key for _, found in page.elements for key in found} <= known
    assert "<script>alert(1)</script>" in page.text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", html)
    assert html.count("<h1>") == 1


def test_hostile_names_stay_within_the_data_of_the_charts() -> None:
    html = as_html(hostile_page(), VEGA)
    (text,) = re.findall(r'id="charts">(.*?)</script>', html, re.DOTALL)
    assert not set(text) & set("<>&'\u2028\u2029")
    assert "alert(1)" in json.dumps(_embedded(html))


def test_no_name_of_a_record_is_in_an_expression() -> None:
    def expressions(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [str(v) for k, v in value.items() if k in ("expr", "signal", "test", "filter", "labelExpr")]
            return own + [found for one in value.values() for found in expressions(one)]
        return [found for one in value for found in expressions(one)] if isinstance(value, list) else []

    for chart in charts(hostile_page()):
        assert not [e for e in expressions([chart.wide, chart.narrow]) if "alert" in e]


def test_lone_surrogates_do_not_keep_a_page_from_being_written() -> None:
    odd = replace(recorded("bare"), branch="a\ud800b", project="\udfff", failure="\ud800")
    told = Account(card=scorecard(odd, []))
    runs = [summary_of(told.card), summary(0, branch="\ud800")]
    as_html(Page(account=told, runs=runs), VEGA).encode()


def test_many_runs_of_a_large_build_stay_small() -> None:
    runs = [
        replace(summary(at % 60, branch=f"b{at % 3}"), id=f"20261124-2015{at % 60:02}-{at:06}") for at in range(200)
    ]
    html = as_html(_page(recorded("cold"), runs=runs), VEGA)
    assert len(html.encode()) < 900_000  # and as much for Vega


def test_a_matrix_of_hundreds_of_targets_stays_small() -> None:
    plain = recorded("cold")
    targets = tuple(target(f"service-{s}", f"strategy-{k}") for s in range(40) for k in range(8))
    steps = tuple(
        replace(plain.steps[at % len(plain.steps)], target=targets[at % 320].name, digest=str(at)) for at in range(5000)
    )
    html = as_html(_page(replace(plain, targets=targets, steps=tuple(replace(s, needs=()) for s in steps))), VEGA)
    assert len(html.encode()) < 1_000_000
    drawn = _embedded(html)
    assert len({row["label"] for row in drawn["waterfall-targets"]["rows"]}) == page_rows.TARGETS
    assert len([name for name in drawn if name.startswith("sizes-")]) == page_rows.SERVICES
    assert f"The {page_rows.TARGETS} targets that took longest; the table has more." in html


# ---- the head


def test_the_head_of_a_failed_run_says_what_failed_and_what_go_said() -> None:
    broken = replace(step(1, "executed", 1.0), error="exit code: 1")
    failed = run(
        broken,
        outcome="failed",
        failure="cmd/web/main.go:12:92: Go refused the code",
        output="cmd/web/main.go:12:92: undefined: notes.Al\n\x1b[31m<script>alert(1)</script>",
        command=("build", "a b"),
    )
    html = as_html(Page(account=Account(card=scorecard(failed, []))), VEGA)
    seen = read_page(html)
    assert "undefined: notes.Al" in seen.text
    assert "gobake build 'a b'" in seen.text
    assert "<script>alert" not in html
    assert "\x1b" not in html
    (row,) = page_rows.step_rows(scorecard(failed, []))
    assert row["outcome"] == "failed"
    assert ("span", {"class": "swatch failed"}) in seen.elements


@pytest.mark.parametrize(
    ("source", "page"),
    [
        ("https://github.com/acme/shop", f"https://github.com/acme/shop/commit/{'a' * 40}"),
        (
            "https://gitlab.example.com/team/deep/shop.git",
            f"https://gitlab.example.com/team/deep/shop/-/commit/{'a' * 40}",
        ),
        ("https://bitbucket.org/acme/shop", f"https://bitbucket.org/acme/shop/commits/{'a' * 40}"),
        ("http://github.com/acme/shop", ""),
        ("https://me:secret@github.com/acme/shop", ""),
        ("https://github.com/acme/shop?x=1", ""),
        ("javascript:alert(1)//github.com/a/b", ""),
        ("https://github.com/acme/sh\u202eop", ""),
        ("", ""),
    ],
)
def test_a_commit_links_to_its_page_where_the_source_is_on_the_web(source: str, page: str) -> None:
    assert commit_page(run(source_url=source)) == page
    assert commit_page(run(source_url=source, revision="")) == ""
