"""A cache store that is a folder: its layer caches are seen and pruned one by one."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import pytest

from gobake.caching.kept.contents import Entry, What, stored
from gobake.caching.kept.delete import prune_store
from gobake.caching.kept.prune import Wanted, choose, items
from gobake.caching.layers import oci_folder
from gobake.caching.seeds.store import SeedStore

HOUR = 3600.0
SHARED = b"a layer of both"


def blob(store: Path, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    (store / "layers/blobs/sha256" / digest).write_bytes(content)
    return f"sha256:{digest}"


def export(store: Path, tag: str, *layers: bytes, hours: float = 1) -> str:
    """As BuildKit's exporter leaves it."""
    oci_folder.prepare(store, [tag])
    ran = time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", time.gmtime(time.time() - hours * HOUR))
    described = [
        {"digest": blob(store, one), "size": len(one), "annotations": {"buildkit/createdat": ran}} for one in layers
    ]
    content = json.dumps({"config": {"digest": blob(store, b"{}")}, "layers": described}).encode()
    digest = blob(store, content)
    named = {"digest": digest, "annotations": {"org.opencontainers.image.ref.name": "latest"}}
    (oci_folder.layout(store, tag) / "index.json").write_text(json.dumps({"manifests": [named]}))
    return digest


@pytest.fixture
def store(tmp_path: Path) -> Path:
    export(tmp_path, "layers-shop.api-scratch.amd64.main", SHARED, b"of main")
    export(tmp_path, "layers-shop.api-scratch.amd64.topic", SHARED, b"of topic" * 1000, hours=50)
    export(tmp_path, "layers-shop-api.api-scratch.amd64.topic", SHARED, b"of another project", hours=50)
    return tmp_path


def seen(store: Path) -> dict[str, Entry]:
    return {e.tag: e for e in stored(SeedStore(folder=store)).entries}


def prune(store: Path, wanted: Wanted) -> list[str]:
    place = SeedStore(folder=store)
    there = stored(place, live=False)
    chosen = choose(items((), there.entries, time.time()), wanted, ["shop"])
    pruned = prune_store(place, chosen, there)
    assert pruned.notes == ()
    return [item.name for item in pruned.deleted]


def test_every_layer_cache_is_seen_with_its_size_and_age(store: Path) -> None:
    found = seen(store)
    assert len(found) == 3
    main = found["layers-shop.api-scratch.amd64.main"]
    assert (main.what, main.project, main.branch) == (What.LAYERS, "shop", "main")
    assert (main.compressed, main.layers, main.error) == (len(SHARED + b"of main"), 2, "")
    assert main.made is not None
    assert 0.9 * HOUR < time.time() - main.made < 1.1 * HOUR


def test_a_cache_without_times_is_as_old_as_its_export(store: Path) -> None:
    export(store, "layers-shop.odd.amd64.main")
    made = seen(store)["layers-shop.odd.amd64.main"].made
    assert made is not None
    assert time.time() - made < HOUR


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(branches=frozenset({"main"})),
        Wanted(older_than=24 * HOUR),
        Wanted(larger_than=1000),
        Wanted(names=("layers-shop.api-scratch.amd64.topic",)),
    ],
    ids=["branch", "age", "size", "name"],
)
def test_one_of_them_is_pruned_with_what_only_it_needed(store: Path, wanted: Wanted) -> None:
    assert prune(store, wanted) == ["layers-shop.api-scratch.amd64.topic"]
    assert set(seen(store)) == {"layers-shop.api-scratch.amd64.main", "layers-shop-api.api-scratch.amd64.topic"}
    left = {file.read_bytes() for file in (store / "layers/blobs/sha256").iterdir()}
    assert SHARED in left
    assert b"of topic" * 1000 not in left
    assert not (store / "layers" / "layers-shop.api-scratch.amd64.topic").exists()
    assert all(not entry.error for entry in seen(store).values())


def test_another_project_loses_nothing(store: Path) -> None:
    assert len(prune(store, Wanted())) == 2
    (left,) = seen(store).values()
    assert (left.project, left.error, left.compressed) == ("shop-api", "", len(SHARED + b"of another project"))
    blobs = {file.read_bytes() for file in (store / "layers/blobs/sha256").iterdir()}
    assert {SHARED, b"of another project"} < blobs


def test_a_damaged_cache_is_told_and_hides_no_other(store: Path) -> None:
    (oci_folder.layout(store, "layers-shop.api-scratch.amd64.main") / "index.json").write_text('{"manifests": []}')
    found = seen(store)
    assert len(found) == 3
    assert found["layers-shop.api-scratch.amd64.main"].error.endswith("index.json names no manifest")
    assert len(prune(store, Wanted(names=("layers-shop.api-scratch.amd64.main",)))) == 1
    assert len(seen(store)) == 2


def test_a_folder_without_layers_holds_none(tmp_path: Path) -> None:
    assert stored(SeedStore(folder=tmp_path)).entries == ()
