"""Finds the digests to which the FROM lines of a build were resolved."""

from __future__ import annotations

import re

from gobake.trace.events import EventLog

_BASE = re.compile(r"\bFROM (\S+)@(sha256:[0-9a-f]{64})")


def bases(log: EventLog) -> tuple[tuple[str, str], ...]:
    """Return (reference, digest) of the FROM lines, sorted; twice for a tag that moved during the run."""
    pairs = {match.groups() for vertex in log.vertices.values() if (match := _BASE.search(vertex.name))}
    return tuple(sorted((reference, digest) for reference, digest in pairs))


def base_digests(log: EventLog, image: str = "") -> tuple[str, ...]:
    """Return the digests of all FROM lines, or of those with one image, whose full name BuildKit reports."""
    name = image.partition("@")[0]
    return tuple(sorted({digest for reference, digest in bases(log) if reference.endswith(name)}))
