"""A cache store that is a registry: what is seen of it, and what is deleted with what."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import time
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from gobake import engine
from gobake.caching.kept import contents, delete
from gobake.caching.kept.contents import Entry, Stored, What, only_file, stored
from gobake.caching.kept.delete import Pruned, prune_mounts, prune_store
from gobake.caching.kept.prune import GRACE_SECONDS, Item
from gobake.caching.seeds.seed import SeedKey, SeedLabels, index_tag
from gobake.caching.seeds.store import SeedStore
from gobake.caching.seeds.units import CacheFile, Kind, write_index
from gobake.errors import RegistryRefused
from gobake.foreign import oci
from gobake.foreign.checks import Unfit
from gobake.foreign.oci import Manifest
from gobake.registry import DeletionRefused

KEY = SeedKey(project="shop", go="1.26", arch="amd64")
STORE = SeedStore(repository="registry.test/cache")
TODAY = int(time.time()) // 86_400
GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"


class Registry:
    """One repository in memory."""

    def __init__(self) -> None:
        self.tagged: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.refuses: dict[str, RegistryRefused] = {}  # by the digest that is deleted, or the tag that is read

    def __call__(self, _name: str, *, seconds: float) -> Registry:
        return self

    def tags(self) -> Sequence[str]:
        return [*self.tagged]

    def manifest(self, name: str) -> Manifest | None:
        if name in self.refuses:
            raise self.refuses[name]
        by_digest = {oci.digest_of(data): data for data in self.tagged.values()}
        data = self.tagged.get(name) or by_digest.get(name)
        return oci.manifest(data) if data else None

    def blob(self, digest: str, _largest: int = 0) -> bytes:
        return self.blobs[digest]

    def delete(self, digest: str) -> None:
        if digest in self.refuses:
            raise self.refuses[digest]
        self.tagged = {tag: data for tag, data in self.tagged.items() if oci.digest_of(data) != digest}

    # ---- what it holds

    def put(self, content: bytes, kind: str = "", **annotations: str) -> dict[str, Any]:
        digest = oci.digest_of(content)
        self.blobs[digest] = content
        return {"digest": digest, "size": len(content), "mediaType": kind, "annotations": annotations}

    def image(self, tag: str, *layers: bytes, age: float = 0.0, labels: dict[str, str] | None = None) -> str:
        """An image that was made ``age`` seconds ago; its digest."""
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - age))
        config = {"created": created, "config": {"Labels": labels or {}}}
        described = [self.put(layer, GZIP) for layer in layers]
        manifest = {"config": self.put(json.dumps(config).encode()), "layers": described}
        self.tagged[tag] = json.dumps(manifest).encode()
        return oci.digest_of(self.tagged[tag])

    def seed(self, branch: str, units: Iterable[CacheFile] = (), *, half: str = "") -> str:
        """A seed with its index; the tag of the index."""
        text = write_index(units).encode()
        index = hashlib.sha256(text).hexdigest()
        told = SeedLabels(
            key=KEY,
            go="go1.26.1",
            branch=branch,
            sums="",
            inputs="",
            index=index,
            saved="2026-11-25T02:00:00Z",
            size=77,
            half=half,
        )
        self.image(KEY.tag(branch), b"program", f"objects of {branch}".encode(), labels=told.texts)
        self.image(index_tag(index), packed("index", text))
        return index_tag(index)


def packed(name: str, text: bytes, before: int = 0) -> bytes:
    """A packed archive of a file after some others."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as files:
        for number in range(before):
            files.addfile(tarfile.TarInfo(f"other {number}"))
        entry = tarfile.TarInfo(name)
        entry.size = len(text)
        files.addfile(entry, io.BytesIO(text))
    return gzip.compress(archive.getvalue(), mtime=0)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    made = Registry()
    monkeypatch.setattr(contents, "Repository", made)
    monkeypatch.setattr(delete, "Repository", made)
    return made


def seen(*, live: bool = True) -> dict[str, Entry]:
    found = stored(STORE, live=live)
    assert found.error == ""
    return {entry.tag: entry for entry in found.entries}


def unit(name: str, size: int, day: int) -> CacheFile:
    return CacheFile(kind=Kind.OBJECT, path=name, size=size, day=day)


