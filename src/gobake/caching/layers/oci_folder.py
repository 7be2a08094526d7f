"""Layer caches in a folder: one OCI layout a ref, all of them over one folder of blobs.

BuildKit's local exporter writes into `ingest/`, and two exports into one layout trip over each other there. So every
ref has a layout of its own, and its `blobs` is a link to the blobs that all share: a layer lies there once.

    STORE/layers/CACHEDIR.TAG
    STORE/layers/blobs/sha256/...
    STORE/layers/TAG/index.json, ingest/, blobs -> ../blobs

Exports only ever add: what no index names any more is swept away after a while, or with the ref that is pruned. That is
the only link; a store with others is neither read nor written, and nothing in it is deleted.
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
_KEEP_SECONDS = 24 * 3600  # a run that is at work may need a blob that no index names yet


def layout(store: Path, tag: str) -> Path:
    """The OCI layout of a ref."""
    return store / "layers" / tag


def tags(store: Path) -> frozenset[str]:
    """The refs that can be read."""
    with contextlib.suppress(OSError):
        return frozenset(_refs(_layers(store)))
    return frozenset()


def manifest(store: Path, tag: str) -> Manifest | None:
    """A ref's manifest; None where there is no such ref. Raises RegistryRefused where it cannot be read."""
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
    """When a ref was exported; None where that cannot be found out."""
    try:
        return (_layers(store) / tag).status(layouts.INDEX).st_mtime
    except OSError:
        return None


def forget(store: Path, gone: Collection[str]) -> None:
    """Delete refs, and at once the blobs that only they led to. Raises OSError or RegistryRefused where a ref cannot be
    deleted."""
    layers = _layers(store)
    if why := ownership.refusal(layers):
        raise RegistryRefused(why)
    theirs: set[str] = set()
    for tag in gone:
        with contextlib.suppress(*_UNREADABLE):
            theirs.update(_reached(store, tag))
        (layers / tag).remove(layouts.INDEX)  # first: without it the ref is none
        layers.remove_folder(tag)
    with contextlib.suppress(*_UNREADABLE):  # what another ref leads to is then unknown: better no sweep
        for digest in theirs - _needed(store):
            _shared(store).remove(checks.hex_of(digest))


def prepare(store: Path, wanted: Iterable[str]) -> None:
    """Make room for exports. Raises Unwritable, also where links would lead them elsewhere."""
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
                with contextlib.suppress(FileExistsError):  # another run was faster
                    place.link_to(ownership.SHARED_BLOBS, _BLOBS)
            if odd := _odd_link(place):
                raise RegistryRefused(f"{place.path / odd} is a link")
    except (OSError, RegistryRefused) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Unwritable(
            f"{store} cannot be written: {reason}", remedy="choose another folder with --cache-store"
        ) from None


def size_of(store: Path, digests: Iterable[str], since: float) -> int | None:
    """Bytes of the blobs among these that were written after a moment; None where that cannot be read."""
    total, shared = 0, _shared(store)
    try:
        for digest in digests:
            status = shared.status(checks.hex_of(digest))
            total += status.st_size if status.st_mtime >= since else 0
    except (OSError, Unfit):
        return None
    return total


def sweep(store: Path, now: float | None = None) -> int:
    """Delete blobs that no index leads to and that are a day old; the bytes that were freed. Never raises."""
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
    """Where the blobs of a ref are: with all others, or in a copy that followed the link."""
    place = _layers(store) / tag
    try:
        shared = place.link(_BLOBS) == ownership.SHARED_BLOBS
    except OSError:
        shared = True
    return _shared(store) if shared else layouts.blobs(place)


def _refs(layers: Inside) -> Iterator[str]:
    """Raises OSError."""
    for name, status in layers.entries().items():
        if not stat.S_ISDIR(status.st_mode):
            continue
        with contextlib.suppress(OSError, Unfit):
            (layers / checks.tag(name)).status(layouts.INDEX)
            if not _odd_link(layers / name):
                yield name


def _odd_link(place: Inside) -> str:
    """A link in a ref's layout that does not belong there; "" for none. Raises OSError."""
    for name, status in place.entries().items():
        if stat.S_ISLNK(status.st_mode) and (name != _BLOBS or place.link(name) != ownership.SHARED_BLOBS):
            return name
    return ""


def _needed(store: Path) -> set[str]:
    """The digests that the refs lead to. Raises where one cannot be read."""
    layers = _layers(store)
    found: set[str] = set()
    for name, status in layers.entries().items():
        if stat.S_ISDIR(status.st_mode) and layouts.INDEX in (layers / name).entries():
            found.update(_reached(store, name))
    return found


def _reached(store: Path, tag: str) -> Iterator[str]:
    """The digests of an index, its manifests and what they name. Raises where one cannot be read: better no sweep."""
    for described in oci.index((_layers(store) / tag).read(layouts.INDEX)):
        yield described.digest
        for part in oci.manifest(layouts.blob_in(_shared(store), described.digest)).parts:
            yield part.digest
