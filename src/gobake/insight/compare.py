"""Compares two runs figure by figure."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from gobake.insight.card import Scorecard
from gobake.insight.costs import longest

_LEAST = 0.001


class Unit(StrEnum):
    """The unit of a figure."""

    SECONDS = "seconds"
    SHARE = "share"  # 0 to 1
    COUNT = "count"
    BYTES = "bytes"


class Row(Struct, frozen=True, kw_only=True):
    """One figure of both runs; None is unknown."""

    name: str
    unit: Unit
    before: float | None
    now: float | None
    more_is_better: bool | None = None  # None: neither is better

    @property
    def difference(self) -> float | None:
        return None if self.before is None or self.now is None else self.now - self.before

    @property
    def changed(self) -> bool:
        """Whether the difference is worth a word: a thousandth, of the figure or of the whole if it is a share."""
        if not self.difference or self.before is None or self.now is None:
            return False
        whole = 1.0 if self.unit is Unit.SHARE else max(abs(self.before), abs(self.now))
        return abs(self.difference) >= _LEAST * whole

    @property
    def better(self) -> bool | None:
        """Whether the figure improved; None if it is equal, unknown, or neither direction is better."""
        if not self.difference or not self.changed or self.more_is_better is None:
            return None
        return (self.difference > 0) == self.more_is_better


class Comparison(Struct, frozen=True, kw_only=True):
    """The figures of a run and of another one."""

    run: str
    other: str
    branch: str  # of the other
    rows: tuple[Row, ...]


def compare(card: Scorecard, other: Scorecard) -> Comparison:
    """Compare `card` with ``other``, figure by figure."""
    sides = (dict(_figures(other)), dict(_figures(card)))
    rows = []
    for name in dict.fromkeys((*sides[1], *sides[0])):
        before, now = (side.get(name, (None, None, None)) for side in sides)
        unit, better = now[0] or before[0] or Unit.COUNT, now[2] if now[0] else before[2]
        rows.append(Row(name=name, unit=unit, before=before[1], now=now[1], more_is_better=better))
    return Comparison(run=card.run.id, other=other.run.id, branch=other.run.branch, rows=tuple(rows))


_Figure = tuple[Unit, float | None, bool | None]


def _figures(card: Scorecard) -> Iterator[tuple[str, _Figure]]:
    """(name, (unit, value, whether more is better))."""
    run, go = card.run, card.go
    yield "wall time", (Unit.SECONDS, run.seconds, False)
    yield "critical path", (Unit.SECONDS, card.critical_seconds, False)
    yield "saved", (Unit.SECONDS, card.saved, True)
    yield "step hit rate", (Unit.SHARE, card.steps.hit_rate, True)
    yield "weighted hit rate", (Unit.SHARE, card.steps.weighted_hit_rate, True)
    yield "steps executed", (Unit.COUNT, card.steps.executed, False)
    yield "Go hit rate", (Unit.SHARE, go.hit_rate if go else None, True)
    yield "Go packages compiled", (Unit.COUNT, go.compiled if go else None, False)
    yield "Go commands linked", (Unit.COUNT, go.linked if go else None, False)
    yield "modules downloaded", (Unit.COUNT, card.modules_downloaded, None)
    for direction in ("import", "export"):
        yield f"cache {direction}", (Unit.SECONDS, longest(card.caches, direction), False)
    yield "seeds", (Unit.SECONDS, sum(s.seconds for s in card.seeds) if card.seeds else None, False)
    for mount in card.mounts:
        yield f"mount {mount.name}", (Unit.BYTES, mount.after, None)
    for target in card.targets:
        for size in target.sizes:
            yield f"image {target.name} {size.platform}", (Unit.BYTES, size.compressed, False)
