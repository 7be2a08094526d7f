"""The growth of images over runs: a chart for each service, and the table behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from gobake.insight.growth import Point
from gobake.insight.growth_words import culprit_words, growth_words
from gobake.report.html import charts
from gobake.report.html.charts import Chart, Control, Spec
from gobake.report.html.rows import BRANCHES, NO_BRANCH, OTHERS, SERVICES, Row, name_of
from gobake.report.html.tables import MOST
from gobake.report.quantities import moment_text, size_text
from gobake.text.layout import Table

_ROOM = 0.05  # of the sizes, below and above: what is smaller looks like none
_Y: Spec = {
    "field": "compressed",
    "type": "quantitative",
    "axis": {
        "format": ".3~s",
        "labelExpr": "replace(replace(datum.label, 'k', ' k'), /([MGT])/, ' $1') + 'B'",
        "tickCount": 4,
        "title": None,
    },
}


def growth_charts(points: Sequence[Point]) -> Iterator[Chart]:
    """A chart for each service with more than one run."""
    services = dict.fromkeys(point.service for point in points)
    chosen = [service for service in services if len({p.run for p in points if p.service == service}) > 1]
    counts = Counter(_branch(point) for point in points)
    branches = [branch for branch, _ in counts.most_common(BRANCHES)]
    for at, service in enumerate(chosen[:SERVICES]):
        rows = [_row(point, branches, points[-1].run) for point in points if point.service == service]
        platforms = list(dict.fromkeys(str(row["platform"]) for row in rows))
        says = f"Compressed size of the image of {name_of(service)} over runs, oldest first, by branch"
        sizes = [point.bytes for point in points if point.service == service]
        domain = [min(sizes) * (1 - _ROOM), max(sizes) * (1 + _ROOM)]
        y = {**_Y, "scale": {"zero": False, "nice": True, "domain": domain}}
        chart = charts.over_runs(f"growth-{at}", says, y, rows, branches)
        yield _by_platform(chart, platforms) if len(platforms) > 1 else chart


def _by_platform(chart: Chart, platforms: Sequence[str]) -> Chart:
    wide = {
        **chart.wide,
        "params": [*chart.wide["params"], {"name": "platform", "value": platforms[0]}],
        "transform": [*chart.wide["transform"], {"filter": "datum.platform === platform"}],
    }
    control = Control(parameter="platform", label="platform", choices=tuple((p, p) for p in platforms))
    return Chart(name=chart.name, says=chart.says, rows=chart.rows, wide=wide, controls=(control,))


def _branch(point: Point) -> str:
    return name_of(point.branch) if point.branch else NO_BRANCH


def _row(point: Point, branches: Sequence[str], shown: str) -> Row:
    branch = _branch(point)
    lines = [f"{moment_text(point.started)}, {branch}: {size_text(point.bytes)} compressed", *_change(point)]
    return {
        "at": point.at,
        "service": name_of(point.service),
        "platform": name_of(point.platform),
        "branch": branch if branch in branches else OTHERS,
        "compressed": point.bytes,
        "shown": point.run == shown,
        "tip": "\n".join(filter(None, map(name_of, lines))),
    }


def _change(point: Point) -> tuple[str, str]:
    """What changed since the run before, and what did it; empty for nothing."""
    grown = point.grown
    if grown is None or not grown.changed:
        return "", ""
    return growth_words(grown), culprit_words(grown) if grown.bytes > 0 else ""


def growth_table(points: Sequence[Point]) -> Table:
    """The runs in which an image changed, newest first."""
    rows = [
        (
            point.run,
            _branch(point),
            point.service,
            point.platform,
            size_text(point.bytes),
            *_change(point),
        )
        for point in reversed(points)
        if point.grown and point.grown.changed
    ]
    columns = ("RUN", "BRANCH", "SERVICE", "PLATFORM", "COMPRESSED", "CHANGE", "MOST OF IT")
    return Table(columns=columns, rows=tuple(rows[:MOST]), left=4)
