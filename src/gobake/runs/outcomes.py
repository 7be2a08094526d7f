"""What became of steps, runs and seeds, in the words that records have for it."""

from __future__ import annotations

from enum import StrEnum


class _Word(StrEnum):
    """A word of a record. One that this version does not know, of a newer gobake, stays what it is: it is read, shown
    and written again, and equals no other."""

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
    SHARED = "shared"  # built for a sibling target in the same run
    EXECUTED = "executed"
    UNKNOWN = "unknown"  # cached, but it is unknown where; or never reached
    UNCACHEABLE = "uncacheable"  # BuildKit's own housekeeping, never counted


class RunOutcome(_Word):
    """How a run ended."""

    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    KILLED = "killed"  # it could not tell of its end; or it has not ended yet


class SeedAction(_Word):
    """What was done with a seed."""

    RESTORED = "restored"
    REFUSED = "refused"  # then the build went on without it
    SAVED = "saved"
    SAVED_WHOLE = "saved whole"
    SAVED_GROWN = "saved grown"
    SAVED_NOTHING = "saved nothing"  # the seed in force holds all there is
    NOT_SAVED = "not saved"
