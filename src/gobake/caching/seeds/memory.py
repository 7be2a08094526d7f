"""What gobake remembers of each builder's mounts: which seed they began with, and for which Go they were last used.

A mount that was deleted and began anew has another record at BuildKit: what is remembered of it no longer counts.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct, to_builtins

from gobake.engine import CacheMount
from gobake.files import whole

_FILE = "mounts.json"


class Memory(Struct, frozen=True, kw_only=True):
    """One mount of one builder."""

    record: str  # BuildKit's id of it
    seed: str = ""  # digest of the seed that it was filled from, "" for none
    go: str = ""  # X.Y of the last build


def remembered(home: Path, builder: str) -> Mapping[str, Memory]:
    """By the mounts' ids. What cannot be read is forgotten."""
    return _read(home).get(builder, {})


def remember(home: Path, builder: str, memories: Mapping[str, Memory]) -> None:
    """Written aside and renamed. A memory that cannot be kept costs time at most."""
    known = _read(home)
    known[builder] = dict(sorted(memories.items()))
    with contextlib.suppress(OSError):
        whole.write(home / _FILE, whole.sealed(json.dumps(to_builtins(known), indent=1)))


def note(home: Path, builder: str, mounts: Iterable[CacheMount], *, go: str, seed: str | None = None) -> None:
    """Remember for which Go mounts were used now; ``seed``: what they were filled from, None where they were not."""
    known = dict(remembered(home, builder))
    for mount in mounts:
        old = known.get(mount.id)
        kept = old.seed if old and old.record == mount.record else ""
        known[mount.id] = Memory(record=mount.record, seed=kept if seed is None else seed, go=go)
    remember(home, builder, known)


def _read(home: Path) -> dict[str, dict[str, Memory]]:
    """By builder."""
    try:
        return msgspec.json.decode(whole.unsealed((home / _FILE).read_bytes()), type=dict[str, dict[str, Memory]])
    except (OSError, ValueError, RecursionError):
        return {}
