"""Finds out how runs of a branch usually perform, and whether one stands out.

Compares successful runs of the same services and the same number of targets only. The noise of earlier runs is their
median deviation from the median, which a single outlier does not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from statistics import median

from msgspec import Struct

from gobake.insight.card import RunSummary
from gobake.runs import window
from gobake.runs.outcomes import RunOutcome

LEAST = 5  # earlier runs; fewer do not show the noise
_SIGMAS = 3 * 1.4826  # three standard deviations of normal noise, as a multiple of the median deviation
_SHARE = 0.05  # of the median, or of a rate in absolute terms: a smaller change is not worth a look


class Figure(StrEnum):
    """A figure that trends follow."""

    SECONDS = "seconds"
    HIT_RATE = "hit_rate"
    GO_HIT_RATE = "go_hit_rate"

    def of(self, summary: RunSummary) -> float | None:
        value = getattr(summary, self.value)
        return None if value is None else float(value)


class Spread(Struct, frozen=True, kw_only=True):
    """One figure over several runs."""

    figure: Figure
    runs: int  # number of runs with the figure
    median: float
    deviation: float  # median of the distances from the median

    @property
    def noise(self) -> float:
        """Distance from the median within which a run does not stand out."""
        least = _SHARE * self.median if self.figure is Figure.SECONDS else _SHARE
        return max(_SIGMAS * self.deviation, least)


class Change(Struct, frozen=True, kw_only=True):
    """A figure of one run that stands out from those before it."""

    figure: Figure
    value: float
    usual: Spread

    @property
    def worse(self) -> bool:
        return (self.value > self.usual.median) == (self.figure is Figure.SECONDS)


class Trend(Struct, frozen=True, kw_only=True):
    """The runs of one branch comparable with its newest, which `spreads` leaves out."""

    branch: str
    newest: RunSummary
    runs: int  # before the newest
    spreads: tuple[Spread, ...] = ()
    changes: tuple[Change, ...] = ()


def trend(newest: RunSummary, summaries: Sequence[RunSummary]) -> Trend:
    """Compare a run with those before it on its branch. ``summaries``: newest first, perhaps with the run itself."""
    before = [d for d in summaries if _alike(d, newest) and d.id < newest.id][: window.SUMMARIES]
    spreads = tuple(spread for figure in Figure if (spread := _spread(figure, before)))
    return Trend(
        branch=newest.branch,
        newest=newest,
        runs=len(before),
        spreads=spreads,
        changes=tuple(change for s in spreads if newest.outcome == RunOutcome.DONE and (change := _change(s, newest))),
    )


def trends(summaries: Sequence[RunSummary]) -> tuple[Trend, ...]:
    """One trend per branch, of its newest successful run; the branch with the newest run first."""
    newest: dict[str, RunSummary] = {}
    for summary in summaries:
        if summary.outcome == RunOutcome.DONE:
            newest.setdefault(summary.branch, summary)
    return tuple(trend(summary, summaries) for summary in newest.values())


def _alike(one: RunSummary, other: RunSummary) -> bool:
    return (
        one.outcome == RunOutcome.DONE
        and one.branch == other.branch
        and one.targets == other.targets
        and set(one.services) == set(other.services)
    )


def _spread(figure: Figure, summaries: Sequence[RunSummary]) -> Spread | None:
    values = [value for summary in summaries if (value := figure.of(summary)) is not None]
    if not values:
        return None
    middle = median(values)
    deviation = median(abs(value - middle) for value in values)
    return Spread(figure=figure, runs=len(values), median=middle, deviation=deviation)


def _change(usual: Spread, newest: RunSummary) -> Change | None:
    value = usual.figure.of(newest)
    if value is None or usual.runs < LEAST or abs(value - usual.median) <= usual.noise:
        return None
    return Change(figure=usual.figure, value=value, usual=usual)
