"""What a store says of the image behind a tag, and how bake names its images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from gobake import engine
from gobake.caching.seeds.seed import Seed, SeedKey, SeedLabels
from gobake.caching.seeds.store import SeedStore
from gobake.errors import RegistryRefused
from tests.security import stores

KEY = SeedKey(project="shop", go="1.26", arch="amd64")
TAG = KEY.tag("main")
LABELS = SeedLabels(key=KEY, go="go1.26.1", branch="main", sums="s", inputs="", index="", saved="", size=1).texts
REGISTRY = SeedStore(repository="registry.test/acme/cache")


def sha256(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def manifest(*sizes: int) -> str:
    layers = [{"digest": sha256(str(at)), "size": size} for at, size in enumerate(sizes)]
    return json.dumps({"config": {"digest": sha256("config")}, "layers": layers})


def inspected(digest: str, labels: Mapping[str, str] | None = None, layers: int = 2) -> str:
    image = {"config": {"Labels": dict(labels or {})}, "rootfs": {"diff_ids": [sha256("")] * layers}}
    return json.dumps({"manifest": {"digest": digest}, "image": image})


class Registry:
    """What docker says of references; remembers what it was asked."""

    def __init__(self, texts: Mapping[str, str | None]) -> None:
        self.texts = texts  # by reference; of manifests after a space
        self.asked: list[str] = []

    def inspect(self, reference: str, template: str, _seconds: float) -> str | None:
        name = reference if template else f"{reference} raw"
        self.asked.append(name)
        return self.texts.get(name)


REFERENCE = f"registry.test/acme/cache:{TAG}"


def look(monkeypatch: pytest.MonkeyPatch, texts: Mapping[str, str | None]) -> tuple[Registry, Seed | str | None]:
    made = Registry(texts)
    monkeypatch.setattr(engine, "inspect_image", made.inspect)
    return made, REGISTRY.seed(TAG, KEY, 1.0)


def test_a_seed_is_read_with_its_layers_and_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = manifest(10, 70, 9)
    made, found = look(monkeypatch, {REFERENCE: inspected(sha256(raw), LABELS), f"{REFERENCE} raw": raw})
    assert isinstance(found, Seed)
    assert (found.digest, found.layers, found.compressed) == (sha256(raw), 2, 89), "one layer is the program"
    assert found.blobs == (sha256("0"), sha256("1"), sha256("2"))
    assert sorted(made.asked) == [REFERENCE, f"{REFERENCE} raw"]


def test_no_image_is_no_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(monkeypatch, {})[1] is None


def test_an_image_of_something_else_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = manifest(10, 70)
    _, found = look(monkeypatch, {REFERENCE: inspected(sha256(raw)), f"{REFERENCE} raw": raw})
    assert found == "is not a seed of this version of gobake"


@pytest.mark.parametrize("raw", [manifest(1, 2), None], ids=["another", "gone"])
def test_a_tag_that_moves_between_the_two_questions_is_asked_for_by_its_digest(
    monkeypatch: pytest.MonkeyPatch, raw: str | None
) -> None:
    meant = manifest(10, 70)
    pinned = f"registry.test/acme/cache@{sha256(meant)} raw"
    made, found = look(
        monkeypatch, {REFERENCE: inspected(sha256(meant), LABELS), f"{REFERENCE} raw": raw, pinned: meant}
    )
    assert isinstance(found, Seed)
    assert (found.digest, found.compressed) == (sha256(meant), 80)
    assert pinned in made.asked


def test_an_image_whose_manifest_cannot_be_had_is_not_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RegistryRefused, match="is not a readable image"):
        look(monkeypatch, {REFERENCE: inspected(sha256("gone"), LABELS)})


def test_an_image_without_a_configuration_is_no_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = manifest(10, 70)
    told = json.dumps({"manifest": {"digest": sha256(raw)}})
    assert isinstance(look(monkeypatch, {REFERENCE: told, f"{REFERENCE} raw": raw})[1], str)


def test_where_a_manifest_names_no_layers_their_number_is_known_and_their_bytes_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = manifest()
    _, found = look(monkeypatch, {REFERENCE: inspected(sha256(raw), LABELS, layers=3), f"{REFERENCE} raw": raw})
    assert isinstance(found, Seed)
    assert (found.layers, found.compressed, found.blobs) == (2, None, ("", "", ""))


# ---- a folder


def test_a_folder_has_the_seeds_that_its_layout_names(tmp_path: Path) -> None:
    store = SeedStore(folder=stores.make(tmp_path / "store"))
    key = SeedKey(project=stores.PROJECT, go="1.26", arch="amd64")
    found = store.seed(stores.seed_tag("main"), key, 1.0)
    assert isinstance(found, Seed)
    packed = len(b"the program that restores") + len(b"objects of main")
    assert (found.branch, found.layers, found.compressed) == ("main", 1, packed)
    assert store.seed("seed-gone", key, 1.0) is None


def test_what_a_folder_names_and_is_no_image_is_refused(tmp_path: Path) -> None:
    layout = tmp_path / "seeds"
    listed = stores.put(layout / "blobs", b'{"manifests": []}')
    named = listed | {"annotations": {"org.opencontainers.image.ref.name": TAG}}
    (layout / "index.json").write_text(json.dumps({"manifests": [named]}))
    with pytest.raises(RegistryRefused, match="is not an image"):
        SeedStore(folder=tmp_path).look(TAG, 1.0)


# ---- bake's words


def test_bake_pulls_an_image_by_its_digest_or_its_tag(tmp_path: Path) -> None:
    folder = SeedStore(folder=tmp_path)
    assert [REGISTRY.context(name) for name in ("sha256:1", "seed-a")] == [
        "docker-image://registry.test/acme/cache@sha256:1",
        "docker-image://registry.test/acme/cache:seed-a",
    ]
    assert [folder.context(name) for name in ("sha256:1", "seed-a")] == [
        f"oci-layout://{tmp_path}/seeds@sha256:1",
        f"oci-layout://{tmp_path}/seeds:seed-a",
    ]


def test_bake_writes_an_image_to_the_store_and_into_the_engine_only_where_it_must(tmp_path: Path) -> None:
    pushed = "type=image,name=registry.test/acme/cache:seed-a,push=true"
    words = "oci-mediatypes=true,compression=zstd,compression-level=1"
    assert REGISTRY.output("seed-a") == f"{pushed},store=false,unpack=false,{words}"
    assert REGISTRY.output("seed-a", kept=True) == f"{pushed},{words}"
    assert REGISTRY.output("seed-a", "compression=gzip", kept=True) == f"{pushed},oci-mediatypes=true,compression=gzip"
    assert SeedStore(folder=tmp_path).output("seed-a") == (
        f"type=oci,dest={tmp_path}/seeds,tar=false,name=seeds:seed-a,{words}"
    )


def test_a_tag_is_named_with_its_place(tmp_path: Path) -> None:
    assert REGISTRY.named("seed-a") == "registry.test/acme/cache:seed-a"
    assert SeedStore(folder=tmp_path).named("seed-a") == f"{tmp_path} (seed-a)"
