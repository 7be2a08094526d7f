"""Layer caches in a folder: one OCI layout a ref, all of them over one folder of blobs.

BuildKit's local exporter writes into `ingest/`, and two exports into one layout trip over each other there. So every
ref has a layout of its own, and its `blobs` is a link to the blobs that all share: a layer lies there once.

    STORE/layers/blobs/sha256/...
    STORE/layers/TAG/index.json, ingest/, blobs -> ../blobs

Exports only ever add: what no index names any more is swept away after a while, or with the ref that is pruned.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gobake.caching import layout as layouts
from gobake.errors import RegistryRefused, Unwritable

_BLOBS = "blobs"
_UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError)
_KEEP_SECONDS = 24 * 3600  # a run that is at work may need a blob that no index names yet


def layout(store: Path, tag: str) -> Path:
    """The OCI layout of a ref."""
    return store / "layers" / tag


def tags(store: Path) -> frozenset[str]:
    """The refs that can be read."""
    with contextlib.suppress(OSError):
        return frozenset(f.parent.name for f in (store / "layers").glob("*/index.json"))
    return frozenset()


def manifest(store: Path, tag: str) -> tuple[str, Mapping[str, Any]] | None:
    """The digest and the content of a ref's manifest; None where there is no such ref. Raises RegistryRefused where it
    cannot be read, and ValueError, LookupError or TypeError where it is something else."""
    place = layout(store, tag)
    try:
        # the exporter names its one manifest `latest`
        digest = str(_json(place / "index.json")["manifests"][-1]["digest"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RegistryRefused(f"{place / 'index.json'} cannot be read: {error.strerror}") from None
    return digest, json.loads(layouts.blob(place, digest))


def written(store: Path, tag: str) -> float | None:
    """When a ref was exported; None where that cannot be found out."""
    try:
        return (layout(store, tag) / "index.json").stat().st_mtime
    except OSError:
        return None


def forget(store: Path, gone: Collection[str]) -> None:
    """Delete refs, and at once the blobs that only they led to. Raises OSError where a ref cannot be deleted."""
    theirs: set[str] = set()
    for tag in gone:
        index = layout(store, tag) / "index.json"
        with contextlib.suppress(*_UNREADABLE):
            theirs.update(_reached(store, index))
        index.unlink(missing_ok=True)  # first: without it the ref is none
        shutil.rmtree(layout(store, tag))
    with contextlib.suppress(*_UNREADABLE):  # what another ref leads to is then unknown: better no sweep
        for digest in theirs - _needed(store):
            _blob(store, digest).unlink(missing_ok=True)


def prepare(store: Path, wanted: Iterable[str]) -> None:
    """Make room for exports. Raises Unwritable."""
    shared = store / "layers" / _BLOBS
    try:
        (shared / "sha256").mkdir(parents=True, exist_ok=True)
        for tag in wanted:
            place = layout(store, tag)
            place.mkdir(exist_ok=True)
            link = place / _BLOBS
            if link.is_dir() and not link.is_symlink():  # a copy that followed the link
                shutil.rmtree(place)
                place.mkdir()
            if not link.is_symlink():
                with contextlib.suppress(FileExistsError):  # another run was faster
                    link.symlink_to(Path("..") / _BLOBS, target_is_directory=True)
    except OSError as error:
        raise Unwritable(
            f"{store} cannot be written: {error.strerror}", remedy="choose another folder with --cache-store"
        ) from None


def size_of(store: Path, digests: Iterable[str], since: float) -> int | None:
    """Bytes of the blobs among these that were written after a moment; None where that cannot be read."""
    total = 0
    try:
        for digest in digests:
            status = _blob(store, digest).stat()
            total += status.st_size if status.st_mtime >= since else 0
    except OSError:
        return None
    return total


def sweep(store: Path, now: float | None = None) -> int:
    """Delete blobs that no index leads to and that are a day old; the bytes that were freed. Never raises."""
    moment = time.time() if now is None else now
    freed = 0
    with contextlib.suppress(*_UNREADABLE):
        needed = _needed(store)
        for blob in (store / "layers" / _BLOBS / "sha256").iterdir():
            status = blob.stat()
            if f"sha256:{blob.name}" not in needed and status.st_mtime < moment - _KEEP_SECONDS:
                blob.unlink()
                freed += status.st_size
    return freed


def _needed(store: Path) -> set[str]:
    """The digests that the refs lead to. Raises where one cannot be read."""
    return {digest for file in (store / "layers").glob("*/index.json") for digest in _reached(store, file)}


def _reached(store: Path, index: Path) -> Iterator[str]:
    """The digests of an index, its manifests and what they name. Raises where one cannot be read: better no sweep."""
    for described in _json(index)["manifests"]:
        digest = described["digest"]
        yield digest
        manifest = _json(_blob(store, digest))
        inner = [manifest.get("config"), *manifest.get("layers", ()), *manifest.get("manifests", ())]
        yield from (part["digest"] for part in inner if part)


def _blob(store: Path, digest: str) -> Path:
    algorithm, _, name = digest.partition(":")
    return store / "layers" / _BLOBS / algorithm / name


def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))
