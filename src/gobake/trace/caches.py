"""Finds the imports and exports of layer caches in the events, with times and errors.

BuildKit reports an import as `importing cache manifest from PLACE` and an export as `exporting cache to KIND`. Either
may fail without failing the build (an export only with ignore-error). Neither reports bytes: an export names its layers
by digest, but not whether one was uploaded or existed already. An import only reads the manifest; steps download the
layers that they use.
"""

from __future__ import annotations

import re

from msgspec import Struct

from gobake.trace.events import EventLog, Vertex
from gobake.trace.names import StepKind, parse_name, targets_in

_IMPORT = "importing cache manifest from "
_EXPORT = "exporting cache to "
_MISSING = re.compile(r"not found|404|NAME_UNKNOWN|MANIFEST_UNKNOWN|could not read .*index\.json|no such file", re.I)


class CacheTransfer(Struct, frozen=True, kw_only=True):
    """One import or export of one target."""

    exported: bool
    target: str
    place: str  # of an import: the reference or a backend with a hash; of an export: `registry` and the like
    seconds: float | None = None  # None: it did not end
    error: str = ""
    layers: tuple[str, ...] = ()  # digests of the layers of an export, uploaded or existing

    @property
    def missing(self) -> bool:
        """Whether it is an import of a cache that does not exist yet, which is normal."""
        return not self.exported and missing(self.error)


def missing(error: str) -> bool:
    """Whether an import's error only says that the cache does not exist."""
    return bool(_MISSING.search(error))


def cache_transfers(log: EventLog, only: str = "") -> tuple[CacheTransfer, ...]:
    """Return all transfers of a run; imports first, ordered by target and place.

    ``only``: the target if there is only one, because events do not name it then.
    """
    targets = targets_in(v.name for v in log.vertices.values())
    written: dict[str, list[str]] = {}
    for digest, status in log.statuses:
        if status.startswith("writing layer "):
            written.setdefault(digest, []).append(status.removeprefix("writing layer "))
    transfers = []
    for vertex in log.vertices.values():
        name = parse_name(vertex.name, targets)
        if name.kind not in (StepKind.IMPORT_CACHE, StepKind.EXPORT_CACHE) or not vertex.episodes:
            continue
        exported = name.kind is StepKind.EXPORT_CACHE
        transfers.append(
            CacheTransfer(
                exported=exported,
                target=name.target or only,
                place=name.instruction.removeprefix(_EXPORT if exported else _IMPORT),
                seconds=_seconds(vertex),
                error=next((e.error for e in vertex.episodes.values() if e.error), ""),
                layers=tuple(sorted(written.get(vertex.digest, ()))) if exported else (),
            )
        )
    return tuple(sorted(transfers, key=lambda t: (t.exported, t.target, t.place)))


def _seconds(vertex: Vertex) -> float | None:
    """Return the seconds from its first start to its end; None if it did not end."""
    ends = [e.completed for e in vertex.episodes.values()]
    whole = [end for end in ends if end is not None]
    return max(whole) - min(vertex.episodes) if whole and len(whole) == len(ends) else None
