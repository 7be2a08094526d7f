"""What a cache store holds: seeds with their halves and indexes, layer caches and histories, of whatever project.

A store that cannot be reached, and an entry that cannot be read, are told in one line and hide nothing else.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import re
import tarfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from gobake.caching import folder
from gobake.caching import layout as layouts
from gobake.caching import seed as seeds
from gobake.caching.history import begun, run_of
from gobake.caching.refs import LONGEST
from gobake.caching.seedstore import SeedStore
from gobake.caching.units import DAY_SECONDS, Keeping, live_share, read_index
from gobake.dataclass import dataclass
from gobake.errors import RegistryRefused
from gobake.registry import Repository

LOOK_SECONDS = 30.0  # for all questions together
_AT_ONCE = 8
_MADE = "buildkit/createdat"  # annotation of a layer in a cache manifest


class What(StrEnum):
    """What an entry is; its tag begins so."""

    SEED = "seed"
    LAYERS = "layers"
    HISTORY = "history"
    INDEX = "index"  # of a seed: what the seed holds
    HALF = "half"  # of a large seed: an image with a part of what it holds


PARTS = (What.INDEX, What.HALF)  # of seeds, without which they are nothing


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One tag of a store."""

    what: What
    tag: str
    digest: str  # of its manifest; "" where it could not be read
    project: str = ""  # whose it is; "" unknown
    branch: str = ""  # as a part of a tag; "" unknown
    made: float | None = None  # seconds since the epoch; None unknown
    compressed: int | None = None  # bytes as they lie there
    size: int | None = None  # bytes, unpacked
    layers: int | None = None
    go: str = ""  # of a seed: go1.26.6
    arch: str = ""
    index: str = ""  # of a seed: sha256 of its index
    half: str = ""  # of a seed: the tag of its other half
    live: float | None = None  # share of a seed, by bytes, that was used lately
    error: str = ""  # why the rest is unknown

    @property
    def index_tag(self) -> str:
        return seeds.index_tag(self.index) if self.index else ""

    @property
    def parts(self) -> frozenset[str]:
        """The tags that it needs beside its own."""
        return frozenset(filter(None, (self.index_tag, self.half)))


@dataclass(frozen=True, kw_only=True)
class Stored:
    """All entries, or why they are not known."""

    entries: tuple[Entry, ...] = ()
    error: str = ""  # one line

    def of(self, *kinds: What) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.what in kinds)


@dataclass(frozen=True, kw_only=True)
class _Source:
    """Where manifests and small blobs come from: a registry or a folder."""

    manifest: Callable[[str], tuple[str, Mapping[str, Any]] | None]  # of a tag: its digest and content
    blob: Callable[[str], bytes]
    index: Callable[[Entry], str]  # the text of a seed's index


def stored(store: SeedStore, *, live: bool = True) -> Stored:
    """Everything that lies in a store; ``live``: also how much of each seed was used lately. Never raises for what a
    registry says."""
    try:
        if store.folder is None:
            return _read(*_of_registry(store.place), live=live)
        seeded = _read(*_of_layout(store.layout), live=live).entries
        return Stored(entries=seeded + _layers_in(store.folder))
    except RegistryRefused as error:
        return Stored(error=f"cache store {store.place}: {error}")


def _of_registry(place: str) -> tuple[Sequence[str], _Source]:
    repository = Repository(place, seconds=LOOK_SECONDS)

    def manifest(tag: str) -> tuple[str, Mapping[str, Any]] | None:
        found = repository.manifest(tag)
        return (found.digest, found.content) if found else None

    def index(seed: Entry) -> str:
        """An image of one file."""
        found = repository.manifest(seed.index_tag)
        layer = found.content["layers"][0] if found else {}
        if not str(layer.get("mediaType", "")).endswith("+gzip"):
            return ""
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(repository.blob(layer["digest"])))) as files:
            file = files.extractfile("index")
            return file.read().decode() if file else ""

    return repository.tags(), _Source(manifest=manifest, blob=repository.blob, index=index)


def _of_layout(layout: Path) -> tuple[Sequence[str], _Source]:
    digests = {tag: str(entry.get("digest", "")) for tag, entry in layouts.tags(layout).items()}

    def blob(digest: str) -> bytes:
        return layouts.blob(layout, digest)

    def manifest(tag: str) -> tuple[str, Mapping[str, Any]] | None:
        return digests[tag], json.loads(blob(digests[tag]))

    def index(seed: Entry) -> str:
        file = layout / f"{seed.index_tag}.txt"
        return file.read_text() if file.is_file() else ""

    return tuple(digests), _Source(manifest=manifest, blob=blob, index=index)


