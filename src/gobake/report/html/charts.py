"""The charts of the HTML report as Vega and Vega-Lite specifications. rows.py makes the rows of data.
Names from a record are only values in a specification, never part of an expression.

Colours are CSS variables, so the style sheet decides about light, dark and print. Bar charts have a form for narrow
windows, with names above the bars instead of next to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from gobake.report.html.rows import FAILED, MODULES, OTHERS, OWN, STANDARD, Row

Spec = dict[str, Any]

LITE = "https://vega.github.io/schema/vega-lite/v6.json"  # a name; nothing downloads it
VEGA = "https://vega.github.io/schema/vega/v6.json"
OUTCOMES = (FAILED, "executed", "imported", "reused", "shared", "unknown", "uncacheable")
GROUPS = (OWN, MODULES, STANDARD)
_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "stroke")
_LINE = 20  # pixels per row of a waterfall


class Control(Struct, frozen=True, kw_only=True):
    """A choice next to a chart, which sets a parameter of the specification."""

    parameter: str
    label: str
    choices: tuple[tuple[str, str], ...]  # (value, words); the first is the default


class Chart(Struct, frozen=True, kw_only=True):
    """One chart: its name, data and specifications."""

    name: str  # also of the HTML element
    says: str  # for screen readers
    rows: Sequence[Row]
    wide: Spec
    narrow: Spec | None = None  # None: use the wide one
    controls: tuple[Control, ...] = ()


# ---- runs


def hit_rates(name: str, figure: str, title: str, rows: Sequence[Row], branches: Sequence[str]) -> Chart:
    """One rate over runs, with a series per branch."""
    axis = {"format": ".0%", "tickCount": 4, "title": None}
    y = {"field": figure, "type": "quantitative", "scale": {"domain": [0, 1]}, "axis": axis}
    says = f"{title} of {len(rows)} runs, oldest first, by branch"
    return over_runs(name, says, y, rows, branches)


def durations(name: str, rows: Sequence[Row], branches: Sequence[str]) -> Chart:
    y = {
        "field": "seconds",
        "type": "quantitative",
        "scale": {"zero": True, "nice": True},
        "axis": {"format": "~s", "labelExpr": "datum.label + ' s'", "tickCount": 4, "title": None},
    }
    return over_runs(name, f"Wall time of {len(rows)} runs, oldest first, by branch", y, rows, branches)


def over_runs(name: str, says: str, y: Spec, rows: Sequence[Row], branches: Sequence[str]) -> Chart:
    """A figure over runs, with a series per branch."""
    series = [*branches, *([OTHERS] if any(row["branch"] == OTHERS for row in rows) else [])]
    colours = [f"var(--series-{at + 1})" for at in range(len(series))]
    scale = {"domain": series, "range": colours}
    x: Spec = {
        "field": "at",
        "type": "quantitative",
        "scale": {
            "domain": [-0.5, max(max((int(row["at"] or 0) for row in rows), default=0) + 0.5, 0.5)],
            "nice": False,
            "zero": False,
        },
        "axis": None,
    }
    spec: Spec = {
        **_frame(150),
        "params": [{"name": "branch", "value": ""}],
        "transform": [{"filter": "branch === '' || datum.branch === branch"}],
        "encoding": {
            "x": x,
            "y": y,
            "color": {"field": "branch", "type": "nominal", "scale": scale, "legend": None},
        },
        "layer": [
            {"mark": {"type": "line", "strokeWidth": 1.5, "opacity": 0.55}},
            {
                "transform": [{"filter": "datum.shown"}],
                "mark": {"type": "rule", "strokeWidth": 1, "strokeDash": [2, 3], "color": "var(--ink)"},
                "encoding": {"y": None, "color": None, "x": x},
            },
            {
                "mark": {"type": "point", "filled": True, "opacity": 1, "stroke": "var(--paper)", "strokeWidth": 0.75},
                "encoding": {
                    "shape": {
                        "field": "branch",
                        "type": "nominal",
                        "scale": {"domain": series, "range": list(_SHAPES[: len(series)])},
                        "legend": None,
                    },
                    "size": {"condition": {"test": "datum.shown", "value": 120}, "value": 46},
                    "tooltip": {"field": "tip"},
                },
            },
        ],
    }
    return Chart(name=name, says=says, rows=rows, wide=spec)


# ---- the waterfall


def waterfall(name: str, says: str, rows: Sequence[Row]) -> Chart:
    """Lines in the order of the rows, coloured by outcome."""
    found = {str(row["outcome"]) for row in rows}
    present = [*(o for o in OUTCOMES if o in found), *sorted(found - set(OUTCOMES))]
    colours = [f"var(--outcome-{o if o in OUTCOMES else 'unknown'})" for o in present]
    color = {
        "field": "outcome",
        "type": "nominal",
        "scale": {"domain": present, "range": colours},
        "legend": None,
    }
    return Chart(name=name, says=says, rows=rows, wide=_bars(color, narrow=False), narrow=_bars(color, narrow=True))


def package_waterfall(name: str, rows: Sequence[Row], platforms: Sequence[str]) -> Chart:
    color = {"value": "var(--outcome-executed)"}
    says = "The longest compiles of Go packages, each beginning when what it imports could be ready at the earliest"
    specs = [
        {
            **_bars(color, narrow=narrow),
            "params": [{"name": "platform", "value": platforms[0] if platforms else ""}],
            "transform": [{"filter": "datum.platform === platform"}],
        }
        for narrow in (False, True)
    ]
    controls = (_platforms(platforms),) if len(platforms) > 1 else ()
    return Chart(name=name, says=says, rows=rows, wide=specs[0], narrow=specs[1], controls=controls)


def _platforms(platforms: Sequence[str]) -> Control:
    return Control(parameter="platform", label="platform", choices=tuple((p, p) for p in platforms))


def _bars(color: Spec, *, narrow: bool) -> Spec:
    """Horizontal bars from begin to end; those on the critical path have an edge, besides the colour."""
    height = 9 if narrow else 12
    bar: Spec = {"type": "bar", "height": height, "yOffset": 8 if narrow else 0, "cornerRadius": 1.5}
    labels: Spec = {"labels": False} if narrow else {"labelLimit": 330, "labelPadding": 8}
    y = {
        "field": "label",
        "type": "nominal",
        "sort": None,
        "axis": {"title": None, "domain": False, "ticks": False, **labels},
    }
    x = {
        "field": "begin",
        "type": "quantitative",
        "scale": {"nice": False, "zero": True},
        "axis": {"title": None, "labelExpr": "datum.label + ' s'", "orient": "top", "grid": not narrow, "tickCount": 6},
    }
    layer: list[Spec] = [
        {
            "mark": bar,
            "encoding": {
                "x2": {"field": "end"},
                "color": color,
                "stroke": {"condition": {"test": "datum.critical", "value": "var(--ink)"}, "value": "transparent"},
                "strokeWidth": {"value": 1.5},
                "tooltip": {"field": "tip"},
            },
        }
    ]
    if narrow:
        text = {"type": "text", "align": "left", "baseline": "bottom", "dy": 0, "limit": {"expr": "width"}}
        layer.append(
            {
                "transform": [{"aggregate": [{"op": "min", "field": "begin", "as": "first"}], "groupby": ["label"]}],
                "mark": {**text, "color": "var(--ink)", "fontSize": 11},
                "encoding": {"x": {"value": 0}, "text": {"field": "label"}},
            }
        )
    return {
        **_frame({"step": 2 * _LINE - 6 if narrow else _LINE}),
        "encoding": {"y": y, "x": x},
        "layer": layer,
    }


# ---- sizes


def sizes(name: str, service: str, rows: Sequence[Row], platforms: Sequence[str], extent: tuple[float, float]) -> Chart:
    """The sizes of one service, with a line per strategy from compressed to unpacked. ``extent``: of all images, so
    that services are comparable. The scale is logarithmic, as a toolchain image is hundreds of times as large as a
    binary alone."""
    axis = {"title": None, "domain": False, "ticks": False, "labelLimit": 110, "labelPadding": 8}
    x = {
        "type": "quantitative",
        "scale": {"type": "log", "domain": [extent[0] * 0.8, extent[1] * 1.2], "nice": False},
        "axis": {
            "title": None,
            "values": [10**power for power in range(3, 12)],
            "labelExpr": "replace(replace(format(datum.value, '.0s'), 'k', ' k'), /([MGT])/, ' $1') + 'B'",
            "domain": False,
            "grid": False,
            "tickSize": 3,
        },
    }
    tip = {"field": "tip"}
    point: Spec = {"type": "point", "filled": True, "opacity": 1, "size": 62, "yOffset": 5}
    spec = {
        **_frame({"step": 28}),
        "params": [{"name": "platform", "value": platforms[0] if platforms else ""}],
        "transform": [{"filter": "datum.platform === platform"}],
        "encoding": {"y": {"field": "strategy", "type": "nominal", "sort": None, "axis": axis}},
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 3, "color": "var(--unpacked)", "yOffset": 5, "y2Offset": 5},
                "encoding": {"x": {**x, "field": "compressed"}, "x2": {"field": "uncompressed"}},
            },
            {
                "mark": {**point, "shape": "square", "color": "var(--unpacked)"},
                "encoding": {"x": {**x, "field": "uncompressed"}, "tooltip": tip},
            },
            {
                "mark": {**point, "shape": "circle", "color": "var(--compressed)"},
                "encoding": {"x": {**x, "field": "compressed"}, "tooltip": tip},
            },
            {
                "mark": {"type": "text", "align": "left", "dy": -7, "fontSize": 10.5, "color": "var(--quiet)"},
                "encoding": {"x": {"value": 0}, "text": {"field": "label"}},
            },
        ],
    }
    return Chart(name=name, says=f"Sizes of the images of {service} by strategy", rows=rows, wide=spec)


# ---- the treemap


_AREAS = 6  # rows; fewer would be one slab, and what came from the cache tells more


def treemap(name: str, rows: Sequence[Row]) -> Chart:
    """Packages within modules; areas are seconds. Shows text where it fits."""
    compiled = sum(1 for row in rows if row["now"])
    cached = any(row["last"] != row["now"] for row in rows)
    now, last = ("now", "of those compiled in this run"), ("last", "of all packages, as last compiled")
    choices = (last,) if not compiled else (last, now) if cached and compiled < _AREAS else (now, last)
    control = Control(parameter="which", label="seconds", choices=choices)
    spec: Spec = {
        "$schema": VEGA,
        "width": 320,
        "height": 420,
        "autosize": "none",
        "signals": [{"name": "which", "value": choices[0][0]}],
        "data": _TREE,
        "scales": [
            {
                "name": "group",
                "type": "ordinal",
                "domain": list(GROUPS),
                "range": [f"var(--group-{at + 1})" for at in range(len(GROUPS))],
            }
        ],
        "marks": [*_rectangles(), *_labels()],
    }
    says = "Seconds by Go package, each a rectangle within that of its module"
    return Chart(name=name, says=says, rows=rows, wide=spec, controls=(control,) if cached else ())


# modules and their packages, the leaves, laid out by Vega
_TREE: list[Spec] = [
    {
        "name": "rows",
        "transform": [
            {"type": "formula", "as": "seconds", "expr": "which === 'now' ? datum.now : datum.last"},
            {"type": "stratify", "key": "id", "parentKey": "parent"},
            {
                "type": "treemap",
                "field": "seconds",
                "sort": {"field": "value", "order": "descending"},
                "method": "squarify",
                "ratio": 1.4,
                "round": True,
                "paddingInner": 1,
                "paddingTop": 0,
                "paddingOuter": 0,
                "size": [{"signal": "width"}, {"signal": "height"}],
            },
        ],
    },
    {
        "name": "leaves",
        "source": "rows",
        "transform": [{"type": "filter", "expr": "datum.depth === 2 && datum.x1 > datum.x0 && datum.y1 > datum.y0"}],
    },
    {
        "name": "modules",
        "source": "rows",
        "transform": [{"type": "filter", "expr": "datum.depth === 1 && datum.x1 - datum.x0 > 2"}],
    },
]


def _rectangles() -> list[Spec]:
    place = {"x": {"field": "x0"}, "y": {"field": "y0"}, "x2": {"field": "x1"}, "y2": {"field": "y1"}}
    return [
        {
            "type": "rect",
            "from": {"data": "leaves"},
            "encode": {
                "enter": {
                    "fill": {"scale": "group", "field": "group"},
                    "stroke": {"value": "var(--paper)"},
                    "strokeWidth": {"value": 0.5},
                    "tooltip": {"field": "tip"},
                },
                "update": place,
            },
        },
        {
            "type": "rect",
            "from": {"data": "modules"},
            "interactive": False,
            "encode": {
                "enter": {"stroke": {"value": "var(--paper)"}, "strokeWidth": {"value": 3}},
                "update": place,
            },
        },
    ]


def _labels() -> list[Spec]:
    """A package's name, with its seconds below."""
    text = {"type": "text", "from": {"data": "leaves"}, "interactive": False}
    written = {"fill": {"value": "var(--on-group)"}, "fontSize": {"value": 11}, "baseline": {"value": "top"}}
    fits = "datum.x1 - datum.x0 > 8 + 6.2 * length(datum.name) && datum.y1 - datum.y0 > 15"
    return [
        {
            **text,
            "encode": {
                "enter": {**written, "text": {"field": "name"}},
                "update": {
                    "x": {"field": "x0", "offset": 5},
                    "y": {"field": "y0", "offset": 4},
                    "opacity": {"signal": f"{fits} ? 1 : 0"},
                },
            },
        },
        {
            **text,
            "encode": {
                "enter": written,
                "update": {
                    "x": {"field": "x0", "offset": 5},
                    "y": {"field": "y0", "offset": 18},
                    "text": {"signal": "format(datum.seconds, '.1f') + ' s'"},
                    "opacity": {"signal": f"{fits} && datum.y1 - datum.y0 > 32 ? 0.75 : 0"},
                },
            },
        },
    ]


def _frame(height: int | Spec) -> Spec:
    return {
        "$schema": LITE,
        "data": {"name": "rows"},
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
    }
