"""A store that somebody else has written: it chooses no file to read, to write or to delete."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from gobake.caching.kept.contents import Stored, stored
from gobake.caching.kept.delete import prune_store
from gobake.caching.kept.prune import Item
from gobake.caching.layers import oci_folder
from gobake.caching.layers.plan import LayerPlan
from gobake.caching.layers.record import end
from gobake.caching.policy.choice import CacheSettings
from gobake.caching.policy.load import load_policy
from gobake.caching.policy.place import CacheStore
from gobake.caching.seeds.save import _keep_index
from gobake.caching.seeds.seed import SeedKey, SeedLabels, describe
from gobake.caching.seeds.store import SeedStore
from gobake.caching.store import oci_layout, ownership
from gobake.caching.store.history import RemoteHistory, _Folder
from gobake.checkout.ci import CIContext, CIProvider
from gobake.errors import RegistryRefused, Unwritable
from gobake.files.nofollow import Inside
from gobake.recipe.bakefile import TargetCache
from gobake.recipe.cache_entry import CacheEntry
from tests.conftest import commit

TAG = "layers-shop.api-scratch.amd64.main"
YEAR = 365 * 24 * 3600.0


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder of the user's, with old files that a sweep would take for blobs."""
    home = tmp_path / "victim"
    home.mkdir()
    for name in ("thesis.tex", "ab" * 32):
        (home / name).write_text("years of work")
        os.utime(home / name, (1e9, 1e9))
    return home


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def untouched(home: Path) -> bool:
    return {f.name: f.read_text() for f in home.iterdir()} == dict.fromkeys(("thesis.tex", "ab" * 32), "years of work")


def keep(blobs: Path, content: bytes) -> str:
    blobs.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(content).hexdigest()
    (blobs / digest).write_bytes(content)
    return f"sha256:{digest}"


def export(store: Path, tag: str = TAG, *, layers: tuple[str, ...] = ()) -> str:
    """A layer cache as BuildKit leaves it; ``layers``: the digests that its manifest names."""
    oci_folder.prepare(store, [tag])
    blobs = store / "layers/blobs/sha256"
    manifest = {"config": {"digest": keep(blobs, b"{}")}, "layers": [{"digest": digest} for digest in layers]}
    digest = keep(blobs, json.dumps(manifest).encode())
    (store / "layers" / tag / "index.json").write_text(json.dumps({"manifests": [{"digest": digest}]}))
    return digest


def prune(store: Path, *names: str, what: str = "layers") -> tuple[list[str], tuple[str, ...]]:
    """(what was deleted, notes)."""
    place = SeedStore(folder=store)
    there = stored(place, live=False)
    items = [Item(name=name, what=what, project="shop") for name in names]
    pruned = prune_store(place, items, there)
    return [item.name for item in pruned.deleted], pruned.notes


# ---- links


@pytest.mark.parametrize("link", ["layers", "layers/blobs", "layers/blobs/sha256"])
def test_a_link_to_the_users_files_is_not_swept(store: Path, victim: Path, link: str) -> None:
    export(store)
    place = store / link
    elsewhere = store.with_name("moved")
    place.rename(elsewhere)
    place.symlink_to(victim)
    assert oci_folder.sweep(store, time.time() + YEAR) == 0
    prune(store, TAG)
    assert untouched(victim)


def test_a_file_that_is_a_link_is_neither_read_nor_deleted(store: Path, victim: Path) -> None:
    export(store)
    (store / "layers/blobs/sha256" / ("cd" * 32)).symlink_to(victim / "thesis.tex")
    assert oci_folder.sweep(store, time.time() + YEAR) == 0
    assert (store / "layers/blobs/sha256" / ("cd" * 32)).is_symlink()
    assert untouched(victim)


