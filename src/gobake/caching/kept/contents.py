"""What a cache store holds for any project: seeds with their parts and indexes, layer caches and histories.

An unreachable store or an unreadable entry is reported in one line and hides nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import tarfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gobake.caching.layers import oci_folder
from gobake.caching.seeds import seed as seeds
from gobake.caching.seeds.store import SeedStore
from gobake.caching.seeds.units import DAY_SECONDS, Retention, live_share, read_index
from gobake.caching.store import oci_layout as layouts
from gobake.caching.store.history import begun, run_of
from gobake.caching.store.tags import LONGEST
from gobake.errors import RegistryRefused
from gobake.files.nofollow import Inside
from gobake.foreign import checks, oci
from gobake.foreign.checks import Unfit
from gobake.foreign.oci import Config, Manifest
from gobake.registry import Repository

LOOK_SECONDS = 30.0  # for all requests together
_AT_ONCE = 8
_MOST_ENTRIES = 16  # of the archive that holds an index
_MADE = "buildkit/createdat"  # annotation of a layer in a cache manifest


class What(StrEnum):
    """Kind of an entry; its tag begins with it."""

    SEED = "seed"
    LAYERS = "layers"
    HISTORY = "history"
    INDEX = "index"  # lists what a seed holds
    HALF = "half"  # the other part of a large seed, an image of its own


PARTS = (What.INDEX, What.HALF)  # a seed is useless without them


class Entry(Struct, frozen=True, kw_only=True):
    """One tag of a store."""

    what: What
    tag: str
    digest: str  # of its manifest; "" if unreadable
    project: str = ""  # its owner; "" unknown
    branch: str = ""  # as a part of a tag; "" unknown
    made: float | None = None  # seconds since the epoch; None unknown
    compressed: int | None = None  # bytes, as stored
    size: int | None = None  # bytes, unpacked
    layers: int | None = None
    go: str = ""  # of a seed: go1.26.6
    arch: str = ""
    index: str = ""  # of a seed: sha256 of its index
    half: str = ""  # of a seed: the tag of its other part
    live: float | None = None  # share of a seed's bytes that was used lately
    error: str = ""  # why the rest is unknown

    @property
    def index_tag(self) -> str:
        return seeds.index_tag(self.index) if self.index else ""

    @property
    def parts(self) -> frozenset[str]:
        """The other tags that the entry needs."""
        return frozenset(filter(None, (self.index_tag, self.half)))


class Stored(Struct, frozen=True, kw_only=True):
    """All entries, or why some are unknown."""

    entries: tuple[Entry, ...] = ()
    error: str = ""  # one line

    def of(self, *kinds: What) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.what in kinds)


class _Source(Struct, frozen=True, kw_only=True):
    """Reads manifests and small blobs from a registry or a folder. Each reader raises RegistryRefused."""

    manifest: Callable[[str], Manifest | None]  # of a tag
    config: Callable[[str], Config]  # of a digest
    index: Callable[[Entry], str]  # the text of a seed's index


def stored(store: SeedStore, *, live: bool = True) -> Stored:
    """All entries of a store; ``live`` adds the share of each seed that was used lately. An answer of the registry or
    the folder never raises: it becomes ``error``."""
    beside = _layers_in(store.folder) if store.folder else ()  # unreadable seeds do not hide layer caches
    try:
        read = _read(*(_of_layout(store.inside) if store.folder else _of_registry(store.place)), live=live)
    except RegistryRefused as error:
        return Stored(entries=beside, error=f"cache store {store.place}: {error}")
    return Stored(entries=read.entries + beside)


def _of_registry(place: str) -> tuple[Sequence[str], _Source]:
    repository = Repository(place, seconds=LOOK_SECONDS)

    def index(seed: Entry) -> str:
        """The text of an index, which is an image of one file."""
        found = repository.manifest(seed.index_tag)
        layer = found.layers[0] if found and found.layers else None
        if layer is None or not layer.kind.endswith("+gzip"):
            return ""
        packed = checks.unzipped(repository.blob(layer.digest, seeds.LARGEST_INDEX), seeds.LARGEST_INDEX)
        return checked_index(only_file(packed, "index"), seed.index)

    def config(digest: str) -> Config:
        return oci.config(repository.blob(digest))

    return repository.tags(), _Source(manifest=repository.manifest, config=config, index=index)


def _of_layout(layout: Inside) -> tuple[Sequence[str], _Source]:
    digests = {tag: entry.digest for tag, entry in layouts.tags(layout).items()}
    return tuple(digests), _Source(
        manifest=lambda tag: layouts.manifest(layout, digests[tag]),
        config=lambda digest: layouts.config(layout, digest),
        index=lambda seed: checked_index(layout.read(f"{seed.index_tag}.txt", seeds.LARGEST_INDEX), seed.index),
    )


def only_file(archive: bytes, name: str) -> bytes:
    """The content of the file ``name`` in a tar of a few entries. Raises Unfit."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as files:
            for _ in range(_MOST_ENTRIES):
                entry = files.next()
                if entry is None:
                    break
                if entry.name.removeprefix("./") == name and entry.isreg() and not entry.sparse:
                    file = files.extractfile(entry)
                    return file.read() if file else b""
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError, OSError):
        raise Unfit("is not an archive of an index") from None
    raise Unfit(f"holds no {name}")