# ---- what is seen


def test_a_seed_is_seen_with_what_its_labels_and_its_index_say(registry: Registry) -> None:
    units = [unit("gobuild/a", 300, TODAY), unit("gobuild/b", 100, TODAY - 30)]
    index = registry.seed("main", units)
    seed = seen()[KEY.tag("main")]
    assert (seed.what, seed.project, seed.branch, seed.go, seed.arch) == (
        What.SEED,
        "shop",
        "main",
        "go1.26.1",
        "amd64",
    )
    assert (seed.size, seed.compressed, seed.layers) == (77, len(b"program" + b"objects of main"), 1)
    assert (seed.live, seed.parts, seed.error) == (0.75, frozenset((index,)), "")
    assert seed.made == 1_795_572_000.0
    assert {entry.live for entry in stored(STORE).of(What.SEED)} == {0.75}
    assert seen(live=False)[KEY.tag("main")].live is None


def test_a_seed_without_its_index_is_seen_without_what_is_used_of_it(registry: Registry) -> None:
    del registry.tagged[registry.seed("main")]
    seed = seen()[KEY.tag("main")]
    assert (seed.live, seed.error, seed.project) == (None, "", "shop")


def test_a_large_seed_has_the_bytes_and_layers_of_both_its_images(registry: Registry) -> None:
    registry.seed("main", half="half-1")
    registry.image("half-1", b"program", b"other objects", b"and more")
    seed = seen()[KEY.tag("main")]
    assert seed.compressed == len(b"program" + b"objects of main" + b"program" + b"other objects" + b"and more")
    assert (seed.layers, seed.half, seed.error) == (3, "half-1", "")
    assert "half-1" in seed.parts


def test_a_large_seed_whose_other_image_is_gone_is_told(registry: Registry) -> None:
    registry.seed("main", half="half-1")
    assert seen()[KEY.tag("main")].error == "its other part, half-1, is gone"


def test_the_bytes_of_a_large_seed_are_unknown_where_its_other_image_cannot_be_read(registry: Registry) -> None:
    registry.seed("main", half="half-1")
    registry.image("half-1", b"program")
    registry.refuses["half-1"] = RegistryRefused("denied")
    seed = seen()[KEY.tag("main")]
    assert (seed.compressed, seed.layers, seed.error) == (None, None, "")
    assert seen()["half-1"].error == "denied"


def test_an_image_without_labels_is_no_seed(registry: Registry) -> None:
    registry.image(KEY.tag("main"), b"program", b"objects")
    seed = seen()[KEY.tag("main")]
    assert (seed.error, seed.project) == ("is not a seed of this version of gobake", "")


def test_a_cache_of_layers_is_as_old_as_the_last_step_in_it(registry: Registry) -> None:
    """Also in a manifest of the kind that lists its layers as an index does."""
    tag = "layers-shop.api-scratch.amd64.main"
    times = [{}, *({"buildkit/createdat": f"1970-01-01T00:00:{second}Z"} for second in ("02", "09.5", "08"))]
    layers = [registry.put(b"123", **made) for made in times]
    for name in ("layers", "manifests"):
        registry.tagged[tag] = json.dumps({"config": registry.put(b"{}"), name: layers}).encode()
        entry = seen()[tag]
        assert (entry.project, entry.branch, entry.compressed, entry.layers, entry.made) == ("shop", "main", 12, 4, 9)


def test_a_record_of_a_run_is_as_old_as_its_id_says(registry: Registry) -> None:
    registry.image("history-shop.19700102-000000-abcdef.main", b"record")
    (entry,) = seen().values()
    assert (entry.what, entry.project, entry.branch, entry.made) == (What.HISTORY, "shop", "main", 86_400.0)