@pytest.mark.parametrize(
    ("name", "target"),
    [("ingest", "victim"), ("index.json", "victim/thesis.tex"), ("blobs", "victim"), ("blobs", "../../victim")],
)
def test_an_export_is_not_led_elsewhere_by_a_link_in_a_ref(
    store: Path, victim: Path, tmp_path: Path, name: str, target: str
) -> None:
    oci_folder.prepare(store, ["other"])
    place = store / "layers" / TAG
    place.mkdir()
    (place / name).symlink_to(target if target.startswith("..") else tmp_path / target)
    with pytest.raises(Unwritable, match=r"is a link; choose another folder"):
        oci_folder.prepare(store, [TAG])
    assert TAG not in oci_folder.tags(store)


@pytest.mark.parametrize("name", ["layers", "layers/blobs", f"layers/{TAG}"])
def test_an_export_is_not_led_elsewhere_by_a_link_on_the_way(store: Path, victim: Path, name: str) -> None:
    (store / name).parent.mkdir(parents=True)
    (store / name).symlink_to(victim)
    with pytest.raises(Unwritable, match="is a link"):
        oci_folder.prepare(store, [TAG])
    assert untouched(victim)


@pytest.mark.parametrize("name", ["seeds", "seeds/blobs", "seeds/blobs/sha256", "seeds/index.json", "seeds/ingest"])
def test_a_seed_is_not_saved_through_a_link(store: Path, victim: Path, name: str) -> None:
    (store / name).parent.mkdir(parents=True)
    (store / name).symlink_to(victim)
    with pytest.raises(RegistryRefused, match="is a link"):
        _keep_index(SeedStore(folder=store), "index-x", "text")
    assert untouched(victim)


def test_the_text_of_an_index_is_not_written_through_a_link(store: Path, victim: Path) -> None:
    (store / "seeds").mkdir(parents=True)
    (store / "seeds/index-x.txt").symlink_to(victim / "thesis.tex")
    with pytest.raises(RegistryRefused, match="is a link"):
        _keep_index(SeedStore(folder=store), "index-x", "text")
    assert untouched(victim)


def test_a_pipe_in_place_of_a_file_keeps_nobody_waiting(store: Path) -> None:
    export(store)
    (store / "layers" / TAG / "index.json").unlink()
    os.mkfifo(store / "layers" / TAG / "index.json")
    (entry,) = stored(SeedStore(folder=store)).entries or (None,)
    assert entry is None
    assert oci_folder.sweep(store, time.time() + YEAR) == 0


def travel(store: Path) -> RemoteHistory:
    return RemoteHistory(
        store=CacheStore(folder=store), project="shop", fallbacks=("main",), own="main", reads=True, writes=True
    )


def test_a_history_that_is_a_link_is_neither_read_nor_written(store: Path, victim: Path) -> None:
    store.mkdir()
    (store / "history").symlink_to(victim)
    going = travel(store)
    going.begin(lambda: ())
    assert going.arrived("9") == []
    assert "is a link" in going.notes[0]
    assert untouched(victim)


# ---- digests


OUTSIDE = [
    "sha256:{victim}",
    "sha256:../../../victim/thesis.tex",
    "../victim:thesis.tex",
    "md5:" + "ab" * 16,
    "",
    "sha256:",
]


@pytest.mark.parametrize("digest", OUTSIDE)
def test_a_digest_that_is_a_path_deletes_and_reads_no_file(store: Path, victim: Path, digest: str) -> None:
    export(store)
    digest = digest.replace("{victim}", str(victim / "thesis.tex"))
    index = store / "layers" / TAG / "index.json"
    index.write_text(json.dumps({"manifests": [{"digest": digest}]}))
    (entry,) = stored(SeedStore(folder=store)).entries
    assert entry.error
    assert "\n" not in entry.error
    prune(store, TAG)
    assert untouched(victim)


@pytest.mark.parametrize("digest", OUTSIDE)
def test_a_layer_whose_digest_is_a_path_is_not_deleted_with_its_ref(store: Path, victim: Path, digest: str) -> None:
    export(store, layers=(digest.replace("{victim}", str(victim / "thesis.tex")),))
    assert prune(store, TAG) == ([TAG], ())
    assert untouched(victim)


