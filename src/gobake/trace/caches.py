"""What the events say of layer caches: which were read, which were written, how long it took and what went wrong.

BuildKit tells an import by `importing cache manifest from PLACE` and an export by `exporting cache to KIND`; both end
in an error where they fail, which fails nothing else (an export only with ignore-error). Bytes are in neither: an
export names its layers by digest, and whether one was uploaded or found there, it does not say. An import only reads
what is there; the layers themselves come with the steps that use them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gobake.trace.events import EventLog, Vertex
from gobake.trace.names import StepKind, parse_name, targets_in

_IMPORT = "importing cache manifest from "
_EXPORT = "exporting cache to "
_MISSING = re.compile(r"not found|404|NAME_UNKNOWN|MANIFEST_UNKNOWN|could not read .*index\.json|no such file", re.I)


@dataclass(frozen=True, kw_only=True)
class CacheTransfer:
    """One import or export of one target."""

    exported: bool
    target: str
    place: str  # of an import, the reference or a backend with a hash; of an export, `registry` and the like
    seconds: float | None = None  # None: it did not end
    error: str = ""
    layers: tuple[str, ...] = ()  # digests that an export wrote or found there

    @property
    def missing(self) -> bool:
        """An import of what nobody has written yet: no fault."""
        return not self.exported and missing(self.error)


def missing(error: str) -> bool:
    """Whether an import's error says that there is nothing, and not that something is wrong."""
    return bool(_MISSING.search(error))


def cache_transfers(log: EventLog, only: str = "") -> tuple[CacheTransfer, ...]:
    """All of a run, in the order of target and place. ``only``: the target where no other was built, for then the
    events do not tell it."""
    targets = targets_in(v.name for v in log.vertices.values())
    written: dict[str, list[str]] = {}
    for digest, status in log.statuses:
        if status.startswith("writing layer "):
            written.setdefault(digest, []).append(status.removeprefix("writing layer "))
    found = []
    for vertex in log.vertices.values():
        name = parse_name(vertex.name, targets)
        if name.kind not in (StepKind.IMPORT_CACHE, StepKind.EXPORT_CACHE) or not vertex.episodes:
            continue
        exported = name.kind is StepKind.EXPORT_CACHE
        found.append(
            CacheTransfer(
                exported=exported,
                target=name.target or only,
                place=name.instruction.removeprefix(_EXPORT if exported else _IMPORT),
                seconds=_seconds(vertex),
                error=next((e.error for e in vertex.episodes.values() if e.error), ""),
                layers=tuple(sorted(written.get(vertex.digest, ()))) if exported else (),
            )
        )
    return tuple(sorted(found, key=lambda t: (t.exported, t.target, t.place)))


def _seconds(vertex: Vertex) -> float | None:
    """From its first beginning to its end."""
    ends = [e.completed for e in vertex.episodes.values()]
    whole = [end for end in ends if end is not None]
    return max(whole) - min(vertex.episodes) if whole and len(whole) == len(ends) else None
