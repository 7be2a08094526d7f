"""Seeds by their labels, the choice among them, and when a builder needs one."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from gobake.caching.policy.place import parse_store
from gobake.caching.seeds import warm
from gobake.caching.seeds.memory import Memory, remember, remembered
from gobake.caching.seeds.mounts import Mount
from gobake.caching.seeds.seed import Seed, SeedKey, SeedLabels, best, half_tag, read_seed, sums_digest
from gobake.caching.seeds.session import seeds_in
from gobake.caching.seeds.store import SeedStore
from gobake.caching.seeds.warm import Warming, Warmth, cold, needs, of_machine
from gobake.caching.store.tags import tag_part
from gobake.engine import Builder, CacheMount, parse_du
from gobake.errors import RegistryRefused
from gobake.model import Platform

KEY = SeedKey(project="shop", go="1.26", arch="amd64")
INDEX = "ab" * 32
TOLD = SeedLabels(
    key=KEY, go="go1.26.6", branch="main", sums="s", inputs="i", index=INDEX, saved="2026-11-25T02:00:00Z", size=12
).texts


def seed(branch: str = "main", sums: str = "s") -> Seed:
    found = read_seed("t", "sha256:1", 2, 5, TOLD, KEY)
    assert isinstance(found, Seed)
    return replace(found, branch=branch, sums=sums)


def test_labels_are_read_back() -> None:
    found = seed()
    assert (found.project, found.go, found.branch, found.sums, found.inputs, found.index, found.size) == (
        "shop",
        "go1.26.6",
        "main",
        "s",
        "i",
        INDEX,
        12,
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"dev.gobake.seed": "1"}, "not a seed of this version"),
        ({"dev.gobake.seed.project": "other"}, "of the project other"),
        ({"dev.gobake.seed.arch": "arm64"}, "of arm64 machines"),
        ({"dev.gobake.seed.go": "go1.25.3"}, "of go1.25.3"),
    ],
)
def test_a_seed_for_something_else_is_none(change: dict[str, str], why: str) -> None:
    found = read_seed("t", "d", 1, None, {**TOLD, **change}, KEY)
    assert isinstance(found, str)
    assert why in found


def test_an_image_without_labels_is_no_seed() -> None:
    assert isinstance(read_seed("t", "d", 1, None, {}, KEY), str)


def test_a_project_that_names_no_minor_version_takes_any_seed_of_the_major_one() -> None:
    assert isinstance(read_seed("t", "d", 1, None, TOLD, replace(KEY, go="1")), Seed)


def test_the_own_branch_comes_first_and_the_same_go_sum_before_it() -> None:
    own, main = seed(branch="own", sums="new"), seed(branch="main", sums="old")
    assert best([own, main], "other") is own
    assert best([own, main], "old") is main
    assert best([], "old") is None


def test_no_branch_writes_the_half_of_another_ones_seed() -> None:
    """The same units are saved by all of them, and each overwrites its own tag."""
    units = ("gobuild/aa", "gobuild/bb")
    tags = {half_tag(KEY.tag(branch), units) for branch in ("main", "feature")}
    tags |= {half_tag(replace(KEY, project="shop-api").tag("main"), units), half_tag(KEY.tag("main"), units[:1])}
    assert len(tags) == 4
    assert half_tag(KEY.tag("main"), units) == half_tag(KEY.tag("main"), units)


def test_go_sum_counts_by_its_lines() -> None:
    assert sums_digest(["a\nb\n", "c\n"]) == sums_digest(["c\nb\n", "a\n\n"])
    assert sums_digest(["a\n"]) != sums_digest(["b\n"])


@pytest.mark.parametrize("project", ["p" * 60, "p" * 120])
def test_no_two_long_branches_share_a_seed(project: str) -> None:
    """Cut to the longest tag, they would be the same."""
    names = ("main", *(tag_part(f"{'dependabot/' * 9}{end}") for end in "ab"))
    tags = {replace(KEY, project=project).tag(name) for name in names}
    assert len(tags) == len(names)
    assert all(tag.startswith("seed-") and len(tag) <= 128 for tag in tags)


def test_a_seed_tells_its_branch_where_there_is_room() -> None:
    assert KEY.tag("main") == "seed-shop-go1.26-amd64-main"


# ---- needs

GOMOD, GOBUILD = Mount(name="gomod", id="shop-gomod"), Mount(name="gobuild", id="shop-gobuild")


def there(mount: Mount, size: int = 50_000_000) -> CacheMount:
    return CacheMount(record="r1", id=mount.id, size=size, created="", used="")


def test_a_builder_with_full_mounts_needs_no_seed() -> None:
    assert needs([GOMOD, GOBUILD], [there(GOMOD), there(GOBUILD)], {}, "1.26") == ""


def test_a_mount_that_is_gone_or_was_never_filled_needs_one() -> None:
    assert needs([GOMOD, GOBUILD], [there(GOMOD)], {}, "1.26") == "gobuild is empty"
    assert needs([GOMOD, GOBUILD], [there(GOMOD), there(GOBUILD, 4096)], {}, "1.26") == "gobuild is empty"
    assert needs([GOMOD, GOBUILD], [there(GOBUILD)], {}, "1.26") == "gomod is empty"
    assert needs([GOMOD, GOBUILD], [there(GOMOD, 4096), there(GOBUILD)], {}, "1.26") == ""  # it needs no modules


def test_another_go_makes_a_warm_mount_worthless() -> None:
    known = {GOBUILD.id: Memory(record="r1", go="1.25")}
    assert "Go 1.25" in needs([GOBUILD], [there(GOBUILD)], known, "1.26")
    assert needs([GOBUILD], [there(GOBUILD)], known, "1.25") == ""


def test_what_is_remembered_of_a_deleted_mount_does_not_count() -> None:
    known = {GOBUILD.id: Memory(record="an older one", go="1.25")}
    assert needs([GOBUILD], [there(GOBUILD)], known, "1.26") == ""


def warming(folder: Path) -> Warming:
    """Of a project on the builder `farm`, with an empty store."""
    return Warming(
        store=SeedStore(folder=folder / "store"),
        key=KEY,
        branches=("main",),
        sums="",
        mounts=(GOMOD, GOBUILD),
        go_image="golang:1.26",
        builder=Builder(name="farm", driver="docker", nodes=()),
        chosen="",
        home=folder,
    )


def test_whether_mounts_are_cold_is_asked_of_this_builder_alone(tmp_path: Path) -> None:
    full = [there(GOMOD), there(GOBUILD), there(Mount(name="gobuild", id="other-gobuild"), 10)]
    assert why(tmp_path, full) == ""
    assert why(tmp_path, full[:1]) == "gobuild is empty"
    assert why(tmp_path, []) == "gomod is empty"
    remember(tmp_path, "another", {GOBUILD.id: Memory(record="r1", go="1.25")})
    assert why(tmp_path, full) == ""
    remember(tmp_path, "farm", {GOBUILD.id: Memory(record="r1", go="1.25")})
    assert "Go 1.25" in why(tmp_path, full)


def why(folder: Path, listed: list[CacheMount]) -> str:
    return "".join(reason for _, reason in cold(warming(folder), listed))


UNTOLD = ("builder farm does not list its cache mounts: no seed was looked for",)


@pytest.mark.parametrize(
    ("listed", "notes"),
    [(None, UNTOLD), ([there(GOMOD), there(GOBUILD)], ())],
    ids=["it does not tell", "all are warm"],
)
def test_a_builder_that_needs_no_seed_or_does_not_tell_is_left_alone(
    listed: list[CacheMount] | None, notes: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm, "look", lambda *_: pytest.fail("the store is asked"))
    monkeypatch.setattr(warm, "begin_pull", lambda *_, **__: pytest.fail("an image is pulled"))
    asked = replace(warming(tmp_path), compiles=True)
    assert warm.warm(asked, listed, say=pytest.fail, expected=lambda _: False) == Warmth(notes=notes)


def test_memories_are_kept_by_builder_and_a_broken_file_is_forgotten(tmp_path: Path) -> None:
    remember(tmp_path, "one", {"m": Memory(record="r", seed="s", go="1.26")})
    remember(tmp_path, "two", {"m": Memory(record="q")})
    assert remembered(tmp_path, "one") == {"m": Memory(record="r", seed="s", go="1.26")}
    assert remembered(tmp_path, "two") == {"m": Memory(record="q")}
    (tmp_path / "mounts.json").write_text("{")
    assert remembered(tmp_path, "one") == {}


def test_a_seed_is_for_the_nodes_of_its_architecture() -> None:
    nodes = [Platform.parse(p) for p in ("linux/amd64", "linux/arm64", "linux/amd64")]
    assert of_machine(nodes, "amd64") == [nodes[0], nodes[2]]
    assert of_machine(nodes, "arm64") == [nodes[1]]


# ---- stores


@pytest.mark.parametrize("place", ["./cache", "/var/cache/x", "~/cache", ".gobake/cache"])
def test_a_folder_begins_like_a_path(place: str, tmp_path: Path) -> None:
    assert seeds_in(parse_store(place, tmp_path)).folder is not None


@pytest.mark.parametrize("place", ["ghcr.io/acme/shop-cache", "localhost:5000/a/b", "shop-cache"])
def test_anything_else_is_a_repository(place: str, tmp_path: Path) -> None:
    store = seeds_in(parse_store(place, tmp_path))
    assert store.folder is None
    assert store.context("sha256:1") == f"docker-image://{place}@sha256:1"


def test_a_folder_is_seen_from_where_it_was_written_or_from_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    written = {"./cache": "here/cache", ".gobake/cache": "here/.gobake/cache", "../x": "x", "~/cache": "home/cache"}
    found = {text: parse_store(text, tmp_path / "here").folder for text in written}
    assert found == {text: tmp_path / place for text, place in written.items()}


def test_a_folder_without_a_layout_has_no_images_and_a_broken_one_says_so(tmp_path: Path) -> None:
    store = seeds_in(parse_store(str(tmp_path), tmp_path))
    assert store.look("x", 1) is None
    store.layout.mkdir()
    (store.layout / "index.json").write_text("{")
    with pytest.raises(RegistryRefused, match=r"index\.json cannot be read"):
        store.look("x", 1)


# ---- what buildx says

_DU = """\
ID:           nkjl8tjlzvpzmd7tdllxn0frp
Created at:   2026-11-25 01:40:51.421519743 +0000 UTC
Mutable:      true
Reclaimable:  true
Shared:       false
Size:         94.06MB
Description:  cached mount /cache/golink from exec /bin/sh -c mkdir -p /out &&
    go build with id "decoy" -o /x with id "/shop-golink-compile-linux-arm64"
Usage count:  2
Last used:    17 seconds ago
Type:         exec.cachemount

ID:           zrtigp5hay5pijkkltyvn47uz*
Created at:   2026-11-25 01:40:51.421519743 +0000 UTC
Mutable:      true
Size:         2.115GB
Description:  cached mount /root/.cache from exec /bin/sh -c true
Type:         exec.cachemount

ID:           other
Size:         1kB
Description:  local source for context
Type:         source.local

Reclaimable:\t2.2GB
Total:\t\t2.2GB
"""


def test_cache_mounts_are_read_from_du() -> None:
    first, second = parse_du(_DU).mounts
    assert (first.id, first.size, first.used) == ("shop-golink-compile-linux-arm64", 94_060_000, "17 seconds ago")
    assert (second.record, second.id, second.size) == ("zrtigp5hay5pijkkltyvn47uz", "/root/.cache", 2_115_000_000)
