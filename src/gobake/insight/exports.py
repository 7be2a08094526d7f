"""The cost of exporting layer caches over the last runs, and the seconds that imports saved."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from gobake.insight.costs import longest, went_well
from gobake.insight.identity import step_keys
from gobake.runs import window
from gobake.runs.outcomes import Outcome, RunOutcome
from gobake.runs.record import RunRecord

LEAST = 3  # fewer exports are not compared


class Balance(Struct, frozen=True, kw_only=True):
    """Seconds over the last runs."""

    runs: int  # number of runs that exported
    spent: float
    saved: float

    @property
    def says(self) -> str:
        return (
            f"exporting layer caches took {self.spent:.1f} s in the last {self.runs} runs, and imports saved "
            f"{max(self.saved, 0.0):.1f} s: a policy with `layers: {{export: false}}` would be faster"
        )

    @property
    def costs(self) -> bool:
        return self.spent > self.saved


def balance(records: Sequence[RunRecord]) -> Balance | None:
    """The balance of the last runs; None if it is unknown, or with too few exports. ``records``: newest first.

    An imported step saves the seconds of its last execution minus those of its layers' download. If an imported step
    has no recorded execution, the balance is unknown.
    """
    recent = [(at, run) for at, run in enumerate(records[: window.RECENT]) if run.outcome == RunOutcome.DONE]
    spent = [_export_seconds(run) for _, run in recent]
    exports = [seconds for seconds in spent if seconds is not None]
    if len(exports) < LEAST:
        return None
    saved = 0.0
    for at, record in recent:
        steps = zip(step_keys(record), record.steps, strict=True)
        imported = {
            key: step.seconds or 0.0 for key, step in steps if step.outcome in (Outcome.IMPORTED, Outcome.UNKNOWN)
        }
        for key, seconds in imported.items():
            before = _last_executed(key, records[at + 1 :])
            if before is None:
                return None
            saved += before - seconds
    return Balance(runs=len(exports), spent=sum(exports), saved=saved)


def _export_seconds(record: RunRecord) -> float | None:
    """Seconds of the successful exports; None if there were none."""
    return longest([cache for cache in record.caches if not cache.error], "export")


def _last_executed(key: str, records: Sequence[RunRecord]) -> float | None:
    for record in records:
        for known, step in zip(step_keys(record), record.steps, strict=True):
            if known == key and went_well(step) and step.seconds is not None:
                return step.seconds
    return None
