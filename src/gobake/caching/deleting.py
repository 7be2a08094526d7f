"""Pruning: mounts through buildx, a registry's entries through its API, a folder's by rewriting its OCI layouts."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gobake import engine
from gobake.caching import folder
from gobake.caching.layout import blob_file, tag_of, tags
from gobake.caching.pruning import GRACE_SECONDS, Item, unneeded_parts
from gobake.caching.seedstore import SeedStore
from gobake.caching.stored import PARTS, Entry, Stored, What, moment
from gobake.dataclass import dataclass
from gobake.errors import RegistryRefused
from gobake.registry import DeletionRefused, Repository

DELETE_SECONDS = 300.0  # for all of a registry's answers together


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What became of it."""

    deleted: tuple[Item, ...] = ()
    notes: tuple[str, ...] = ()  # one line for each thing that stayed


def prune_mounts(chosen: Sequence[Item], builder: str) -> Pruned:
    """Delete mounts from a builder; one that a build uses stays. Raises NoEngine, NoBuilder."""
    deleted, notes = [], []
    for item in chosen:
        if engine.delete_mount(item.key, builder):
            deleted.append(item)
        else:
            notes.append(f"{item.name} stays: a build uses it at this moment")
    return Pruned(deleted=tuple(deleted), notes=tuple(notes))


def prune_store(store: SeedStore, chosen: Sequence[Item], there: Stored) -> Pruned:
    """Delete entries from a store, with the indexes and halves that nothing names then."""
    if store.folder is not None:
        return _prune_folder(store.folder, chosen, there)
    return _prune_registry(store.place, chosen, there)


def _prune_registry(place: str, chosen: Sequence[Item], there: Stored) -> Pruned:
    repository = Repository(place, seconds=DELETE_SECONDS)
    gone = {item.name for item in chosen}
    deleted, notes = [], []
    for item in chosen:
        # a registry deletes images, not tags: another tag of the same image would go too
        same = [e.tag for e in there.entries if e.digest == item.key and e.tag not in gone]
        if same or not item.key:
            notes.append(f"{item.name} stays: " + (f"{same[0]} is the same image" if same else "it cannot be read"))
            continue
        try:
            repository.delete(item.key)
            deleted.append(item)
        except DeletionRefused as error:
            return Pruned(deleted=tuple(deleted), notes=(*notes, f"nothing more was deleted: {error}"))
        except RegistryRefused as error:
            notes.append(f"{item.name} stays: {error}")
    ages = _ages(repository, there)
    for entry in unneeded_parts(there.entries, deleted, ages):
        try:
            repository.delete(entry.digest)
        except RegistryRefused as error:
            notes.append(f"{entry.tag} stays: {error}")
    return Pruned(deleted=tuple(deleted), notes=tuple(notes))


def _ages(repository: Repository, there: Stored) -> dict[str, float]:
    """By the time in their configuration, which only indexes and halves are asked for that no seed names."""
    named = {tag for seed in there.of(What.SEED) for tag in seed.parts}
    ages = {}
    for entry in there.of(*PARTS):
        if entry.tag in named:
            continue
        try:
            manifest = repository.manifest(entry.digest)
            config = json.loads(repository.blob(manifest.content["config"]["digest"])) if manifest else {}
            made = moment(str(config.get("created", "")))
        except (RegistryRefused, ValueError, KeyError, TypeError, AttributeError):
            continue
        if made is not None:
            ages[entry.tag] = time.time() - made
    return ages


def _prune_folder(store: Path, chosen: Sequence[Item], there: Stored) -> Pruned:
    seeded = [item for item in chosen if item.what != What.LAYERS]
    done = (_prune_layers(store, [i for i in chosen if i.what == What.LAYERS]), _prune_seeds(store, seeded, there))
    return Pruned(
        deleted=tuple(item for pruned in done for item in pruned.deleted),
        notes=tuple(note for pruned in done for note in pruned.notes),
    )


def _prune_layers(store: Path, chosen: Sequence[Item]) -> Pruned:
    deleted, notes = [], []
    for item in chosen:
        try:
            folder.forget(store, [item.name])
            deleted.append(item)
        except OSError as error:
            notes.append(f"{item.name} stays: {error.strerror}")
    return Pruned(deleted=tuple(deleted), notes=tuple(notes))


def _prune_seeds(store: Path, chosen: Sequence[Item], there: Stored) -> Pruned:
    layout = store / "seeds"
    texts = {file.stem: file for file in layout.glob(f"{What.INDEX}-*.txt")}
    parts = [*there.of(What.HALF), *(Entry(what=What.INDEX, tag=tag, digest="") for tag in texts)]
    try:
        with _locked(layout):
            named = tags(layout)
            deleted = tuple(item for item in chosen if item.name in named)
            files = texts | {tag: blob_file(layout, str(named[tag]["digest"])) for tag in named}
            ages = {part.tag: _age(files[part.tag]) for part in parts if part.tag in files}
            unneeded = [part.tag for part in unneeded_parts([*there.of(What.SEED), *parts], deleted, ages)]
            _sweep(layout, _forget(layout, {*unneeded, *(item.name for item in deleted)}))
    except FileNotFoundError:
        return Pruned()
    except (OSError, RegistryRefused) as error:
        return Pruned(notes=(f"{layout} stays as it is: {error}",))
    for tag in unneeded:
        if tag in texts:
            texts[tag].unlink(missing_ok=True)
    return Pruned(deleted=deleted)


def _age(file: Path) -> float:
    """Seconds; 0 for what is no more."""
    return time.time() - file.stat().st_mtime if file.exists() else 0.0


@contextmanager
def _locked(layout: Path) -> Iterator[None]:
    """BuildKit's own lock of a layout's index (client/ociindex)."""
    with (layout / "index.json.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _forget(layout: Path, gone: Collection[str]) -> set[str]:
    """Take tags out of a layout's index; the digests that only they needed."""
    before = _reachable(layout)
    index = json.loads((layout / "index.json").read_bytes())
    index["manifests"] = [e for e in index["manifests"] if tag_of(e) not in gone]
    part = layout / f".index.json.{os.getpid()}"
    part.write_text(json.dumps(index))
    part.replace(layout / "index.json")
    return before - _reachable(layout)


def _sweep(layout: Path, freed: set[str]) -> None:
    """Delete blobs that nothing needs: those of what was pruned, and others that no save can be about to name."""
    needed, now = _reachable(layout), time.time()
    for file in layout.glob("blobs/*/*"):
        digest = f"{file.parent.name}:{file.name}"
        if digest not in needed and (digest in freed or now - file.stat().st_mtime > GRACE_SECONDS):
            file.unlink(missing_ok=True)


def _reachable(layout: Path) -> set[str]:
    """Digests of all manifests that the index names, and of everything below them."""
    index = json.loads((layout / "index.json").read_bytes())
    found: set[str] = set()
    waiting: list[Any] = list(index.get("manifests") or [])
    while waiting:
        descriptor = waiting.pop()
        digest = str(descriptor.get("digest", ""))
        if digest in found:
            continue
        found.add(digest)
        if "manifest" in str(descriptor.get("mediaType", "")) or "index" in str(descriptor.get("mediaType", "")):
            try:
                content = json.loads(blob_file(layout, digest).read_bytes())
            except (OSError, ValueError):
                continue
            waiting += [content.get("config") or {}, *(content.get("layers") or []), *(content.get("manifests") or [])]
    return found
