"""The steps of a build that was repeated: what the run did, whichever attempt did it."""

from __future__ import annotations

from gobake.runs.outcomes import Outcome
from gobake.trace.names import parse_name
from gobake.trace.repeated import with_earlier
from gobake.trace.steps import Step, Trace

COMPILE, EXPORT = "[linux/amd64 compile 2/2] RUN go build", "[web-scratch] exporting to image"


def step(key: str, outcome: Outcome, *, completed: float | None = 2.0, failed: bool = False) -> Step:
    return Step(
        name=parse_name(key),
        key=key,
        digests=(f"sha256:{outcome}",),
        outcome=outcome,
        started=1.0,
        completed=completed,
        failed=failed,
    )


def test_what_an_earlier_attempt_has_done_is_not_reused() -> None:
    compiled, refused = step(COMPILE, Outcome.EXECUTED), step(EXPORT, Outcome.EXECUTED, failed=True)
    pushed = step(EXPORT, Outcome.EXECUTED)
    first = Trace(steps=(compiled, refused), logs={COMPILE: "fmt", EXPORT: "error"})
    again = Trace(steps=(step(COMPILE, Outcome.REUSED), refused))
    last = Trace(steps=(step(COMPILE, Outcome.REUSED), pushed), logs={EXPORT: "pushed"})
    found = with_earlier(last, [first, again])
    assert found.steps == (compiled, pushed)
    assert found.logs == {COMPILE: "fmt", EXPORT: "pushed"}


def test_what_it_has_not_ended_is_the_last_attempts() -> None:
    first = Trace(steps=(step(COMPILE, Outcome.EXECUTED, completed=None),))
    reused = Trace(steps=(step(COMPILE, Outcome.REUSED),))
    assert with_earlier(reused, [first]) == reused
    assert with_earlier(reused, []) == reused
