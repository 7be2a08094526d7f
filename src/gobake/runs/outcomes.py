"""The outcomes of steps, runs and seeds, in the words of records."""

from __future__ import annotations

from enum import StrEnum


class _Word(StrEnum):
    """A word of a record.

    An unknown one, from a newer gobake, stays as it is: it is read, shown and written again, and equals no member.
    """

    @classmethod
    def _missing_(cls, value: object) -> _Word | None:
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_ = word._value_ = value
        return word


class Outcome(_Word):
    """The outcome of a step, in the order of reports."""

    REUSED = "reused"  # this builder had it
    IMPORTED = "imported"  # it came through cache-from
    SHARED = "shared"  # built for another target in the same run, or because of another build at the same time
    EXECUTED = "executed"
    UNKNOWN = "unknown"  # cached, but it is unknown where; or never reached
    UNCACHEABLE = "uncacheable"  # BuildKit's own housekeeping, never counted


class RunOutcome(_Word):
    """How a run ended."""

    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    KILLED = "killed"  # it did not report its end; or it still runs


class SeedAction(_Word):
    """What was done with a seed."""

    RESTORED = "restored"
    REFUSED = "refused"  # the build went on without it
    SAVED = "saved"
    SAVED_WHOLE = "saved whole"
    SAVED_GROWN = "saved grown"
    SAVED_NOTHING = "saved nothing"  # the seed in force contains everything
    NOT_SAVED = "not saved"
