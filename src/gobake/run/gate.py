"""The gate at the end of a run: reads earlier runs, judges, prints the verdict and sets the exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from gobake.errors import GateFailed, Unwritable
from gobake.insight.card import RunSummary, Scorecard
from gobake.insight.causes import Explanation
from gobake.insight.gate import Gate, judge
from gobake.insight.growth import ImageGrowth
from gobake.insight.verdict import OF_IMAGES, Verdict
from gobake.runs.begun import open_history
from gobake.runs.record import RunRecord
from gobake.runs.store import RunStore
from gobake.text.printable import one_line


class Past(Struct, frozen=True, kw_only=True):
    """What a run is compared with."""

    summaries: Sequence[RunSummary] = ()  # of the project's runs, newest first
    growth: Sequence[ImageGrowth] = ()  # of the run's images


def judge_or_fail(
    gate: Gate,
    card: Scorecard,
    past: Past,
    explanation: Explanation | Callable[[], Explanation | None] | None,
    *,
    color: str = "auto",
    quiet: bool = False,
) -> Verdict:
    """Judge a run, print the findings, and raise GateFailed if it missed a limit.

    ``past``: the project's runs. ``explanation``: if callable, it is called only if the run missed a limit of its
    caches.
    """
    verdict = judge(gate, card, past.summaries, past.growth)
    misses = any(finding.check not in OF_IMAGES for finding in verdict.short)
    if callable(explanation):
        explanation = explanation() if misses else None
    from gobake.report.gate import print_verdict

    print_verdict(verdict, explanation if misses else None, color=color, quiet=quiet)
    if verdict.short:
        told = "; ".join(dict.fromkeys(f"{finding.check}: {finding.says}" for finding in verdict.short))
        raise GateFailed(one_line(f"the gate failed: {told}"), remedy=_remedy(misses=misses))
    return verdict


def _remedy(*, misses: bool) -> str:
    """Which command tells more."""
    if misses:
        return "`gobake explain` says why"
    return "`gobake size SERVICE` says where the bytes are; with `--against RUN`, what grew"


def judge_run(gate: Gate, record: RunRecord, history: Path, *, color: str, quiet: bool) -> Verdict:
    """Apply the gate to a run that just ended. Raises GateFailed."""
    from gobake.insight.history import earlier, growths_of, summaries
    from gobake.insight.scorecard import scorecard
    from gobake.runs.window import SUMMARIES

    with _history(history) as store:
        before: Sequence[RunRecord] = earlier(store, record) if store else ()
        known = summaries(store, SUMMARIES) if store else ()
        card = scorecard(record, before)
        growth = growths_of(store, record) if store and gate.asks_sizes else ()
        past = Past(summaries=known, growth=growth)
        return judge_or_fail(gate, card, past, lambda: _explained(record, before), color=color, quiet=quiet)


@contextmanager
def _history(folder: Path) -> Iterator[RunStore | None]:
    """Open the history; None if it is unreadable, which was reported when the record could not be kept."""
    try:
        store = open_history(folder)
    except Unwritable:
        yield None
        return
    with store:
        yield store


def _explained(record: RunRecord, before: Sequence[RunRecord]) -> Explanation:
    from gobake.insight.explain import explain

    return explain(record, before)
