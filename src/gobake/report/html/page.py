"""The HTML report: one self-contained file that makes no network requests.

rows.py has the figures, charts.py the charts, tables.py the tables, bundle.py Vega. The template escapes everything it
prints; data goes into a script element of a non-script type; the policy in the head allows only the file's own scripts
and style, by digest, and no connections.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct

from gobake.insight.account import Account
from gobake.insight.card import RunSummary
from gobake.insight.growth import Point
from gobake.insight.trend import Trend
from gobake.report import explained
from gobake.report import figures_words as words
from gobake.report.html import charts as page_charts
from gobake.report.html import growth, tables
from gobake.report.html import rows as page_rows
from gobake.report.html.charts import Chart
from gobake.report.quantities import count_text, moment_text, seconds_text
from gobake.runs.record import RunRecord
from gobake.text.printable import one_line, printable

_HERE = Path(__file__).parent
_CHANGES = 8  # of one miss
_OUTPUT = 200  # lines of a failed program
_SIGNS = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&'\u2028\u2029"}


class Page(Struct, frozen=True, kw_only=True):
    """The content of the page."""

    account: Account
    runs: Sequence[RunSummary] = ()  # the history, newest first
    trends: Sequence[Trend] = ()  # of all their branches
    package_costs: Mapping[tuple[str, str], float] = {}  # see page_rows.treemap_rows
    points: Sequence[Point] = ()  # the images over runs


class Cause(Struct, frozen=True, kw_only=True):
    """One reason for misses, in the page's words."""

    where: str
    says: str
    cause: str
    seconds: str
    changes: tuple[str, ...]
    more: int  # number of changes not listed
    notes: tuple[str, ...]


def as_html(page: Page, vega: str) -> str:
    """The HTML of the page. ``vega``: from bundle.bundle()."""
    found = {chart.name: chart for chart in charts(page)}
    style, script = stylesheet("page.css"), (_HERE / "page.js").read_text("utf-8")
    card = page.account.card
    usual = words.trend_lines(page.account.trend) if page.account.trend else []
    values: dict[str, Any] = {
        "policy": policy([vega, script], style),
        "style": style,
        "vega": vega,
        "script": script,
        "data": embedded({name: _drawn(chart) for name, chart in found.items()}),
        "charts": found,
        "account": page.account,
        "card": card,
        "title": words.title(card),
        "headline": tables.headline(card),
        "path": [*words.retry_lines(card), *words.path_lines(card, 5)],
        "runs": page.runs,
        "moment": moment_text,
        "trends": [line for trend in page.trends for line in words.trend_lines(trend) if line not in usual],
        "usual": usual,
        "causes": list(causes(page.account)),
        "advice": page.account.explanation.advice if page.account.explanation else (),
        "groups": page_charts.GROUPS,
        "outcomes": [o for o in page_charts.OUTCOMES if any(row["outcome"] == o for row in page_rows.step_rows(card))],
        "facts": facts(card.run),
        "why": "What changed, and what missed",
        "output": printable(card.run.output).splitlines()[:_OUTPUT],
        "words": words,
        "tables": tables,
        "package_table": tables.packages(card, page.package_costs),
        "size_charts": [chart for chart in found.values() if chart.name.startswith("sizes-")],
        "growth_charts": [chart for chart in found.values() if chart.name.startswith("growth-")],
        "growth_table": growth.growth_table(page.points),
        "most": tables.MOST,
        "most_targets": page_rows.TARGETS,
        "most_services": page_rows.SERVICES,
    }
    return str(environment().get_template("page.html.j2").render(values))


# ---- the head


class Fact(Struct, frozen=True, kw_only=True):
    """One line of the page's head. ``link``: an address of the web, or ""."""

    name: str
    says: str
    link: str = ""


def facts(run: RunRecord) -> list[Fact]:
    """When, of which commit, by which command."""
    commit = " ".join(filter(None, (run.branch, run.revision[:8], "with changes not committed" if run.dirty else "")))
    found = [Fact(name="begun", says=moment_text(run.started))]
    found += [Fact(name="commit", says=commit, link=commit_page(run))] if commit else []
    words = run.command if run.command[:1] == ("gobake",) else ("gobake", *run.command)
    return [*found, *([Fact(name="command", says=shlex.join(words))] if run.command else [])]


