"""Groups the vertices of a run by step: one group per target and name."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from gobake.trace.events import Episode, Vertex
from gobake.trace.names import TRACE, StepName, parse_name, targets_in


@dataclass(kw_only=True)
class Group:
    """The vertices of one (target, name)."""

    name: StepName
    key: str
    vertices: list[Vertex]
    ran: list[Vertex] = field(default_factory=list)  # did the work and succeeded
    failed: list[Vertex] = field(default_factory=list)
    hit: list[Vertex] = field(default_factory=list)  # cached
    stopped: list[Vertex] = field(default_factory=list)  # canceled, or still running

    @property
    def did(self) -> list[Vertex]:
        return self.failed or self.ran

    @property
    def episodes(self) -> list[Episode]:
        return sorted((e for v in self.vertices for e in v.episodes.values()), key=lambda e: e.started)


def groups_of(vertices: Iterable[Vertex]) -> list[Group]:
    """Return one group per (target, name); names that differ only in digests, widths or totals are the same."""
    named = _named(list(vertices))
    found: dict[tuple[str, int], Group] = {}
    for name, vertex in named:
        group = found.setdefault((name.normal, name.index), Group(name=name, key=name.normal, vertices=[]))
        group.vertices.append(vertex)
    repeats: Counter[str] = Counter()
    for normal, index in sorted(found):
        repeats[normal] += 1
        if repeats[normal] > 1:
            found[normal, index].key = f"{normal} #{repeats[normal]}"
    # work that targets share is shown for the first of them, and for gobake's own target only if there is no other
    return sorted(found.values(), key=lambda g: (g.name.target == TRACE, g.name.target, g.key))


def _named(vertices: list[Vertex]) -> list[tuple[StepName, Vertex]]:
    """Return the vertices with their names.

    A step that all platforms of a target share is reported for any of them, which changes from run to run. It gets the
    platform on which it runs.
    """
    targets = targets_in(v.name for v in vertices)
    named = [(parse_name(v.name, targets), v) for v in vertices]
    platforms: dict[tuple[str, str, str, int], set[str]] = defaultdict(set)
    for name, _ in named:
        platforms[_site(name)].add(name.platform)
    return [
        (name if len(platforms[_site(name)]) > 1 else replace(name, platform=name.build_platform), vertex)
        for name, vertex in named
    ]


def _site(name: StepName) -> tuple[str, str, str, int]:
    """Return the position without the text, which contains values of arguments such as GOARCH=arm64."""
    return (name.target, name.build_platform, name.stage, name.index)