def checked_index(text: bytes, digest: str) -> str:
    """The text of an index, whose sha256 must be ``digest``. Raises Unfit."""
    if oci.digest_of(text) != f"sha256:{digest}":
        raise Unfit("is the index of another seed")
    return text.decode("utf-8", "replace")


def _layers_in(store: Path) -> tuple[Entry, ...]:
    """The layer caches of a folder; each has its own OCI layout."""

    def unasked(_: object) -> Any:
        raise AssertionError("only seeds have more than a manifest")

    source = _Source(manifest=lambda tag: oci_folder.manifest(store, tag), config=unasked, index=unasked)
    found = _read((tag for tag in oci_folder.tags(store) if tag.startswith(f"{What.LAYERS}-")), source, live=False)
    # fall back to the file's time where a cache does not record when its steps ran
    return tuple(e if e.made is not None else replace(e, made=oci_folder.written(store, e.tag)) for e in found.entries)


def _read(tags: Iterable[str], source: _Source, *, live: bool) -> Stored:
    today = int(time.time()) // DAY_SECONDS
    kinds = {tag: What(tag.partition("-")[0]) for tag in tags if tag.partition("-")[0] in set(What)}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        entries = list(pool.map(lambda tag: _entry(tag, kinds[tag], source, today if live else None), sorted(kinds)))
    halves = {entry.tag: entry for entry in entries if entry and entry.what is What.HALF}
    return Stored(entries=tuple(_whole(entry, halves) for entry in entries if entry is not None))


def _whole(entry: Entry, halves: Mapping[str, Entry]) -> Entry:
    """The entry with the bytes and layers of its other part added."""
    if not entry.half or entry.error:
        return entry
    part = halves.get(entry.half)
    if part is None:
        return replace(entry, error=f"its other part, {entry.half}, is gone")
    known = entry.compressed is not None and part.compressed is not None
    return replace(
        entry,
        compressed=(entry.compressed or 0) + (part.compressed or 0) if known else None,
        layers=None if entry.layers is None or part.layers is None else entry.layers + part.layers - 1,
    )


def _entry(tag: str, what: What, source: _Source, today: int | None) -> Entry | None:
    named = parse_tag(tag, what)
    try:
        found = source.manifest(tag)
        if found is None:
            return None  # deleted since it was listed
        entry = _sized(named, found)
        if what is What.SEED:
            entry = _seed(entry, source.config(found.config.digest if found.config else ""))
    except RegistryRefused as error:
        return replace(named, error=str(error))
    except Unfit:
        return replace(named, error="cannot be read")
    if entry.index and today is not None:
        with contextlib.suppress(RegistryRefused, OSError, Unfit):
            text = source.index(entry)
            units = read_index(text) if hashlib.sha256(text.encode()).hexdigest() == entry.index else None
            entry = replace(entry, live=None if units is None else live_share(units, today, Retention()))
    return entry


def parse_tag(tag: str, what: What) -> Entry:
    """The entry that a tag alone describes. A layer cache is ``layers-PROJECT.TARGET.PLATFORM.BRANCH``, a run's record
    is ``history-PROJECT.RUN.BRANCH``; only the branch may contain a dot. A tag cut to the longest length has no
    branch."""
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


def _sized(named: Entry, found: Manifest) -> Entry:
    """The entry with digest, layers, bytes and time of its manifest, or of an index that lists a cache's layers."""
    listed = found.layers or found.manifests
    times = [moment(layer.annotations.get(_MADE, "")) for layer in listed]
    return replace(
        named,
        digest=found.digest,
        layers=len(listed),
        compressed=sum(layer.size for layer in listed),
        made=max((t for t in times if t is not None), default=None) or named.made,
    )


def _seed(entry: Entry, config: Config) -> Entry:
    layers = (entry.layers or 1) - 1  # the first is the program that restores the seed
    seed = seeds.describe(entry.tag, entry.digest, layers, entry.compressed, config.labels)
    if seed is None:
        return replace(entry, error="is not a seed of this version of gobake")
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
    """Seconds since the epoch of an RFC 3339 time, with any number of fractional digits; None for any other text."""
    match = re.fullmatch(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8})(?:\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})", text)
    try:
        found = datetime.fromisoformat(match[1] + match[2].replace("Z", "+00:00")) if match else None
        return found.timestamp() if found else None
    except (ValueError, OverflowError):
        return None  # the 31st of February
