"""One clock for all targets of a run.

buildx shifts each target's times so that they begin when it first hears of the target: on a busy machine the clocks of
two targets are seconds apart, and what came before what cannot be told. But a piece of work that several targets share
is reported to each of them, and took equally long on every clock: its beginnings tell how far the clocks are apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from gobake.trace.events import Vertex
from gobake.trace.names import parse_name, targets_in

_TELLING_SECONDS = 0.01  # shorter work takes equally long by chance


def on_one_clock(vertices: Iterable[Vertex]) -> list[Vertex]:
    """The vertices with all times on the earliest target's clock. Targets that share no work keep their own."""
    found = list(vertices)
    targets = targets_in(v.name for v in found)
    owners = [parse_name(v.name, targets).target for v in found]
    offsets = _offsets(_beginnings(zip(owners, found, strict=True)))
    return [_shifted(v, offsets.get(target, 0.0)) for target, v in zip(owners, found, strict=True)]


def _beginnings(owned: Iterable[tuple[str, Vertex]]) -> list[dict[str, float]]:
    """When each piece of shared work began, by target; the first of equally long episodes of one target."""
    works: dict[tuple[str, float], dict[str, float]] = defaultdict(dict)
    for target, vertex in owned:
        for episode in vertex.episodes.values():
            seconds = (episode.completed or 0.0) - episode.started
            if not episode.cached and seconds > _TELLING_SECONDS:
                begun = works[vertex.digest, round(seconds, 3)]
                begun[target] = min(episode.started, begun.get(target, episode.started))
    return [works[key] for key in sorted(works) if len(works[key]) > 1]


def _offsets(works: list[dict[str, float]]) -> dict[str, float]:
    """How far each target's clock is ahead of the earliest clock that it can be compared with."""
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
    return Vertex(digest=vertex.digest, name=vertex.name, inputs=vertex.inputs, episodes={e.started: e for e in moved})