def commit_page(run: RunRecord) -> str:
    """The address of the run's commit as GitHub, GitLab, Gitea and Bitbucket have it; "" if the source is elsewhere."""
    if not (run.revision and re.fullmatch(r"https://[\w.-]+(?::\d+)?(?:/[\w.~-]+){2,}", run.source_url, re.ASCII)):
        return ""
    host = run.source_url.split("/")[2]
    word = next((word for name, word in (("gitlab", "-/commit"), ("bitbucket", "commits")) if name in host), "commit")
    return f"{run.source_url.removesuffix('.git')}/{word}/{run.revision}"


# ---- charts


def charts(page: Page) -> Iterator[Chart]:
    """The charts that have data."""
    card = page.account.card
    runs, branches = page_rows.run_rows(page.runs, card.run.id), page_rows.branches(page.runs)
    if len(runs) > 1:
        for figure, title in (("steps", "Hit rate of steps"), ("go", "Hit rate of Go packages")):
            if any(row[figure] is not None for row in runs):
                yield page_charts.hit_rates(f"runs-{figure}", figure, title, runs, branches)
        yield page_charts.durations("runs-time", runs, branches)
    if rows := page_rows.step_rows(card):
        yield page_charts.waterfall("waterfall-steps", "Steps in the order in which they were begun", rows)
        yield page_charts.waterfall("waterfall-targets", "The steps of each target", page_rows.target_rows(card))
    if rows := page_rows.package_rows(card.run):
        platforms = list(dict.fromkeys(str(row["platform"]) for row in rows))
        yield page_charts.package_waterfall("waterfall-packages", rows, platforms)
    rows = page_rows.treemap_rows(card.run, page.package_costs)
    if any(row["last"] for row in rows):
        yield page_charts.treemap("treemap", rows)
    yield from _sizes(page)
    yield from growth.growth_charts(page.points)


def _sizes(page: Page) -> Iterator[Chart]:
    rows = page_rows.size_rows(page.account.card)
    known = [n for row in rows for n in (row["compressed"], row["uncompressed"]) if isinstance(n, int) and n > 0]
    platforms = list(dict.fromkeys(str(row["platform"]) for row in rows))
    for at, service in enumerate(list(dict.fromkeys(row["service"] for row in rows))[: page_rows.SERVICES]):
        own = [row for row in rows if row["service"] == service]
        if known:
            yield page_charts.sizes(f"sizes-{at}", str(service), own, platforms, (min(known), max(known)))


def _drawn(chart: Chart) -> dict[str, Any]:
    return {"rows": chart.rows, "wide": chart.wide, "narrow": chart.narrow}


# ---- why


def causes(account: Account) -> Iterator[Cause]:
    found = account.explanation
    if found is None:
        return
    for miss in found.misses:
        compared = (f"compared with run {miss.compared_with}",) if miss.compared_with else ()
        yield Cause(
            where=explained.where(miss),
            says=miss.says,
            cause=miss.cause,
            seconds=seconds_text(miss.seconds),
            changes=tuple(explained.change_line(change) for change in miss.changes[:_CHANGES]),
            more=max(0, len(miss.changes) - _CHANGES),
            notes=compared,
        )
    for one in explained.by_cause(found.packages):
        yield Cause(
            where=f"{count_text(len(one.packages), 'Go package')} on {one.platform}",
            says=words.package_says(one) if one.root and len(one.packages) > 1 else one.says,
            cause=one.cause,
            seconds="",  # of the compiler's processes, which ran side by side
            changes=tuple(explained.change_line(change) for change in one.changes[:_CHANGES]),
            more=max(0, len(one.changes) - _CHANGES),
            notes=(explained.package_names(one),),
        )


# ---- safety


def embedded(value: object) -> str:
    """JSON that cannot end an element or begin a comment."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).translate(_SIGNS)


def policy(scripts: Sequence[str], style: str) -> str:
    """A content security policy that allows only what is in the file, by digest."""
    allowed = " ".join(map(_digest, scripts))
    return f"default-src 'none'; script-src {allowed}; style-src {_digest(style)}; base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def stylesheet(*names: str) -> str:
    """Return style sheets of this folder, joined; policy() gets them as the page has them."""
    return "\n".join((_HERE / name).read_text("utf-8") for name in names)


@cache
def environment() -> Any:
    import jinja2  # imported here, as only this report needs it and its import is slow

    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"line": one_line, "identifier": _identifier}
    return found


def _identifier(text: str) -> str:
    return "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in text.lower())