@pytest.mark.parametrize("digest", OUTSIDE)
def test_a_seed_whose_digest_is_a_path_deletes_no_file(store: Path, victim: Path, digest: str) -> None:
    seeds = store / "seeds"
    ownership.make(Inside(top=store) / "seeds")
    name = {"org.opencontainers.image.ref.name": "seed-shop"}
    digest = digest.replace("{victim}", str(victim / "thesis.tex"))
    (seeds / "index.json").write_text(json.dumps({"manifests": [{"digest": digest, "annotations": name}]}))
    (seeds / "blobs/sha256").mkdir(parents=True)
    assert prune(store, "seed-shop", what="seed")[0] == []
    assert untouched(victim)


def test_a_blob_that_is_not_what_its_digest_says_is_refused(store: Path) -> None:
    digest = export(store)
    name = digest.removeprefix("sha256:")
    (store / "layers/blobs/sha256" / name).write_text(json.dumps({"config": {"digest": digest}, "layers": []}))
    (entry,) = stored(SeedStore(folder=store)).entries
    assert entry.error.startswith(f"{store}/layers/blobs/sha256/{name} is damaged")


def test_a_layout_is_not_read_through_its_links(store: Path, victim: Path) -> None:
    (store / "seeds/blobs").mkdir(parents=True)
    (store / "seeds/blobs/sha256").symlink_to(victim)
    content = hashlib.sha256(b"years of work").hexdigest()
    (victim / content).write_text("years of work")
    with pytest.raises(RegistryRefused, match="is a link"):
        oci_layout.blob(Inside(top=store) / "seeds", f"sha256:{content}")


@pytest.mark.parametrize("label", ["../../etc/passwd", "/etc/passwd", "ab" * 31, "AB" * 32, "a\nb", "\x1b[31m"])
def test_a_label_that_is_a_path_becomes_no_file_name(label: str) -> None:
    key = SeedKey(project="shop", go="1.26", arch="amd64")
    index = "ab" * 32
    good = SeedLabels(key=key, go="go1.26", branch="main", sums="", inputs="", index=index, saved="", size=1)
    assert describe("t", "d", 1, 1, replace(good, half="half-1").texts)
    assert describe("t", "d", 1, 1, replace(good, index=label).texts) is None
    if "/" in label or not label.isprintable():
        assert describe("t", "d", 1, 1, replace(good, half=label).texts) is None


# ---- whose it is


def test_what_gobake_did_not_make_is_not_swept(store: Path) -> None:
    blobs = store / "layers/blobs/sha256"
    keep(blobs, b"somebody's blob")
    assert oci_folder.sweep(store, time.time() + YEAR) == 0
    assert len(list(blobs.iterdir())) == 1


def test_an_oci_layout_of_others_is_not_pruned(store: Path) -> None:
    image = keep(store / "seeds/blobs/sha256", b"{}")
    index = {"manifests": [{"digest": image, "annotations": {"org.opencontainers.image.ref.name": "app"}}]}
    (store / "seeds/index.json").write_text(json.dumps(index))
    done, (note,) = prune(store, "app", what="seed")
    assert done == []
    assert note == f"{store}/seeds stays as it is: {store}/seeds was not made by gobake"
    assert (store / "seeds/blobs/sha256" / image.removeprefix("sha256:")).exists()


def test_a_store_of_an_older_gobake_is_adopted(store: Path) -> None:
    export(store)
    (store / "layers" / ownership.MARK).unlink()
    keep(store / "layers/blobs/sha256", b"dead")
    oci_folder.prepare(store, [TAG])
    assert (store / "layers" / ownership.MARK).read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")
    assert oci_folder.sweep(store, time.time() + YEAR) == 4


