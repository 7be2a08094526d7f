"""Pruning: mounts through buildx, registry entries through the registry's API, folders by rewriting OCI layouts."""

from __future__ import annotations

import contextlib
import fcntl
import json
import stat
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from gobake import engine
from gobake.caching.kept.contents import PARTS, Entry, Stored, What, moment
from gobake.caching.kept.prune import GRACE_SECONDS, Item, unneeded_parts
from gobake.caching.layers import oci_folder
from gobake.caching.seeds.store import SeedStore
from gobake.caching.store import ownership
from gobake.caching.store.oci_layout import INDEX, blobs, manifest, tag_of, tags
from gobake.errors import RegistryRefused
from gobake.files.nofollow import Inside
from gobake.foreign import checks, oci
from gobake.foreign.checks import Unfit
from gobake.foreign.oci import Descriptor
from gobake.registry import DeletionRefused, Repository

DELETE_SECONDS = 300.0  # for all requests to a registry together
_AT_ONCE = 8
_OWN = tuple(f"{kind}-" for kind in What)
_TEXT = ".txt"


class Pruned(Struct, frozen=True, kw_only=True):
    """The result of pruning."""

    deleted: tuple[Item, ...] = ()
    notes: tuple[str, ...] = ()  # one line for each item that stayed


def prune_mounts(chosen: Sequence[Item], builder: str) -> Pruned:
    """Delete mounts from a builder; a mount in use by a build stays. Raises NoEngine, NoBuilder."""
    deleted, notes = [], []
    for item in chosen:
        if engine.delete_mount(item.key, builder):
            deleted.append(item)
        else:
            notes.append(f"{item.name} stays: a build is using it")
    return Pruned(deleted=tuple(deleted), notes=tuple(notes))


def prune_store(store: SeedStore, chosen: Sequence[Item], there: Stored) -> Pruned:
    """Delete entries from a store, and the indexes and parts that no seed names afterwards."""
    if store.folder is not None:
        return _prune_folder(store.folder, chosen, there)
    return _prune_registry(store.place, chosen, there)


def _prune_registry(place: str, chosen: Sequence[Item], there: Stored) -> Pruned:
    repository = Repository(place, seconds=DELETE_SECONDS)
    gone = {item.name for item in chosen}
    try:
        # a registry deletes images, not tags: every other tag of the same image would go too
        named = _named_by_others(repository, gone)
    except RegistryRefused as error:
        return Pruned(notes=(f"nothing was deleted, because another tag may name the same image: {error}",))
    deleted, notes = [], []
    for item in chosen:
        other = named.get(item.key)
        if other or not item.key:
            notes.append(f"{item.name} stays: " + (f"{other} is the same image" if other else "it cannot be read"))
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
        if (other := named.get(entry.digest, entry.tag)) != entry.tag:
            notes.append(f"{entry.tag} stays: {other} is the same image")
            continue
        try:
            repository.delete(entry.digest)
        except RegistryRefused as error:
            notes.append(f"{entry.tag} stays: {error}")
    return Pruned(deleted=tuple(deleted), notes=tuple(notes))


def _named_by_others(repository: Repository, gone: Collection[str]) -> dict[str, str]:
    """For each digest, a remaining tag that names it, itself or in an index; a tag that is not gobake's comes first.
    Reads the registry anew, as tags move. Raises RegistryRefused if a manifest cannot be read."""
    tags = [tag for tag in repository.tags() if tag not in gone]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        manifests = list(pool.map(repository.manifest, tags))
    found: dict[str, str] = {}
    for tag, image in sorted(zip(tags, manifests, strict=True), key=lambda pair: pair[0].startswith(_OWN)):
        if image:
            for digest in (image.digest, *(part.digest for part in image.manifests)):
                found.setdefault(digest, tag)
    return found


