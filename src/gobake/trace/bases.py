"""What the FROM lines of a build stood for."""

from __future__ import annotations

import re

from gobake.trace.events import EventLog

_BASE = re.compile(r"\bFROM (\S+)@(sha256:[0-9a-f]{64})")


def bases(log: EventLog) -> tuple[tuple[str, str], ...]:
    """The references of FROM lines and what they stood for: (reference, digest), one that moved within a run twice."""
    found = {match.groups() for vertex in log.vertices.values() if (match := _BASE.search(vertex.name))}
    return tuple(sorted((reference, digest) for reference, digest in found))


def base_digests(log: EventLog, image: str = "") -> tuple[str, ...]:
    """The digests that the FROM lines were resolved to: all, or those of one image, which BuildKit names in full."""
    name = image.partition("@")[0]
    return tuple(sorted({digest for reference, digest in bases(log) if reference.endswith(name)}))
