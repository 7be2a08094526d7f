"""Brings the times of all targets of a run to one clock.

buildx shifts each target's times so that they begin when it first hears of the target. On a busy machine the clocks of
two targets can be seconds apart, which hides the order of events. But work that several targets share is reported to
each of them with the same duration; the difference of its start times is the offset of the clocks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from msgspec.structs import replace

from gobake.trace.events import Vertex
from gobake.trace.names import parse_name, targets_in

_TELLING_SECONDS = 0.01  # shorter work may have equal durations by chance


def on_one_clock(vertices: Iterable[Vertex]) -> list[Vertex]:
    """Return the vertices with all times on the earliest target's clock; targets without shared work keep their own."""
    every = list(vertices)
    targets = targets_in(v.name for v in every)
    owners = [parse_name(v.name, targets).target for v in every]
    offsets = _offsets(_beginnings(zip(owners, every, strict=True)))
    return [_shifted(v, offsets.get(target, 0.0)) for target, v in zip(owners, every, strict=True)]


def _beginnings(owned: Iterable[tuple[str, Vertex]]) -> list[dict[str, float]]:
    """Return the start of each piece of shared work by target; of equally long episodes of a target, the first."""
    works: dict[tuple[str, float], dict[str, float]] = defaultdict(dict)
    for target, vertex in owned:
        for episode in vertex.episodes.values():
            seconds = (episode.completed or 0.0) - episode.started
            if not episode.cached and seconds > _TELLING_SECONDS:
                begun = works[vertex.digest, round(seconds, 3)]
                begun[target] = min(episode.started, begun.get(target, episode.started))
    return [works[key] for key in sorted(works) if len(works[key]) > 1]


def _offsets(works: list[dict[str, float]]) -> dict[str, float]:
    """Return how far each target's clock is ahead of the earliest clock that it can be compared with, in seconds."""
    apart: dict[str, dict[str, float]] = defaultdict(dict)
    for begun in works:
        first = min(begun)
        for target in sorted(begun):
            apart[first].setdefault(target, begun[target] - begun[first])
            apart[target].setdefault(first, begun[first] - begun[target])
    offsets: dict[str, float] = {}
    for root in sorted(apart):
        if root in offsets:
            continue
        together, todo = {root: 0.0}, [root]
        for target in todo:
            for other in sorted(apart[target]):
                if other not in together:
                    together[other] = together[target] + apart[target][other]
                    todo.append(other)
        earliest = min(together.values())
        offsets |= {target: offset - earliest for target, offset in together.items()}
    return offsets


def _shifted(vertex: Vertex, offset: float) -> Vertex:
    if not offset:
        return vertex
    moved = (
        replace(e, started=e.started - offset, completed=None if e.completed is None else e.completed - offset)
        for e in vertex.episodes.values()
    )
    moved_episodes = {e.started: e for e in moved}
    return Vertex(
        digest=vertex.digest, name=vertex.name, inputs=vertex.inputs, episodes=moved_episodes, foreign=vertex.foreign
    )
