"""The steps of a build that was repeated. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from gobake.runs.outcomes import Outcome
from gobake.trace.steps import Step, Trace

_DID = (Outcome.EXECUTED, Outcome.IMPORTED, Outcome.SHARED)
_HAD = (Outcome.REUSED, Outcome.UNKNOWN)


def with_earlier(last: Trace, earlier: Sequence[Trace]) -> Trace:
    """Return the last attempt, where a step that an earlier attempt has done is that attempt's: the run did it."""
    did: dict[str, tuple[Step, str]] = {}
    for trace in earlier:
        for step in trace.steps:
            if step.outcome in _DID and step.completed is not None and not step.failed and not step.canceled:
                did.setdefault(step.key, (step, trace.logs.get(step.key, "")))
    taken = {step.key: did[step.key] for step in last.steps if step.outcome in _HAD and step.key in did}
    return replace(
        last,
        steps=tuple(taken[step.key][0] if step.key in taken else step for step in last.steps),
        logs={**last.logs, **{key: log for key, (_, log) in taken.items() if log}},
    )