def _layers_in(store: Path) -> tuple[Entry, ...]:
    """Layer caches in a folder lie beside each other, each in a layout of its own."""

    def unasked(_: object) -> Any:
        raise AssertionError("only seeds have more than a manifest")

    source = _Source(manifest=lambda tag: folder.manifest(store, tag), blob=unasked, index=unasked)
    found = _read((tag for tag in folder.tags(store) if tag.startswith(f"{What.LAYERS}-")), source, live=False)
    # where a cache does not tell when its steps ran
    return tuple(e if e.made is not None else replace(e, made=folder.written(store, e.tag)) for e in found.entries)


def _read(tags: Iterable[str], source: _Source, *, live: bool) -> Stored:
    today = int(time.time()) // DAY_SECONDS
    kinds = {tag: What(tag.partition("-")[0]) for tag in tags if tag.partition("-")[0] in set(What)}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        entries = list(pool.map(lambda tag: _entry(tag, kinds[tag], source, today if live else None), sorted(kinds)))
    halves = {entry.tag: entry for entry in entries if entry and entry.what is What.HALF}
    return Stored(entries=tuple(_whole(entry, halves) for entry in entries if entry is not None))


def _whole(entry: Entry, halves: Mapping[str, Entry]) -> Entry:
    """A seed's bytes and layers with those of its other half."""
    if not entry.half or entry.error:
        return entry
    half = halves.get(entry.half)
    if half is None:
        return replace(entry, error=f"its other half, {entry.half}, is gone")
    known = entry.compressed is not None and half.compressed is not None
    return replace(
        entry,
        compressed=(entry.compressed or 0) + (half.compressed or 0) if known else None,
        layers=None if entry.layers is None or half.layers is None else entry.layers + half.layers - 1,
    )


def _entry(tag: str, what: What, source: _Source, today: int | None) -> Entry | None:
    named = parse_tag(tag, what)
    try:
        found = source.manifest(tag)
        if found is None:
            return None  # deleted since it was listed
        digest, manifest = found
        sizes = _sizes(manifest)
        entry = replace(named, digest=digest, **sizes | {"made": sizes["made"] or named.made})
        if what is What.SEED:
            entry = _seed(entry, json.loads(source.blob(manifest["config"]["digest"])))
    except RegistryRefused as error:
        return replace(named, error=str(error))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return replace(named, error="cannot be read")
    if entry.index and today is not None:
        with contextlib.suppress(
            RegistryRefused, OSError, ValueError, KeyError, EOFError, tarfile.TarError, IndexError
        ):
            units = read_index(source.index(entry))
            entry = replace(entry, live=None if units is None else live_share(units, today, Keeping()))
    return entry


def parse_tag(tag: str, what: What) -> Entry:
    """What a tag alone tells. A layer cache is ``layers-PROJECT.TARGET.PLATFORM.BRANCH``, a run's record
    ``history-PROJECT.RUN.BRANCH``: only the branch may hold a dot. A tag that was cut to its longest tells none."""
    parts = tag.partition("-")[2].split(".", 3 if what is What.LAYERS else 2)
    known = len(parts) == 4 if what is What.LAYERS else len(parts) == 3 and bool(run_of(tag, parts[0]))
    known = known and what in (What.LAYERS, What.HISTORY)
    cut = len(tag) >= LONGEST
    return Entry(
        what=what,
        tag=tag,
        digest="",
        project=parts[0] if known else "",
        branch=parts[-1] if known and not cut else "",
        made=begun(parts[1]) if known and what is What.HISTORY else None,
    )


def _sizes(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Of an image's or a cache's manifest, or of an index that lists a cache's layers."""
    listed = manifest.get("layers") or manifest.get("manifests") or []
    times = [moment(str((layer.get("annotations") or {}).get(_MADE, ""))) for layer in listed]
    return {
        "layers": len(listed),
        "compressed": sum(int(layer.get("size") or 0) for layer in listed),
        "made": max((t for t in times if t is not None), default=None),
    }


def _seed(entry: Entry, config: Mapping[str, Any]) -> Entry:
    labels = (config.get("config") or {}).get("Labels") or {}
    layers = (entry.layers or 1) - 1  # the first is the program that restores
    seed = seeds.describe(entry.tag, entry.digest, layers, entry.compressed, labels)
    if seed is None:
        return replace(entry, error="is no seed of this version of gobake")
    return replace(
        entry,
        project=seed.project,
        branch=seed.branch,
        made=moment(seed.saved),
        size=seed.size,
        layers=layers,
        go=seed.go,
        arch=seed.arch,
        index=seed.index,
        half=seed.half,
    )


def moment(text: str) -> float | None:
    """Seconds since the epoch of RFC 3339, with as many digits of a second as Go writes; None for anything else."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)", text)
    return datetime.fromisoformat(match[1] + match[2].replace("Z", "+00:00")).timestamp() if match else None
