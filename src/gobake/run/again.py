"""Waits before a build is repeated that a registry has failed for a reason that passes.

What was built comes from the builder's cache, so a repeated build only fetches and pushes what it could not before.
"""

from __future__ import annotations

from enum import Enum, auto

from gobake.engine.interrupt import interruptible
from gobake.proc.backoff import pause, rest
from gobake.run.session import Session
from gobake.runs.record import RetryRecord
from gobake.trace.events import EventLog
from gobake.trace.passing import passing_fault
from gobake.trace.steps import steps

_FIRST_SECONDS, _MOST_SECONDS = 2.0, 30.0


class Again(Enum):
    """Whether a failed build is to be repeated."""

    YES = auto()
    NO = auto()
    INTERRUPTED = auto()  # Ctrl-C while it was waited for


def repeated(session: Session, log: EventLog) -> Again:
    """Wait if the build may be repeated and has failed for a reason that passes. Tells the user, and the record."""
    done, allowed = len(session.retries), session.request.retries
    reason = passing_fault(steps(log), log.plain) if done < allowed else ""
    if not reason:
        return Again.NO
    retry = RetryRecord(
        reason=reason,
        began=session.begun.seconds(),
        waited=pause(done, first=_FIRST_SECONDS, most=_MOST_SECONDS),
    )
    session.retries.append(retry)
    session.progress(()).retry(retry, done + 1, allowed)
    with interruptible() as pressed:

        def over() -> bool:
            session.begun.alive()
            return pressed()

        return Again.YES if rest(retry.waited, over) else Again.INTERRUPTED
