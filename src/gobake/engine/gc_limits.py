"""Whether a builder's garbage collection spares a project's cache mounts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from gobake.engine import Builder, CacheMount

_HOUR = 3600


def largest_need(mounts: Iterable[CacheMount]) -> int:
    """Return the bytes of mounts on the node that has most; each node collects its own garbage."""
    sizes: Counter[str] = Counter()
    for mount in mounts:
        sizes[mount.node] += mount.size
    return max(sizes.values(), default=0)


def collection_warning(builder: Builder, need: int) -> str:
    """Return a warning if a rule's limit is below ``need`` bytes of mounts, for the strictest rule; else ""."""
    tight = [rule for node in builder.nodes for rule in node.rules if rule.limit < need]
    if not tight:
        return ""
    rule = min(tight, key=lambda r: (r.unused_seconds, r.limit))
    spared = f" that were not used for {rule.unused_seconds / _HOUR:.0f} h" if rule.unused_seconds else ""
    return (
        f"builder {builder.name} deletes cache mounts{spared} once it keeps more than {rule.limit / 1e9:.1f} GB, and "
        f"this project's mounts need {need / 1e9:.1f} GB; raise its garbage collection limit: "
        "https://docs.docker.com/build/cache/garbage-collection/"
    )
