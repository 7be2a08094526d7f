"""Caches kept for projects, as tables and JSON, and the caches about to be pruned."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from gobake.caching.kept.contents import Entry, What
from gobake.caching.kept.listing import Kept, KeptMount
from gobake.caching.kept.prune import Item
from gobake.caching.verify import Verdict, Verified
from gobake.report.console import console_for, print_table, print_text
from gobake.report.quantities import UNKNOWN, count_text, rfc3339, rfc3339_of, size_text
from gobake.text.layout import Table
from gobake.text.printable import one_line

_AGES = (("day", 86_400), ("hour", 3600), ("minute", 60))


def age_text(seconds: float | None) -> str:
    """An age in whole units, rounded down: 3 days, 1 hour, less than a minute; "unknown" for None."""
    if seconds is None:
        return UNKNOWN
    for unit, length in _AGES:
        count = int(seconds // length)
        if count:
            return count_text(count, unit)
    return "less than a minute"


# ---- text


def print_kept(kept: Kept, now: float, *, color: str) -> None:
    """Print mounts, seeds and layer caches as tables, then the total and notes on what could not be read."""
    console = console_for(sys.stdout, color)
    if kept.mounts is not None:
        whose = "all projects" if kept.everyone else kept.project
        several = any(m.mount.node for m in kept.mounts)
        _section(
            console,
            f"cache mounts of {whose} on builder {kept.builder}",
            ("MOUNT", *(["NODE"] if several else []), "SIZE", "LAST USED", "FROM SEED", "ID"),
            [(m.project, _mount_row(m, several=several)) for m in kept.mounts],
            everyone=kept.everyone,
        )
    if kept.entries is not None:
        _section(
            console,
            f"seeds in {kept.store}",
            ("SEED", "BRANCH", "GO", "AGE", "SIZE", "UNPACKED", "LAYERS", "LIVE"),
            [(e.project, _seed_row(e, now)) for e in kept.of(What.SEED)],
            everyone=kept.everyone,
        )
        _section(
            console,
            f"layer caches in {kept.store}",
            ("REF", "BRANCH", "AGE", "SIZE"),
            [(e.project, _layers_row(e, now)) for e in kept.of(What.LAYERS)],
            everyone=kept.everyone,
        )
        if runs := kept.of(What.HISTORY):
            branches = len({(e.project, e.branch) for e in runs})
            size = size_text(sum(e.compressed or 0 for e in runs))
            of = f"{branches} branch{'' if branches == 1 else 'es'}"
            print_text(console, f"history in {kept.store}: {count_text(len(runs), 'run')} of {of}, {size}", "bold")
            console.print()
    print_text(console, _total(kept), "bold")
    for note in kept.notes:
        print_text(console, one_line(note), "yellow")


def _section(
    console: Console,
    title: str,
    columns: Sequence[str],
    rows: Sequence[tuple[str, tuple[str, ...]]],
    *,
    everyone: bool,
) -> None:
    print_text(console, title + ("" if rows else ": none"), "bold")
    if rows:
        named = ("PROJECT", *columns) if everyone else columns
        cells = [((project or UNKNOWN, *row) if everyone else row) for project, row in rows]
        print_table(console, _table(named, cells))
    console.print()


def _table(columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> Table:
    words = frozenset(columns) - {"SIZE", "UNPACKED", "LAYERS", "LIVE"}
    return Table(columns=tuple(columns), rows=tuple(rows), words=words)


def _mount_row(kept: KeptMount, *, several: bool) -> tuple[str, ...]:
    seed = kept.memory.seed.removeprefix("sha256:")[:12] if kept.memory else ""
    node = [kept.mount.node] if several else []
    return (kept.name, *node, size_text(kept.mount.size), kept.mount.used or "never", seed or "-", kept.mount.id)


def _seed_row(seed: Entry, now: float) -> tuple[str, ...]:
    if seed.error:
        return (seed.tag, one_line(seed.error), *[""] * 6)
    live = UNKNOWN if seed.live is None else f"{seed.live:.0%}"
    return (
        seed.tag,
        seed.branch,
        f"{seed.go.removeprefix('go')} {seed.arch}",
        _age(seed, now),
        size_text(seed.compressed),
        size_text(seed.size),
        str(seed.layers),
        live,
    )


def _layers_row(entry: Entry, now: float) -> tuple[str, ...]:
    if entry.error:
        return (entry.tag, one_line(entry.error), "", "")
    return (entry.tag, entry.branch or UNKNOWN, _age(entry, now), size_text(entry.compressed))


def _age(entry: Entry, now: float) -> str:
    return age_text(None if entry.made is None else max(0.0, now - entry.made))


def _total(kept: Kept) -> str:
    parts = []
    if kept.mounts is not None:
        size = size_text(sum(m.mount.size for m in kept.mounts))
        parts.append(f"{count_text(len(kept.mounts), 'mount')}, {size}")
    if kept.entries is not None:
        size = size_text(sum(e.compressed or 0 for e in kept.entries))  # the store holds a layer of two entries once
        parts.append(f"{count_text(len(kept.entries), 'tag')} in the store, {size} at most")
    return "total: " + ("; ".join(parts) or UNKNOWN)


def print_items(items: Sequence[Item], *, color: str) -> None:
    """Print what would be pruned."""
    console = console_for(sys.stdout, color)
    ages = [age_text(item.unused_seconds) for item in items]
    rows = [(item.what, item.name, size_text(item.size), age) for item, age in zip(items, ages, strict=True)]
    print_table(console, _table(("WHAT", "NAME", "SIZE", "UNUSED FOR"), rows))


def print_verified(found: Sequence[Verified], *, color: str) -> None:
    """Print one row per service: the digests, and whether they agree."""
    console = console_for(sys.stdout, color)
    columns = ("SERVICE", "PLATFORM", "AS SHIPPED", "WITH MOUNTS", "LINKED ANEW", "WITHOUT", "VERDICT")
    rows = []
    for one in found:
        digests = (digest[:12] for digest in (one.shipped, one.kept, one.relinked, one.clean))
        rows.append((one.service, str(one.platform), *digests, str(one.verdict)))
    print_table(console, _table(columns, rows))


# ---- JSON


def verified_as_json(found: Sequence[Verified]) -> dict[str, Any]:
    rows = [
        {
            "service": one.service,
            "platform": str(one.platform),
            "as_shipped": f"sha256:{one.shipped}",
            "with_caches": f"sha256:{one.kept}",
            "linked_anew": f"sha256:{one.relinked}",
            "without_caches": f"sha256:{one.clean}",
            "verdict": str(one.verdict),
            "agree": one.verdict is Verdict.SAME,
        }
        for one in found
    ]
    return {"schema": 1, "services": rows}


def kept_as_json(kept: Kept, now: float) -> dict[str, Any]:
    return {
        "schema": 1,
        "project": kept.project,
        "builder": kept.builder,
        "store": kept.store or None,
        "mounts": None if kept.mounts is None else [_mount_json(m) for m in kept.mounts],
        "seeds": None if kept.entries is None else [_entry_json(e, now) for e in kept.of(What.SEED)],
        "layers": None if kept.entries is None else [_entry_json(e, now) for e in kept.of(What.LAYERS)],
        "history": None if kept.entries is None else [_entry_json(e, now) for e in kept.of(What.HISTORY)],
        "total": {
            "mounts_bytes": None if kept.mounts is None else sum(m.mount.size for m in kept.mounts),
            "store_bytes": None if kept.entries is None else sum(e.compressed or 0 for e in kept.entries),
        },
        "notes": list(kept.notes),
    }


def _mount_json(kept: KeptMount) -> dict[str, Any]:
    return {
        "project": kept.project,
        "name": kept.name,
        "id": kept.mount.id,
        "node": kept.mount.node or None,
        "record": kept.mount.record,
        "bytes": kept.mount.size,
        "created": rfc3339_of(kept.mount.created),
        "unused_seconds": kept.mount.unused_seconds,
        "seed": (kept.memory.seed or None) if kept.memory else None,
        "go": (kept.memory.go or None) if kept.memory else None,
    }


def _entry_json(entry: Entry, now: float) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "project": entry.project or None,
        "tag": entry.tag,
        "digest": entry.digest or None,
        "branch": entry.branch or None,
        "made": None if entry.made is None else rfc3339(entry.made),
        "age_seconds": None if entry.made is None else max(0.0, now - entry.made),
        "compressed_bytes": entry.compressed,
        "layers": entry.layers,
        "error": entry.error or None,
    }
    if entry.what is What.SEED:
        plain |= {
            "bytes": entry.size,
            "go": entry.go or None,
            "arch": entry.arch or None,
            "live_share": entry.live,
        }
    return plain