def _ages(repository: Repository, there: Stored) -> dict[str, float]:
    """Ages in seconds, by tag, of the indexes and parts that no seed names, from the time in their configuration."""
    named = {tag for seed in there.of(What.SEED) for tag in seed.parts}
    ages = {}
    for entry in there.of(*PARTS):
        if entry.tag in named:
            continue
        try:
            manifest = repository.manifest(entry.digest)
            config = manifest.config if manifest else None
            made = moment(oci.config(repository.blob(config.digest)).created) if config else None
        except (RegistryRefused, Unfit):
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
            with contextlib.suppress(FileNotFoundError):  # another prune deleted it first
                oci_folder.forget(store, [item.name])
            deleted.append(item)
        except (OSError, RegistryRefused) as error:
            notes.append(f"{item.name} stays: {getattr(error, 'strerror', None) or error}")
    return Pruned(deleted=tuple(deleted), notes=tuple(notes))


def _prune_seeds(store: Path, chosen: Sequence[Item], there: Stored) -> Pruned:
    layout = Inside(top=store) / "seeds"
    try:
        if not chosen and not layout.exists():
            return Pruned()
        if why := ownership.refusal(layout):
            return Pruned(notes=(f"{layout.path} stays as it is: {why}",) if chosen else ())
        texts = {name.removesuffix(_TEXT): name for name in layout.entries() if _is_text(name)}
        parts = [*there.of(What.HALF), *(Entry(what=What.INDEX, tag=tag, digest="") for tag in texts)]
        with _locked(layout):
            named = tags(layout)
            deleted = tuple(chosen)  # including what another prune deleted first
            ages = {part.tag: _age(layout, part.tag, texts, named) for part in parts}
            unneeded = [part.tag for part in unneeded_parts([*there.of(What.SEED), *parts], deleted, ages)]
            _sweep(layout, _forget(layout, {*unneeded, *(item.name for item in deleted)}))
        for tag in unneeded:
            if tag in texts:
                layout.remove(texts[tag])
    except FileNotFoundError:
        return Pruned()
    except (OSError, RegistryRefused, Unfit) as error:
        return Pruned(notes=(f"{layout.path} stays as it is: {getattr(error, 'strerror', None) or error}",))
    return Pruned(deleted=deleted)


def _is_text(name: str) -> bool:
    return name.startswith(f"{What.INDEX}-") and name.endswith(_TEXT)


def _age(layout: Inside, tag: str, texts: Mapping[str, str], named: Mapping[str, Descriptor]) -> float:
    """Age in seconds; 0 if it is gone."""
    try:
        place, name = (layout, texts[tag]) if tag in texts else (blobs(layout), checks.hex_of(named[tag].digest))
        return time.time() - place.status(name).st_mtime
    except (OSError, LookupError):
        return 0.0


@contextmanager
def _locked(layout: Inside) -> Iterator[None]:
    """Hold the lock that BuildKit itself takes on a layout's index (client/ociindex)."""
    with layout.opened_to_lock(f"{INDEX}.lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _forget(layout: Inside, gone: Collection[str]) -> set[str]:
    """Remove tags from a layout's index. Returns the digests that only they needed."""
    data = layout.read(INDEX)
    before = _reachable(layout, oci.index(data))
    index = dict(checks.parsed_object(data))
    index["manifests"] = [
        entry for entry, read in zip(index["manifests"], oci.index(data), strict=True) if tag_of(read) not in gone
    ]
    text = json.dumps(index).encode()
    layout.write(INDEX, text)
    return before - _reachable(layout, oci.index(text))


def _sweep(layout: Inside, freed: set[str]) -> None:
    """Delete unneeded blobs: those just freed, and others too old to belong to a save that is under way."""
    needed, now = _reachable(layout, oci.index(layout.read(INDEX))), time.time()
    for name, status in blobs(layout).entries().items():
        if not checks.is_hex(name) or not stat.S_ISREG(status.st_mode):
            continue  # not a blob
        digest = f"sha256:{name}"
        if digest not in needed and (digest in freed or now - status.st_mtime > GRACE_SECONDS):
            blobs(layout).remove(name)


def _reachable(layout: Inside, index: Sequence[Descriptor]) -> set[str]:
    """Digests of all manifests that an index names, and of everything they refer to."""
    found: set[str] = set()
    waiting = list(index)
    while waiting:
        descriptor = waiting.pop()
        if descriptor.digest in found:
            continue
        found.add(descriptor.digest)
        if descriptor.is_manifest:
            with contextlib.suppress(RegistryRefused):  # an unreadable manifest keeps nothing alive
                waiting += manifest(layout, descriptor.digest).parts
    return found