def test_tags_of_others_and_those_deleted_meanwhile_are_left_out(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.image("v1.2.3", b"a release")
    registry.image("seedling-a", b"a release")
    registry.image("layers-shop.api.amd64.main", b"layer")
    monkeypatch.setattr(registry, "tags", lambda: [*registry.tagged, "layers-shop.gone.amd64.main"])
    assert list(seen()) == ["layers-shop.api.amd64.main"]


def test_an_index_is_a_file_among_the_first_in_its_archive() -> None:
    def unpacked(name: str, before: int) -> bytes:
        return only_file(gzip.decompress(packed(name, b"text", before)), "index")

    assert unpacked("index", 0) == unpacked("./index", 15) == b"text"
    for name, before in (("index", 16), ("other", 0), ("index/index", 0)):
        with pytest.raises(Unfit, match="holds no index"):
            unpacked(name, before)


# ---- what is deleted


def prune(*tags: str, there: Stored | None = None) -> Pruned:
    listed = there or stored(STORE, live=False)
    items = [
        Item(name=entry.tag, what=str(entry.what), project="shop", key=entry.digest)
        for entry in listed.entries
        if entry.tag in tags
    ]
    return prune_store(STORE, items, listed)


def names(pruned: Pruned) -> list[str]:
    return [item.name for item in pruned.deleted]


def test_a_seed_goes_with_the_parts_that_only_it_names(registry: Registry) -> None:
    index = registry.seed("main", [unit("gobuild/a", 1, TODAY)])
    gone = registry.seed("topic", half="half-1")
    registry.image("half-1", b"program", b"objects")
    pruned = prune(KEY.tag("topic"))
    assert (names(pruned), pruned.notes) == ([KEY.tag("topic")], ())
    assert gone != index
    assert set(registry.tagged) == {KEY.tag("main"), index}


def test_a_part_that_no_seed_names_goes_when_no_save_can_be_about_to_name_it(registry: Registry) -> None:
    index = registry.seed("main")
    registry.image("half-old", b"a", age=GRACE_SECONDS + 60)
    registry.image("half-young", b"b", age=GRACE_SECONDS - 60)
    registry.image("half-undated", b"c")
    registry.tagged["half-undated"] = json.dumps({"config": registry.put(b"[]"), "layers": []}).encode()
    assert prune() == Pruned()
    assert set(registry.tagged) == {KEY.tag("main"), index, "half-young", "half-undated"}


def test_a_part_that_is_the_same_image_as_a_release_stays(registry: Registry) -> None:
    index = registry.seed("topic")
    registry.tagged["v1"] = registry.tagged[index]
    assert prune(KEY.tag("topic")).notes == (f"{index} stays: v1 is the same image",)
    assert set(registry.tagged) == {"v1", index}


def test_a_part_that_the_registry_keeps_is_told(registry: Registry) -> None:
    index = registry.seed("topic")
    registry.refuses[oci.digest_of(registry.tagged[index])] = RegistryRefused("locked")
    pruned = prune(KEY.tag("topic"))
    assert (names(pruned), pruned.notes) == ([KEY.tag("topic")], (f"{index} stays: locked",))


def test_one_that_cannot_be_deleted_does_not_keep_the_others(registry: Registry) -> None:
    tags = [f"layers-shop.{name}.amd64.main" for name in "abc"]
    digests = [registry.image(tag, tag.encode()) for tag in tags]
    there = stored(STORE, live=False)
    unreadable = tuple(replace(one, digest="") if one.tag == tags[0] else one for one in there.entries)
    registry.refuses[digests[1]] = RegistryRefused("locked")
    pruned = prune(*tags, there=Stored(entries=unreadable))
    assert names(pruned) == [tags[2]]
    assert pruned.notes == (f"{tags[0]} stays: it cannot be read", f"{tags[1]} stays: locked")


def test_a_registry_that_does_not_delete_is_asked_once(registry: Registry) -> None:
    tags = [f"layers-shop.{name}.amd64.main" for name in "abc"]
    digests = [registry.image(tag, tag.encode()) for tag in tags]
    registry.refuses = {digests[1]: DeletionRefused("it does not delete"), digests[2]: RegistryRefused("asked again")}
    pruned = prune(*tags)
    assert (names(pruned), pruned.notes) == ([tags[0]], ("nothing more was deleted: it does not delete",))


def test_a_mount_that_a_build_uses_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = [Item(name=f"shop-{name}", what="mount", project="shop", key=f"r-{name}") for name in ("gomod", "gobuild")]
    monkeypatch.setattr(engine, "delete_mount", lambda record, _builder: record != "r-gomod")
    pruned = prune_mounts(mounts, "")
    assert (names(pruned), pruned.notes) == (["shop-gobuild"], ("shop-gomod stays: a build is using it",))
