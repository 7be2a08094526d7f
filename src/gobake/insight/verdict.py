"""What a gate says of a run: the result of each check. Plain values."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Check(StrEnum):
    """A check of the gate, named like its option."""

    HIT_RATE = "min-hit-rate"
    GO_HIT_RATE = "min-go-hit-rate"
    SECONDS = "max-seconds-regression"
    CACHE = "require-cache"
    SIZE = "max-size"
    GROWTH = "max-growth"


class State(StrEnum):
    """The result of a check."""

    MET = "met"
    SHORT = "short"
    EXEMPT = "exempt"  # fell short, with an exemption
    UNTOLD = "untold"  # unknown from the evidence


class Finding(Struct, frozen=True, kw_only=True):
    """The result of one check."""

    check: Check
    state: State
    says: str  # one line for people: the value and the limit
    reached: float | None = None  # a fraction, seconds or bytes; None: unknown, or no figure
    asked: float | None = None  # the limit: a least fraction, most seconds or most bytes
    why: str = ""  # for EXEMPT, the exemption; for UNTOLD, what is unknown


class Verdict(Struct, frozen=True, kw_only=True):
    """The results of all checks."""

    findings: tuple[Finding, ...] = ()

    @property
    def short(self) -> tuple[Finding, ...]:
        return self._in(State.SHORT)

    @property
    def exempt(self) -> tuple[Finding, ...]:
        return self._in(State.EXEMPT)

    @property
    def untold(self) -> tuple[Finding, ...]:
        return self._in(State.UNTOLD)

    @property
    def passed(self) -> bool:
        return not self.short

    def _in(self, state: State) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.state is state)


OF_IMAGES = (Check.SIZE, Check.GROWTH)
