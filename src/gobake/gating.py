"""The gate at the end of a run: what earlier runs tell, the verdict, what is said of it, and the exit code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from gobake.errors import GateFailed, Unwritable
from gobake.insight.card import Digest, Scorecard
from gobake.insight.causes import Explanation
from gobake.insight.gate import Gate, Verdict, judge
from gobake.runs.record import RunRecord
from gobake.runs.store import RunStore
from gobake.trace.printable import one_line

_LOOKED_AT = 20  # runs whose records tell what steps cost, and why others were missed


def judge_or_fail(
    gate: Gate,
    card: Scorecard,
    earlier: Sequence[Digest],
    explanation: Explanation | Callable[[], Explanation | None] | None,
    *,
    color: str = "auto",
    quiet: bool = False,
) -> Verdict:
    """Judge a run, say what was found, and raise GateFailed where it fell short.

    ``earlier``: of the project's runs, newest first. An ``explanation`` that is yet to be made is made only for a run
    that fell short.
    """
    verdict = judge(gate, card, earlier)
    if callable(explanation):
        explanation = explanation() if verdict.short else None
    from gobake.report.gate import print_verdict

    print_verdict(verdict, explanation, color=color, quiet=quiet)
    if verdict.short:
        told = "; ".join(dict.fromkeys(f"{finding.check}: {finding.says}" for finding in verdict.short))
        raise GateFailed(one_line(f"the gate failed: {told}"), remedy="`gobake explain` says why")
    return verdict


def judge_run(gate: Gate, record: RunRecord, history: Path, *, color: str, quiet: bool) -> Verdict:
    """The gate of a run that just ended. Raises GateFailed."""
    from gobake.insight.scorecard import scorecard

    before, digests = _history(history, record)
    card = scorecard(record, before)
    return judge_or_fail(gate, card, digests, lambda: _explained(record, before), color=color, quiet=quiet)


def _history(folder: Path, record: RunRecord) -> tuple[Sequence[RunRecord], Sequence[Digest]]:
    """Earlier runs, newest first: the last of them whole, and the figures of all. Nothing where they cannot be read,
    which was said when the record could not be kept."""
    from gobake.insight.scorecard import digest_of, scorecard

    try:
        with RunStore(folder) as store:
            before = [r for r in store.recent(_LOOKED_AT) if r.id < record.id]  # ids begin with their time
            return before, [digest_of(scorecard(r, ())) for r in before]
    except Unwritable:
        return (), ()


def _explained(record: RunRecord, before: Sequence[RunRecord]) -> Explanation:
    from gobake.insight.explain import explain

    return explain(record, before)
