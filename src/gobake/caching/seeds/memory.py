"""Remembers, for each builder's mounts, the seed that filled them and the Go version that last used them.

A mount that was deleted and created again has a new record in BuildKit, so its old memory no longer counts.
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

    record: str  # BuildKit's id of the mount
    seed: str = ""  # digest of the seed that filled it, "" for none
    go: str = ""  # X.Y of the last build


def remembered(home: Path, builder: str) -> Mapping[str, Memory]:
    """The memories of a builder's mounts, by mount id; unreadable ones are left out."""
    return _read(home).get(builder, {})


def known_as(builder: str, node: str) -> str:
    """The name of a builder in memory, or of one of its nodes."""
    return f"{builder}/{node}" if node else builder


def remembered_of(home: Path, builder: str, nodes: Iterable[str]) -> dict[str, Memory]:
    """The memories of a builder with several nodes, by NODE/ID."""
    return {f"{node}/{key}": some for node in nodes for key, some in remembered(home, known_as(builder, node)).items()}


def remember(home: Path, builder: str, memories: Mapping[str, Memory]) -> None:
    """Write the memories of a builder atomically. A failure is ignored: it only costs time."""
    known = _read(home)
    known[builder] = dict(sorted(memories.items()))
    with contextlib.suppress(OSError):
        whole.write(home / _FILE, whole.sealed(json.dumps(to_builtins(known), indent=1)))


def note(home: Path, builder: str, mounts: Iterable[CacheMount], *, go: str, seed: str | None = None) -> None:
    """Remember the Go version that used mounts now; ``seed``: the digest that filled them, None if none did."""
    known = dict(remembered(home, builder))
    for mount in mounts:
        old = known.get(mount.id)
        kept = old.seed if old and old.record == mount.record else ""
        known[mount.id] = Memory(record=mount.record, seed=kept if seed is None else seed, go=go)
    remember(home, builder, known)


def _read(home: Path) -> dict[str, dict[str, Memory]]:
    """The memories of all builders, by builder."""
    try:
        return msgspec.json.decode(whole.unsealed((home / _FILE).read_bytes()), type=dict[str, dict[str, Memory]])
    except (OSError, ValueError, RecursionError):
        return {}
