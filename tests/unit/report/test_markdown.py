"""The report as a job's summary."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from gobake.insight.account import Account
from gobake.insight.causes import Explanation
from gobake.insight.compare import compare
from gobake.insight.scorecard import scorecard, summary_of
from gobake.insight.trend import trend, trends
from gobake.report import ci_summary
from gobake.report.figures_markdown import as_markdown, runs_as_markdown
from gobake.report.markdown import escaped
from gobake.runs.record import RunRecord
from gobake.runs.store import RunStore
from tests.unit.report.test_json import EXPLANATION
from tests.unit.scoring import HOSTILE, NAMES, before, hostile, recorded, recorded_summaries, summary, target

MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})


def _account(record: RunRecord, *, explanation: Explanation | None = EXPLANATION) -> Account:
    card = scorecard(record, before("bare"))
    other = scorecard(recorded("cold"), [])
    course = trend(replace(summary_of(card), seconds=500.0), [summary(at, branch=record.branch) for at in range(9)])
    return Account(card=card, trend=course, compared=compare(card, other), explanation=explanation)


def _many() -> RunRecord:
    """40 services in 8 strategies."""
    targets = tuple(target(f"service-{s}", f"strategy-{k}") for s in range(40) for k in range(8))
    plain = recorded("bare")
    owned = tuple(replace(s, target=targets[at % len(targets)].name) for at, s in enumerate(plain.steps))
    return replace(plain, targets=targets, steps=owned, failure="it stopped", seeds=plain.seeds * 5)


@pytest.mark.parametrize("record", [*map(recorded, NAMES), _many(), hostile()], ids=[*NAMES, "many", "hostile"])
def test_a_summary_has_less_than_60_lines_and_closes_what_it_folds(record: RunRecord) -> None:
    misses = EXPLANATION.misses * 50
    text = as_markdown(_account(record, explanation=replace(EXPLANATION, misses=misses)))
    assert len(text.splitlines()) < 60
    assert text.count("<details>") == text.count("</details>") >= 2


def test_a_summary_tells_rates_and_folds_details() -> None:
    text = as_markdown(_account(recorded("bare")))
    head, _, folded = text.partition("<details>")
    assert "| steps | 52.3 % | 0 reused, 11 imported, 10 executed, 16 shared; by seconds 16.1 % |" in head
    assert "528 of 528 packages compiled" in head
    assert "main.go changed" in head
    assert "| api | 63.6 % | 7 of 11 | 497 of 497 |" in folded
    assert "| migrate | 980 kB |" in folded


def test_tables_are_tables_to_a_reader() -> None:
    html = MARKDOWN.render(as_markdown(_account(recorded("bare"))))
    assert html.count("<table>") == 5
    assert "|" not in re.sub(r"<[^>]*>", "", html)


def test_hostile_names_are_text_to_a_reader() -> None:
    account = _account(hostile())
    digests = [summary_of(account.card)]
    for text in (as_markdown(account), runs_as_markdown(digests, trends(digests))):
        html = MARKDOWN.render(text)
        tags = set(re.findall(r"<(/?\w+)", html))
        assert tags <= {f"{end}{tag}" for end in ("", "/") for tag in
                        ("h3", "table", "thead", "tbody", "tr", "th", "td", "p", "ul", "li", "details", "summary")}  # fmt: skip
        assert "alert(1)" in html
        assert html.count("<h3>") == 1
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
        assert not re.search(r"@team|www\.|http:|\$x\$", text)
        columns = [line.count("|") for line in text.splitlines() if line.startswith("| steps |")]
        assert columns == [4] * len(columns)


def test_signs_of_markdown_are_escaped() -> None:
    assert not set(escaped(HOSTILE).replace("&#", "").replace(";", "")) & set("\\`*{}[]<>|~@$^\n\r")


@pytest.mark.parametrize(
    "text",
    [
        "_x_",
        "x_ _y",
        "__x__",
        "![x](y)",
        "http://x.test",
        "ftp://x",
        "www.x.test",
        "WWW.x",
        ":tada:",
        "==x==",
        "a@b.test",
        "#1",
        "!12",
    ],
)
def test_what_may_be_markup_is_none(text: str) -> None:
    said = escaped(text)
    assert "&#" in said
    assert MARKDOWN.render(f"say {said}") == f"<p>say {text}</p>\n"


def test_what_is_no_markup_stays_readable() -> None:
    for text in (
        "run 20261125-053311-7465f7: done in 94.9 s; main 5b9dc368+",
        "modules: 13, 0 downloaded",
        "sha256:d5c70fbd",
        'service_name: it\'s "so" (at 23:04)',
        "go build linux/arm64, key=value",
    ):
        assert escaped(text) == text


def test_tables_have_headings_and_nothing_is_unknown_twice() -> None:
    text = as_markdown(_account(recorded("cold")))
    assert "\n| | " not in text
    assert not re.search(r"unknown \| unknown", text)


def test_the_last_runs_are_a_table_under_60_lines() -> None:
    many = [summary(at % 60, branch=f"b{at}") for at in range(300)]
    text = runs_as_markdown(many, trends(many))
    assert len(text.splitlines()) < 60
    assert "| and 260 more |" in text
    short = runs_as_markdown(recorded_summaries(), trends(recorded_summaries()))
    assert short.count("\n| 20261125-") == 5


# ---- in CI


@pytest.fixture
def history(tmp_path: Path) -> Path:
    with RunStore(tmp_path / "runs") as store:
        for name in NAMES:
            store.add(recorded(name), [])
    return tmp_path / "runs"


def test_githubs_summary_is_appended_to(history: Path, tmp_path: Path) -> None:
    page = tmp_path / "summary.md"
    page.write_text("mine\n")
    assert ci_summary.summarise(recorded("edit"), history, tmp_path, {"GITHUB_STEP_SUMMARY": str(page)}) == []
    text = page.read_text()
    assert text.startswith("mine\n")
    assert "| steps | 66.9 % |" in text
    assert "by seconds 61.8 %" in text  # earlier runs were looked at
    assert not (tmp_path / ci_summary.GITLAB_FILE).exists()


def test_gitlab_gets_a_file_and_is_told_of_it(history: Path, tmp_path: Path) -> None:
    (note,) = ci_summary.summarise(recorded("edit"), history, tmp_path, {"GITLAB_CI": "true"})
    assert "gobake-report.md" in note
    assert "| steps | 66.9 % |" in (tmp_path / "gobake-report.md").read_text()


def test_a_summary_that_cannot_be_written_is_a_warning(history: Path, tmp_path: Path) -> None:
    environ = {"GITHUB_STEP_SUMMARY": str(tmp_path / "no" / "such" / "folder")}
    (note,) = ci_summary.summarise(recorded("edit"), history, tmp_path, environ)
    assert note == "warning: the run's summary could not be written: No such file or directory"


def test_nothing_is_written_outside_of_ci() -> None:
    assert not ci_summary.wanted({"CI": "true"})
    assert ci_summary.wanted({"GITLAB_CI": "true"})
    assert ci_summary.wanted({"GITHUB_STEP_SUMMARY": "x"})
