"""The output of `gobake runs ls`. Does not use rich, whose import takes as long as the rest of the command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gobake.report.quantities import moment_text, rfc3339, seconds_text, share_text
from gobake.runs.record import UnreadableRecord
from gobake.runs.summary import RunSummary
from gobake.text.layout import Table, arranged, wrapped
from gobake.text.printable import one_line

_SERVICES = 3  # services named per run
_COLUMNS = ("RUN", "BEGUN", "OUTCOME", "TIME", "TARGETS", "STEPS", "GO", "SAVED", "REVISION", "BRANCH", "SERVICES")
_WORDS = frozenset(_COLUMNS) - {"TIME", "TARGETS", "STEPS", "GO", "SAVED"}

Listed = tuple[str, RunSummary | UnreadableRecord]


def lines(found: Sequence[Listed], width: int | None = None) -> list[str]:
    """The header and the runs; STEPS and GO are hit rates. An unreadable record has a line with its error.

    ``width``: of the terminal; None for a line per run.
    """
    rows = [_row(run) for _, run in found if isinstance(run, RunSummary)]
    by_row: dict[int | None, list[str]] = {}
    for line in arranged(Table(columns=_COLUMNS, rows=tuple(rows), words=_WORDS), width):
        by_row.setdefault(line.row, []).append(line.text)
    output, at = by_row.get(None, []), 0
    for run_id, run in found:
        if isinstance(run, RunSummary):
            output += by_row[at]
            at += 1
        else:
            output += wrapped(f"{run_id}  {one_line(str(run))}", width, 2)
    return output


def as_json(found: Sequence[Listed], more: int) -> dict[str, Any]:
    """The list as JSON; null is unknown. ``more``: number of runs beyond the limit."""
    return {
        "schema": 1,
        "runs": [_object(run) for _, run in found if isinstance(run, RunSummary)],
        "unreadable": [{"id": run_id, "error": str(run)} for run_id, run in found if not isinstance(run, RunSummary)],
        "more": more,
    }


def _row(run: RunSummary) -> tuple[str, ...]:
    services = ", ".join(run.services[:_SERVICES])
    if len(run.services) > _SERVICES:
        services += f" and {len(run.services) - _SERVICES} more"
    row = (
        run.id,
        moment_text(run.started),
        run.outcome,
        f"{run.seconds:.1f} s",
        str(run.targets),
        share_text(run.hit_rate),
        share_text(run.go_hit_rate),
        seconds_text(run.saved),
        run.revision[:8] or "-",
        run.branch or "-",
        services or "-",
    )
    return tuple(map(one_line, row))


def _object(run: RunSummary) -> dict[str, Any]:
    return {
        "id": run.id,
        "started": run.started,
        "started_at": rfc3339(run.started),
        "seconds": run.seconds,
        "outcome": run.outcome,
        "targets": list(run.names),
        "branch": run.branch,
        "revision": run.revision,
        "services": list(run.services),
        "builder": run.builder,
        "go_version": run.go_version,
        "hit_rate": run.hit_rate,
        "go_hit_rate": run.go_hit_rate,
        "compiled": run.compiled,
        "executed": run.executed,
        "saved_seconds": run.saved,
    }
