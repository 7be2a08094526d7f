"""Layer caches in a folder: one OCI layout per ref, all sharing one folder of blobs.

BuildKit's local exporter writes into `ingest/`, where two exports into one layout collide. So every ref has its own
layout, and its `blobs` links to the shared blobs, which hold each layer once.

    STORE/layers/CACHEDIR.TAG
    STORE/layers/blobs/sha256/...
    STORE/layers/TAG/index.json, ingest/, blobs -> ../blobs

Exports only add. Blobs that no index names are swept after a while, or when their ref is pruned. `blobs` is the only
link: a store with other links is neither read nor written, and nothing in it is deleted.
"""

from __future__ import annotations

import contextlib
import stat
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from gobake.caching.store import oci_layout as layouts
from gobake.caching.store import ownership
from gobake.errors import RegistryRefused, Unwritable
from gobake.files.nofollow import Inside
from gobake.foreign import checks, oci
from gobake.foreign.checks import Unfit
from gobake.foreign.oci import Manifest

_BLOBS = "blobs"
_UNREADABLE = (OSError, Unfit, RegistryRefused)
_KEEP_SECONDS = 24 * 3600  # a running build may need a blob that no index names yet


def layout(store: Path, tag: str) -> Path:
    """The OCI layout of a ref."""
    return store / "layers" / tag


def tags(store: Path) -> frozenset[str]:
    """The readable refs."""
    with contextlib.suppress(OSError):
        return frozenset(_refs(_layers(store)))
    return frozenset()


def manifest(store: Path, tag: str) -> Manifest | None:
    """A ref's manifest, or None if the ref does not exist. Raises RegistryRefused if it cannot be read."""
    place = _layers(store) / tag
    named = layouts.index(place)
    if not named:
        if tag in tags(store):
            raise RegistryRefused(f"{place.path / layouts.INDEX} names no manifest")
        return None
    # the exporter names its one manifest `latest`
    data = layouts.blob_in(_blobs_of(store, tag), named[-1].digest)
    try:
        return oci.manifest(data)
    except Unfit as error:
        raise RegistryRefused(f"{place.path} {error}") from None


def written(store: Path, tag: str) -> float | None:
    """When a ref was exported, in seconds since the epoch; None if unknown."""
    try:
        return (_layers(store) / tag).status(layouts.INDEX).st_mtime
    except OSError:
        return None


def forget(store: Path, gone: Collection[str]) -> None:
    """Delete refs and the blobs that only they reach. Raises OSError or RegistryRefused if a ref cannot be deleted."""
    layers = _layers(store)
    if why := ownership.refusal(layers):
        raise RegistryRefused(why)
    reached: set[str] = set()
    for tag in gone:
        with contextlib.suppress(*_UNREADABLE):
            reached.update(_reached(store, tag))
        (layers / tag).remove(layouts.INDEX)  # first: without an index it is no longer a ref
        layers.remove_folder(tag)
    with contextlib.suppress(*_UNREADABLE):  # no sweep if another ref is unreadable: what it needs is unknown
        for digest in reached - _needed(store):
            _shared(store).remove(checks.hex_of(digest))


def prepare(store: Path, wanted: Iterable[str]) -> None:
    """Create the layouts that exports write to. Raises Unwritable, also where a link would lead elsewhere."""
    layers = _layers(store)
    try:
        ownership.make(layers)
        _shared(store).make()
        for tag in wanted:
            place = layers / tag
            place.make()
            status = place.entries().get(_BLOBS)
            if status and stat.S_ISDIR(status.st_mode):  # a copy that followed the link
                if why := ownership.refusal(layers):
                    raise RegistryRefused(why)
                layers.remove_folder(tag)
                place.make()
            if not status or stat.S_ISDIR(status.st_mode):
                with contextlib.suppress(FileExistsError):  # another run created it first
                    place.link_to(ownership.SHARED_BLOBS, _BLOBS)
            if odd := _odd_link(place):
                raise RegistryRefused(f"{place.path / odd} is a link")
    except (OSError, RegistryRefused) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Unwritable(f"{store} cannot be written: {reason}", remedy="choose another folder") from None


def size_of(store: Path, digests: Iterable[str], since: float) -> int | None:
    """Total bytes of those blobs written at or after ``since``; None if that cannot be read."""
    total, shared = 0, _shared(store)
    try:
        for digest in digests:
            status = shared.status(checks.hex_of(digest))
            total += status.st_size if status.st_mtime >= since else 0
    except (OSError, Unfit):
        return None
    return total


def sweep(store: Path, now: float | None = None) -> int:
    """Delete blobs that no index reaches and that are a day old. Returns the bytes freed. Never raises."""
    moment = time.time() if now is None else now
    freed = 0
    with contextlib.suppress(*_UNREADABLE):
        shared = _shared(store)
        needed = _needed(store)
        dead = {
            name: status.st_size
            for name, status in shared.entries().items()
            if checks.is_hex(name) and stat.S_ISREG(status.st_mode) and status.st_mtime < moment - _KEEP_SECONDS
            if f"sha256:{name}" not in needed
        }
        if not dead or ownership.refusal(_layers(store)):
            return 0
        for name, size in dead.items():
            shared.remove(name)
            freed += size
    return freed


def _layers(store: Path) -> Inside:
    return Inside(top=store) / "layers"


def _shared(store: Path) -> Inside:
    return _layers(store) / _BLOBS / "sha256"


def _blobs_of(store: Path, tag: str) -> Inside:
    """The folder of a ref's blobs: the shared one, or its own in a copy of the store that followed the link."""
    place = _layers(store) / tag
    try:
        shared = place.link(_BLOBS) == ownership.SHARED_BLOBS
    except OSError:
        shared = True
    return _shared(store) if shared else layouts.blobs(place)


def _refs(layers: Inside) -> Iterator[str]:
    """Names of the readable refs. Raises OSError."""
    for name, status in layers.entries().items():
        if not stat.S_ISDIR(status.st_mode):
            continue
        with contextlib.suppress(OSError, Unfit):
            (layers / checks.tag(name)).status(layouts.INDEX)
            if not _odd_link(layers / name):
                yield name


def _odd_link(place: Inside) -> str:
    """The name of an unexpected link in a ref's layout; "" for none. Raises OSError."""
    for name, status in place.entries().items():
        if stat.S_ISLNK(status.st_mode) and (name != _BLOBS or place.link(name) != ownership.SHARED_BLOBS):
            return name
    return ""


def _needed(store: Path) -> set[str]:
    """The digests that the refs reach. Raises if a ref cannot be read."""
    layers = _layers(store)
    found: set[str] = set()
    for name, status in layers.entries().items():
        if stat.S_ISDIR(status.st_mode) and layouts.INDEX in (layers / name).entries():
            found.update(_reached(store, name))
    return found


def _reached(store: Path, tag: str) -> Iterator[str]:
    """The digests of an index, its manifests and what they name. Raises if one cannot be read, so that no sweep
    follows."""
    for described in oci.index((_layers(store) / tag).read(layouts.INDEX)):
        yield described.digest
        for part in oci.manifest(layouts.blob_in(_shared(store), described.digest)).parts:
            yield part.digest
