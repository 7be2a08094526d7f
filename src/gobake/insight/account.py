"""The full report of one run: its figures, their comparison with other runs, and why something missed."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from gobake.insight.card import RunSummary, Scorecard
from gobake.insight.causes import Explanation
from gobake.insight.compare import Comparison, compare
from gobake.insight.explain import explain
from gobake.insight.growth import ImageGrowth
from gobake.insight.scorecard import scorecard, summary_of
from gobake.insight.trend import Trend, trend
from gobake.runs.record import RunRecord


class Account(Struct, frozen=True, kw_only=True):
    """What reports print. None: not requested, or nothing to report."""

    card: Scorecard
    trend: Trend | None = None
    compared: Comparison | None = None
    explanation: Explanation | None = None
    growth: tuple[ImageGrowth, ...] = ()  # of the images of services, each since the run that it is compared with


def account(
    record: RunRecord,
    earlier: Sequence[RunRecord],
    summaries: Sequence[RunSummary],
    *,
    other: Scorecard | None = None,
    growth: tuple[ImageGrowth, ...] = (),
) -> Account:
    """The account of a run. ``earlier`` and ``summaries``: newest first; ``other``: of the run to compare with."""
    card = scorecard(record, earlier)
    course = trend(summary_of(card), summaries)
    return Account(
        card=card,
        trend=course if course.runs else None,
        compared=compare(card, other) if other else None,
        explanation=explain(record, earlier),
        growth=growth,
    )
