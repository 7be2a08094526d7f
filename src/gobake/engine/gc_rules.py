"""A builder's garbage collection: the rules for cache mounts in `docker buildx inspect`.

BuildKit applies the rules in order. Each deletes what matches it, longest unused first, until the builder keeps less
than the rule's limit (docs.docker.com/build/cache/garbage-collection).
"""

from __future__ import annotations

import re

from msgspec import Struct

from gobake.text.amounts import size_in_bytes

_FIELD = re.compile(r"(?m)^ ([A-Z][A-Za-z ]*):[ \t]*(.*)$")
_DURATION = re.compile(r"([\d.]+)(h|ms|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class CollectRule(Struct, frozen=True, kw_only=True):
    """One rule that may delete cache mounts."""

    limit: int  # bytes that the builder may keep before the rule deletes
    unused_seconds: float = 0.0  # spares what was used within that time


def parse_rules(inspected: str) -> tuple[CollectRule, ...]:
    """Parse the rules of one node in `docker buildx inspect`; some drivers report none."""
    found = []
    for block in re.split(r"(?m)^GC Policy rule#\d+:[ \t]*$", inspected)[1:]:
        fields = dict(_FIELD.findall(block))
        filters = fields.get("Filters", "")
        # newer BuildKit keeps the larger of the two; older has a single field
        sizes = [size_in_bytes(fields.get(name, "")) for name in ("Max Used Space", "Reserved Space", "Keep Bytes")]
        limit = max((size for size in sizes if size), default=0)
        if limit and (not filters or "exec.cachemount" in filters):
            found.append(CollectRule(limit=limit, unused_seconds=_seconds(fields.get("Keep Duration", ""))))
    return tuple(found)


def _seconds(text: str) -> float:
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text))