def test_only_files_that_are_named_as_blobs_are_swept(store: Path) -> None:
    export(store)
    blobs = store / "layers/blobs/sha256"
    for name in ("thesis.tex", "AB" * 32, "ab" * 33, "ab" * 31):
        (blobs / name).write_text("mine")
    (blobs / ("ef" * 32)).mkdir()
    keep(blobs, b"dead")
    before = {file.name for file in blobs.iterdir()}
    assert oci_folder.sweep(store, time.time() + YEAR) == 4
    assert before - {file.name for file in blobs.iterdir()} == {hashlib.sha256(b"dead").hexdigest()}


@pytest.mark.parametrize("tracked", [True, False])
def test_a_store_that_came_with_the_repository_is_not_deleted_in(tmp_path: Path, tracked: bool) -> None:
    root = tmp_path / "repository"
    store = root / ".cache"
    export(store)
    keep(store / "layers/blobs/sha256", b"dead")
    if not tracked:
        (root / ".gitignore").write_text(".cache\n")
    commit(root)
    freed = oci_folder.sweep(store, time.time() + YEAR)
    done, notes = prune(store, TAG)
    if tracked:
        assert (freed, done) == (0, [])
        assert f"{TAG} stays: {store}/layers holds files of the repository: " in notes[0]
        assert (store / "layers" / TAG / "index.json").exists()
    else:
        assert (freed, done) == (4, [TAG])


def test_a_record_that_came_with_the_repository_is_not_deleted(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    record = root / ".cache/history/history-shop.20200101-000000-abc.main.jsonl.gz"
    record.parent.mkdir(parents=True)
    record.write_text("")
    commit(root)
    place = _Folder(root / ".cache")
    with pytest.raises(RegistryRefused, match="holds files of the repository"):
        place.delete(record.name.removesuffix(".jsonl.gz"))
    assert record.exists()


@pytest.mark.parametrize("text", ["", "{}", '{"imageLayoutVersion":"2.0.0"}', "[" * 2000, "x" * 5000])
def test_a_layout_of_another_version_is_one_line(store: Path, text: str) -> None:
    export(store)
    (store / "layers" / TAG / "oci-layout").write_text(text)
    (entry,) = stored(SeedStore(folder=store)).entries
    assert "index.json cannot be read" in entry.error
    assert "\n" not in entry.error
    (store / "layers" / TAG / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (entry,) = stored(SeedStore(folder=store)).entries
    assert entry.error == ""


def test_a_store_that_pretends_to_be_a_repository_is_still_tracked_by_the_one_around_it(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    store = root / ".cache"
    export(store)
    for name in ("HEAD", "objects/x", "refs/x", "config"):
        (store / "layers" / name).parent.mkdir(exist_ok=True)
        (store / "layers" / name).write_text("ref: refs/heads/main\n")
    commit(root)
    assert "files of the repository" in ownership.refusal(Inside(top=store) / "layers")


def test_a_run_that_failed_sweeps_nothing(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export(store)
    swept: list[Path] = []
    monkeypatch.setattr(oci_folder, "sweep", lambda place: swept.append(place))
    around = CIContext(kind=CIProvider.TERMINAL, branch="main", main_branch="main")
    choice = CacheSettings(
        policy=load_policy("ci-branch", Path()), why="", surroundings=around, store=CacheStore(folder=store)
    )
    plan = LayerPlan(
        targets={
            "api": TargetCache(imports=(), exports=((None, (CacheEntry.of("local", dest=f"{store}/layers/{TAG}"),)),))
        }
    )
    end((), plan, choice, 0.0, sweeps=False)
    assert swept == []
    end((), plan, choice, 0.0)
    assert swept == [store]


# ---- sizes


def test_an_index_larger_than_memory_is_not_read(store: Path) -> None:
    export(store)
    index = store / "layers" / TAG / "index.json"
    with index.open("wb") as file:
        file.truncate(1 << 40)  # of no bytes on the disk
    told = stored(SeedStore(folder=store))
    assert isinstance(told, Stored)
    assert "has more than 64 MiB" in told.entries[0].error
