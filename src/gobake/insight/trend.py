"""How runs of a branch usually come out, and whether one stands out from them.

Only like is compared with like: runs that went well, of the same services and as many targets. The noise of earlier
runs is their median deviation from the median, which a single odd run does not move.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from statistics import median

from msgspec import Struct

from gobake.insight.card import RunSummary
from gobake.runs import window
from gobake.runs.outcomes import RunOutcome

LEAST = 5  # earlier runs; fewer tell no noise
_SIGMAS = 3 * 1.4826  # of normal noise, from the median deviation
_SHARE = 0.05  # of the median, and of a rate as it is: less is no change that anybody would look into


class Figure(StrEnum):
    """What is followed over runs."""

    SECONDS = "seconds"
    HIT_RATE = "hit_rate"
    GO_HIT_RATE = "go_hit_rate"

    def of(self, summary: RunSummary) -> float | None:
        value = getattr(summary, self.value)
        return None if value is None else float(value)


class Spread(Struct, frozen=True, kw_only=True):
    """One figure over several runs."""

    figure: Figure
    runs: int  # that have it
    median: float
    deviation: float  # median of the distances from the median

    @property
    def noise(self) -> float:
        """A run that is no further from the median tells nothing."""
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
    """The runs of one branch that are like its newest, which is none of `spreads`."""

    branch: str
    newest: RunSummary
    runs: int  # before the newest
    spreads: tuple[Spread, ...] = ()
    changes: tuple[Change, ...] = ()


def trend(newest: RunSummary, summaries: Sequence[RunSummary]) -> Trend:
    """One run against those before it on its branch. ``summaries``: newest first; the run itself may be among them."""
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
    """One a branch, of its newest run that went well; that of the newest run first."""
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
