"""Whether a container has started well, from what the engine says of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from gobake.engine.containers import State
from gobake.starting.probes import Limits, Probe, Way

_NO_FILE = re.compile(r"(?m)^exec (\S+): no such file or directory")
_FOREIGN = "exec format error"


class Outcome(StrEnum):
    """What became of a start."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"  # the engine cannot run the platform


class Verdict(Struct, frozen=True, kw_only=True):
    """What became of a start, in words for users."""

    outcome: Outcome
    text: str


def judged(probe: Probe, state: State, waited: float, limits: Limits, *, status: int = 0) -> Verdict | None:
    """Return what became of a container that has not answered; None as long as that is open.

    ``status``: the last HTTP status that is no success.
    """
    if not state.running:
        return _ended(probe, state)
    if probe.way is Way.HEALTHCHECK and state.health == "healthy":
        return passed("its HEALTHCHECK passes")
    if probe.way is Way.RUNS and waited >= limits.settled:
        return passed(f"it runs after {limits.settled:g} s")
    if waited < limits.seconds:
        return None
    if probe.way is Way.COMMAND:
        return failed(f"{probe} has not ended within {limits.seconds:g} s")
    last = f", its last answer was status {status}" if status else ""
    return failed(f"{probe} did not succeed within {limits.seconds:g} s{last}")


def _ended(probe: Probe, state: State) -> Verdict:
    if state.error:
        return failed(f"it cannot be started: {state.error}")
    if state.out_of_memory:
        return failed("it was killed: it needs more than 1 GiB of memory")
    if state.code:
        return failed(f"it ended with exit code {state.code}")
    if probe.way in (Way.COMMAND, Way.RUNS):
        return passed("it exited 0")
    return failed(f"it exited 0 before {probe} succeeded")


def explained(verdict: Verdict, said: Sequence[str], *, emulated: bool, emulator: bool) -> Verdict:
    """Add what the last lines of the log tell of the reason.

    ``emulator``: whether the engine is known to have one for the platform.
    """
    if verdict.outcome is not Outcome.FAILED:
        return verdict
    text = "\n".join((verdict.text, *said))
    if _FOREIGN in text and emulated and not emulator:
        return Verdict(outcome=Outcome.SKIPPED, text="the engine has no emulator for this platform")
    if _FOREIGN in text:
        return failed(f"{verdict.text}: its program is for another platform, or damaged")
    if missing := _NO_FILE.search(text):
        return failed(f"{verdict.text}: {missing[1]} or the loader that it names is not in the image")
    return verdict


def passed(text: str) -> Verdict:
    return Verdict(outcome=Outcome.PASSED, text=text)


def failed(text: str) -> Verdict:
    return Verdict(outcome=Outcome.FAILED, text=text)
