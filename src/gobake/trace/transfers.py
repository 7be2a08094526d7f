"""What moves at the moment: layers of images, results from a cache, files of the client. Pure.

BuildKit tells the bytes of what it pulls and of what the client sends. Of a push it tells only that it goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce

from msgspec import Struct

from gobake.trace.events import EventLog, StatusEvent


class Transfer(Struct, frozen=True, kw_only=True):
    """What moves for one or more vertices."""

    current: int = 0  # bytes
    total: int = 0  # 0: unknown
    unpacking: bool = False  # all has arrived
    pushing: bool = False  # of unknown size

    def __add__(self, other: Transfer) -> Transfer:
        return Transfer(
            current=self.current + other.current,
            total=self.total + other.total,
            unpacking=self.unpacking and other.unpacking,
            pushing=self.pushing or other.pushing,
        )


def transfers(log: EventLog) -> dict[str, Transfer]:
    """Return what moves now, by vertex. Nothing moves once the log is closed."""
    if log.closed:
        return {}
    found: dict[str, list[StatusEvent]] = {}
    for status in log.statuses.values():
        if status.id.startswith(("sha256:", "extracting ", "transferring ", "pushing ")):
            found.setdefault(status.vertex, []).append(status)
    return {vertex: _transfer(some) for vertex, some in found.items() if any(one.completed is None for one in some)}


def _transfer(statuses: Iterable[StatusEvent]) -> Transfer:
    layers = [one for one in statuses if one.id.startswith(("sha256:", "transferring "))]
    busy = [one.id for one in statuses if one.completed is None]
    return Transfer(
        current=sum(max(one.current, 0) for one in layers),
        total=sum(max(one.total, one.current, 0) for one in layers) if any(one.total for one in layers) else 0,
        unpacking=any(name.startswith("extracting ") for name in busy)
        and all(one.total and one.current >= one.total for one in layers),
        pushing=any(name.startswith("pushing ") for name in busy),
    )


def together(moves: Mapping[str, Transfer], vertices: Iterable[str]) -> Transfer | None:
    """Return what moves for any of these vertices; None for nothing."""
    some = [moves[vertex] for vertex in dict.fromkeys(vertices) if vertex in moves]
    return reduce(Transfer.__add__, some) if some else None
