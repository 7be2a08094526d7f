"""The steps of a run as pieces of work, each counted once: counts, rates, times, and the longest chain.

Targets that need the same step show the same digest: one piece of work, with the outcome of the target that did it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from msgspec import Struct

from gobake.insight.card import StepFigures
from gobake.insight.costs import CACHED, Costs
from gobake.insight.identity import in_order, is_base
from gobake.runs.outcomes import Outcome
from gobake.runs.record import RunRecord, StepRecord
from gobake.trace.intervals import covered

_RANK = (
    Outcome.EXECUTED,
    Outcome.IMPORTED,
    Outcome.REUSED,
    Outcome.UNKNOWN,
)  # the outcome of a piece that targets report differently


class Piece(Struct, frozen=True, kw_only=True):
    """One piece of work and the steps that show it."""

    outcome: Outcome | None  # None if another target did it under another digest, or BuildKit for itself
    at: int  # position of the step that did it
    step: StepRecord
    shown: tuple[int, ...]  # positions of all of its steps


def pieces(record: RunRecord, places: Iterable[int] | None = None) -> list[Piece]:
    """The work of the steps at ``places``, by default of all steps that were reached."""
    groups: dict[str, list[int]] = defaultdict(list)
    for at in range(len(record.steps)) if places is None else places:
        step = record.steps[at]
        if step.started is not None:
            groups[step.digest or f"step {at}"].append(at)
    return [_piece(record, group) for group in groups.values()]


def _piece(record: RunRecord, group: list[int]) -> Piece:
    seen = {record.steps[at].outcome for at in group}
    outcome = next((o for o in _RANK if o in seen), None)
    own = [at for at in group if not outcome or record.steps[at].outcome == outcome]
    at = max(own, key=lambda at: record.steps[at].seconds or 0.0)
    return Piece(outcome=outcome, at=at, step=record.steps[at], shown=tuple(group))


def hit_rate(found: Iterable[Piece]) -> float | None:
    """The share of work taken from a cache, among work taken from a cache or executed; None if there is neither."""
    counts = Counter(piece.outcome for piece in found)
    hits = counts[Outcome.REUSED] + counts[Outcome.IMPORTED]
    return hits / (hits + counts[Outcome.EXECUTED]) if hits + counts[Outcome.EXECUTED] else None


def figures(record: RunRecord, costs: Costs, places: Iterable[int] | None = None) -> StepFigures:
    """Counts and rates of the steps at ``places``."""
    found = pieces(record, places)
    counts = Counter(piece.outcome for piece in found)
    plain = Counter(record.steps[at].outcome for piece in found for at in piece.shown)
    return StepFigures(
        reused=counts[Outcome.REUSED],
        imported=counts[Outcome.IMPORTED],
        shared=plain[Outcome.SHARED],
        executed=counts[Outcome.EXECUTED],
        uncacheable=sum(1 for piece in found if piece.step.outcome == Outcome.UNCACHEABLE),
        unknown=counts[Outcome.UNKNOWN],
        hit_rate=hit_rate(found),
        weighted_hit_rate=_weighted(found, costs),
    )


def _weighted(found: Sequence[Piece], costs: Costs) -> float | None:
    hits = done = 0.0
    for piece in found:
        if piece.outcome == Outcome.EXECUTED:
            if piece.step.seconds is None:
                return None
            done += piece.step.seconds
        elif piece.outcome in (Outcome.REUSED, Outcome.IMPORTED):
            cost = costs.steps.get(costs.keys[piece.at])
            if cost is not None:
                hits += cost
            elif not is_base(piece.step):
                return None
    return hits / (hits + done) if hits + done else None


def seconds_at_work(record: RunRecord, places: Iterable[int]) -> float:
    """Seconds in which any target worked on the steps at ``places``."""
    wanted = {record.steps[at].digest or f"step {at}" for at in places}
    spans = []
    for at, step in enumerate(record.steps):
        if step.started is not None and step.seconds and (step.digest or f"step {at}") in wanted:
            spans.append((step.started, step.started + step.seconds))
    return covered(spans)


def host_seconds(record: RunRecord) -> float:
    """Seconds in which this machine's Go compiled before the build; everything else waited."""
    return covered((one.started, one.started + one.seconds) for one in record.host)


def saved_by_steps(record: RunRecord, costs: Costs) -> tuple[float, int, int]:
    """(Seconds saved by cached steps, number of cached steps with a known cost, number without)."""
    saved, known, unknown = 0.0, 0, 0
    for piece in pieces(record):
        if piece.outcome not in CACHED:
            continue
        cost = costs.steps.get(costs.keys[piece.at])
        if cost is None:
            unknown += 1
        else:
            known += 1
            saved += cost - (piece.step.seconds or 0.0)
    return saved, known, unknown


def critical_path(record: RunRecord) -> tuple[tuple[int, ...], float | None]:
    """The longest chain of steps, each needed by the next: positions in order, and its seconds.

    BuildKit reports steps of two platforms under one name if one platform runs both, so a step may seem to begin before
    the end of what it needs. Overlapping time counts once.
    """
    found = pieces(record)
    of = {at: number for number, piece in enumerate(found) for at in piece.shown}
    needs = [
        {n for at in piece.shown for need in record.steps[at].needs if (n := of.get(need, number)) != number}
        for number, piece in enumerate(found)
    ]
    chains: dict[int, _Chain] = {}
    for number in in_order(needs):
        before = max(
            (chains[n] for n in needs[number] if n in chains), key=lambda c: (c.seconds, -c.last), default=None
        )
        chains[number] = _longer(before, number, found[number].step)
    end: _Chain | None = max(chains.values(), key=lambda c: (c.seconds, -c.last), default=None)
    if end is None or not end.seconds:
        return (), None
    seconds, path = end.seconds, []
    while end:
        if end.added > 0:
            path.append(found[end.last].at)
        end = end.before
    return tuple(reversed(path)), seconds


class _Chain(Struct, frozen=True, kw_only=True):
    """A chain of steps, each of which needs the one before."""

    last: int
    before: _Chain | None
    seconds: float
    added: float  # seconds of the last step among these
    reach: float  # time at which all of it had ended


def _longer(before: _Chain | None, number: int, step: StepRecord) -> _Chain:
    begun = step.started or 0.0
    ended = begun + max(0.0, step.seconds or 0.0)
    reach = before.reach if before else begun
    added = max(0.0, ended - max(begun, reach))
    seconds = (before.seconds if before else 0.0) + added
    return _Chain(last=number, before=before, seconds=seconds, added=added, reach=max(reach, ended))
