"""What moves at the moment: layers of images, results from a cache, files of the client. Pure.

BuildKit tells the bytes of what it pulls and of what the client sends. Of a push it tells only that it goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce

from msgspec import Struct

from gobake.trace.events import Episode, EventLog, StatusEvent

_EXPORTS = ("exporting ", "pushing ", "unpacking to ", "naming to ", "writing ", "sending tarball")
_MOVES = ("sha256:", "extracting ", "transferring ", *_EXPORTS)


class Transfer(Struct, frozen=True, kw_only=True):
    """What moves for one or more vertices."""

    current: int = 0  # bytes
    total: int = 0  # 0: unknown
    unpacking: bool = False  # all has arrived
    doing: str = ""  # what an export does: `exporting layers`, `pushing layers`; of unknown size

    def __add__(self, other: Transfer) -> Transfer:
        return Transfer(
            current=self.current + other.current,
            total=self.total + other.total,
            unpacking=self.unpacking and other.unpacking,
            doing=self.doing or other.doing,
        )


def transfers(log: EventLog) -> dict[str, Transfer]:
    """Return what moves now, by vertex. Nothing moves once the log is closed."""
    if log.closed:
        return {}
    found: dict[str, list[StatusEvent]] = {}
    for status in log.statuses.values():
        if status.id.startswith(_MOVES):
            found.setdefault(status.vertex, []).append(status)
    working = _working(log)
    return {
        vertex: _transfer(some)
        for vertex, some in found.items()
        if vertex in working and any(one.completed is None for one in some)
    }


def _working(log: EventLog) -> set[str]:
    """Return the vertices that have not ended. The last word on a transfer may be missing."""
    last: dict[str, Episode] = {}
    for vertex in log.vertices.values():
        for episode in vertex.episodes.values():
            known = last.get(vertex.digest)
            if known is None or (episode.started, episode.completed is not None) > (
                known.started,
                known.completed is not None,
            ):
                last[vertex.digest] = episode
    return {digest for digest, episode in last.items() if episode.completed is None}


def _transfer(statuses: Iterable[StatusEvent]) -> Transfer:
    layers = [one for one in statuses if one.id.startswith(("sha256:", "transferring "))]
    busy = [one.id for one in statuses if one.completed is None]
    return Transfer(
        current=sum(max(one.current, 0) for one in layers),
        total=sum(max(one.total, one.current, 0) for one in layers) if any(one.total for one in layers) else 0,
        unpacking=any(name.startswith("extracting ") for name in busy)
        and all(one.total and one.current >= one.total for one in layers),
        doing=next((_brief(name) for name in busy if name.startswith(_EXPORTS)), ""),
    )


def _brief(doing: str) -> str:
    """`pushing manifest for name:tag@sha256:...` without what comes from the image's name."""
    return " ".join(doing.split()[:2]).removesuffix(" to")


def together(moves: Mapping[str, Transfer], vertices: Iterable[str]) -> Transfer | None:
    """Return what moves for any of these vertices; None for nothing."""
    some = [moves[vertex] for vertex in dict.fromkeys(vertices) if vertex in moves]
    return reduce(Transfer.__add__, some) if some else None
