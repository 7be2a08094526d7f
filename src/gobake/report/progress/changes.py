"""What begins, downloads and ends, each told once.

A vertex arrives many times and under several targets' names; each digest is reported once when its work begins and once
when it ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from gobake.model import Target
from gobake.trace.events import Event, StatusEvent, VertexEvent
from gobake.trace.names import StepKind, StepName, parse_name

_TOLD = (StepKind.EXPORT_IMAGE, StepKind.EXPORT_CACHE, StepKind.IMPORT_CACHE)


class Change(Struct, frozen=True, kw_only=True):
    """An event of one digest."""

    what: str  # begins, downloads, ends
    name: StepName
    digest: str
    time: float
    seconds: float = 0.0
    cached: bool = False
    error: str = ""


class Narrator:
    """Turns events into changes, each reported once."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = frozenset(target.name for target in targets)
        self._names: dict[str, StepName] = {}
        self._fed: set[str] = set()  # digests that have inputs
        self._told: set[tuple[str, str]] = set()

    def name(self, digest: str) -> StepName | None:
        return self._names.get(digest)

    def changes(self, events: Sequence[Event]) -> Iterator[Change]:
        for event in events:
            if isinstance(event, VertexEvent):
                yield from self._vertex(event)
            elif isinstance(event, StatusEvent) and event.id.startswith(("sha256:", "extracting ")):
                name = self._names.get(event.vertex)
                if name and name.kind.counts:
                    yield from self._once(
                        Change(what="downloads", name=name, digest=event.vertex, time=event.timestamp)
                    )

    def _vertex(self, event: VertexEvent) -> Iterator[Change]:
        name = self._names.setdefault(event.digest, parse_name(event.name, self._targets))
        if event.inputs:
            self._fed.add(event.digest)
        if event.started is None or "context canceled" in event.error:
            return  # BuildKit cancels a merged step under its old digest
        begins = Change(what="begins", name=name, digest=event.digest, time=event.started)
        if event.completed is None:
            if name.kind.counts or name.kind in _TOLD:
                yield from self._once(begins) if not event.cached and self._works(event, name) else ()
            return
        ends = replace(begins, what="ends", time=event.completed)
        worked = replace(ends, seconds=max(0.0, event.completed - event.started))
        if event.error:
            yield from self._once(replace(worked, error=event.error))
        elif not name.kind.counts and name.kind not in _TOLD:
            return
        elif event.cached:
            yield from self._once(replace(ends, cached=True))
        elif self._works(event, name):
            yield from self._once(worked)

    def _works(self, event: VertexEvent, name: StepName) -> bool:
        """Whether a vertex does work, unlike a base image that looks up its key, or a result that is fetched."""
        if event.digest in self._fed:
            return bool(event.inputs)
        return name.kind is not StepKind.BASE

    def _once(self, change: Change) -> Iterator[Change]:
        if (change.digest, change.what) in self._told or (
            change.what == "begins" and (change.digest, "ends") in self._told
        ):
            return
        self._told.add((change.digest, change.what))
        yield change
