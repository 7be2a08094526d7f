"""From merged vertices to steps with an outcome. The rules are those of the words in docs/internals.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gobake.trace0.events import EventLog, Vertex
from gobake.trace0.names import Kind, StepName, parse


class Outcome(StrEnum):
    """What happened to a step."""

    REUSED = "reused"  # in this builder already
    IMPORTED = "imported"  # through cache-from
    SHARED = "shared"  # built moments ago for a sibling
    EXECUTED = "executed"
    UNCACHEABLE = "uncacheable"  # BuildKit's own housekeeping; never counted
    UNKNOWN = "unknown"  # the evidence does not tell


@dataclass(frozen=True, kw_only=True)
class Step:
    """One vertex of one target. Times are seconds since the epoch; None where it never began or ended."""

    name: StepName
    digest: str
    outcome: Outcome
    started: float | None
    completed: float | None
    error: str = ""

    @property
    def seconds(self) -> float:
        return max(0.0, self.completed - self.started) if self.started and self.completed else 0.0

    @property
    def failed(self) -> bool:
        return bool(self.error) and not self.canceled

    @property
    def canceled(self) -> bool:
        return "context canceled" in self.error or (self.started is not None and self.completed is None)


@dataclass(frozen=True, kw_only=True)
class Trace:
    """All steps of a run, ordered by start, and what BuildKit said beside them."""

    steps: tuple[Step, ...]
    lines: tuple[str, ...]
    warnings: tuple[str, ...]

    def counts(self) -> dict[Outcome, int]:
        """How many distinct steps had which outcome: a step that several targets name is one step."""
        return {outcome: count for outcome, count in sorted(Counter(s.outcome for s in distinct(self.steps)).items())}

    @property
    def executed(self) -> tuple[Step, ...]:
        return tuple(s for s in distinct(self.steps) if s.outcome is Outcome.EXECUTED)

    @property
    def failed(self) -> tuple[Step, ...]:
        return tuple(s for s in self.steps if s.failed)


# Of several targets' views of one vertex the one that did the work speaks for it.
_RANK = {
    o: n
    for n, o in enumerate(
        (Outcome.EXECUTED, Outcome.IMPORTED, Outcome.REUSED, Outcome.UNKNOWN, Outcome.SHARED, Outcome.UNCACHEABLE)
    )
}


def distinct(steps: Iterable[Step]) -> tuple[Step, ...]:
    """One step a digest, however many targets name it."""
    found: dict[str, Step] = {}
    for step in steps:
        old = found.get(step.digest)
        if old is None or _RANK[step.outcome] < _RANK[old.outcome]:
            found[step.digest] = step
    return tuple(found.values())


def trace(log: EventLog) -> Trace:
    """Give every vertex its outcome."""
    vertexes = list(log.vertexes.values())
    parsed = {id(v): parse(v.name) for v in vertexes}
    importing = any(parsed[id(v)].kind is Kind.CACHE_IMPORT and not v.error for v in vertexes)
    worked = _first_workers(vertexes)
    steps = [
        Step(
            name=parsed[id(v)],
            digest=v.digest,
            outcome=_outcome(v, parsed[id(v)], worked, importing, v.digest in log.pulls),
            started=v.started,
            completed=v.completed,
            error=v.error,
        )
        for v in vertexes
    ]
    steps.sort(key=lambda s: (s.started is None, s.started or 0.0, s.digest, s.name.target))
    return Trace(steps=tuple(steps), lines=tuple(log.lines), warnings=tuple(w.short for w in log.warnings.values()))


def _first_workers(vertexes: list[Vertex]) -> dict[str, Vertex]:
    """By digest the vertex that really ran: of several targets the first that finished without the cache."""
    found: dict[str, Vertex] = {}
    for vertex in vertexes:
        if vertex.cached or vertex.started is None:
            continue
        old = found.get(vertex.digest)
        if old is None or (vertex.completed or 9e18) < (old.completed or 9e18):
            found[vertex.digest] = vertex
    return found


def _outcome(vertex: Vertex, name: StepName, worked: dict[str, Vertex], importing: bool, pulled: bool) -> Outcome:
    if name.kind is not Kind.STEP:
        return Outcome.UNCACHEABLE
    if vertex.cached:
        if vertex.digest in worked:
            return Outcome.SHARED
        return Outcome.UNKNOWN if importing else Outcome.REUSED
    if vertex.started is None:
        return Outcome.UNKNOWN  # it never came to it
    if name.instruction.startswith("FROM ") and vertex.completed and not vertex.error:
        # a base that is there already is resolved but not marked as cached: whether layers came tells
        return Outcome.EXECUTED if pulled else Outcome.REUSED
    return Outcome.EXECUTED if worked.get(vertex.digest) is vertex else Outcome.SHARED
