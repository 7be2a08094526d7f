"""What a save writes to the store, and what it does when the store or another save is in its way."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from msgspec import field
from msgspec.structs import replace

from gobake.caching.seeds import save as saves
from gobake.caching.seeds import units as kinds
from gobake.caching.seeds.mounts import Mount
from gobake.caching.seeds.save import Saved, Saving, save
from gobake.caching.seeds.seed import SeedKey, SeedLabels, half_tag, index_tag
from gobake.caching.seeds.solve import Solved
from gobake.caching.seeds.store import Image, SeedStore
from gobake.caching.seeds.units import CacheFile, Kind, Retention, Shape, read_index, write_index
from gobake.errors import RegistryRefused
from gobake.model import Platform

KEY = SeedKey(project="shop", go="1.26", arch="amd64")
MAIN, FEATURE = KEY.tag("main"), KEY.tag("feature")
TODAY = int(time.time()) // 86_400
PROGRAM, LAYER = 10, 1000  # bytes of a seed's first layer, and of each further one


class Store(SeedStore, frozen=True, kw_only=True):
    """A store that keeps its images in memory."""

    images: dict[str, Image] = field(default_factory=dict)

    def look(self, tag: str, seconds: float) -> Image | None:
        return self.images.get(tag)

    def name(self, digest: str, tag: str, builder: str) -> None:
        self.images[tag] = self.images[digest]


class Farm:
    """A builder that answers the builds of a save like BuildKit, and remembers them."""

    def __init__(self, store: Store, *listed: CacheFile) -> None:
        self.store, self.layer = store, "layer"
        self.listed = "".join(f"{u.kind} {u.day * 86_400} {u.size} {u.path}\n" for u in listed)
        self.go = "go version go1.26.6 linux/amd64\n"
        self.indexes: dict[str, str] = {}  # in the registry, by tag
        self.builds: list[Mapping[str, Any]] = []  # targets of each
        self.recipes: list[str] = []
        self.digests: dict[str, str] = {}  # of the last images
        self.errors: list[str] = []  # of the next builds; "" for one that succeeds
        self.meanwhile: Callable[[], None] = lambda: None  # what others do while a seed is written

    @property
    def names(self) -> list[list[str]]:
        return [list(targets) for targets in self.builds]

    def solve(self, targets: Mapping[str, Any], folder: Path, **_: object) -> Solved:
        self.builds.append(targets)
        self.recipes.append((folder / "save.Dockerfile").read_text())
        if error := self.errors.pop(0) if self.errors else "":
            return Solved(error=error)
        for name, target in targets.items():
            if name == "list":
                self._list(folder / "list", target["contexts"].get("index", ""))
            else:
                self._write(name, target, folder)
        if "seed" in targets:
            self.meanwhile()
        return Solved(error="", digests=self.digests)

    def _list(self, to: Path, index: str) -> None:
        to.mkdir(exist_ok=True)
        (to / "units").write_text(self.listed)
        (to / "go-version").write_text(self.go)
        if index:
            (to / "index").write_text(self.indexes[index.rpartition(":")[2]])

    def _write(self, name: str, target: Mapping[str, Any], folder: Path) -> None:
        (output,) = target["output"]
        tag = output.partition("name=")[2].partition(",")[0].rpartition(":")[2]
        if name == "index":
            self.indexes[tag] = (folder / "index").read_text()
            return
        below = target["contexts"].get("before", "").rpartition("@")[2]
        old = next((i for i in self.store.images.values() if i.digest == below), image("program"))
        made = image(*old.blobs, f"{self.layer} {len(self.builds)} {name}", labels=target.get("labels", {}))
        self.digests[name] = made.digest
        self.store.images[made.digest if "push-by-digest" in output else tag] = made


def image(*blobs: str, labels: Mapping[str, str] | None = None) -> Image:
    digest = "sha256:" + hashlib.sha256(repr((blobs, labels)).encode()).hexdigest()
    return Image(digest=digest, labels=labels or {}, layers=(PROGRAM, *[LAYER] * (len(blobs) - 1)), blobs=blobs)


def unit(name: str, size: int = 100, day: int = TODAY, kind: Kind = Kind.OBJECT) -> CacheFile:
    return CacheFile(kind=kind, path=name, size=size, day=day)


def seeded(farm: Farm, *units: CacheFile, branch: str = "main", half: str = "", layers: int = 1) -> Image:
    """A seed that a run on ``branch`` has saved."""
    text = write_index(units)
    digest = hashlib.sha256(text.encode()).hexdigest()
    told = SeedLabels(
        key=KEY, go="go1.26.1", branch=branch, sums="s", inputs="", index=digest, saved="", size=1, half=half
    )
    made = image("program", *(f"old {number}" for number in range(layers)), labels=told.texts)
    farm.store.images[KEY.tag(branch)] = made
    farm.indexes[index_tag(digest)] = text
    return made


def asked(store: Store, **more: Any) -> Saving:
    plain: dict[str, Any] = {
        "store": store,
        "key": KEY,
        "branch": "main",
        "mounts": tuple(Mount(name=name, id=f"shop-{name}") for name in ("gomod", "gobuild", "golink-a")),
        "go_image": "golang:1.26",
        "builder": "",
        "platform": Platform.parse("linux/amd64"),
        "sums": ("m v1.0.0 h1:x=\n",),
    }
    return Saving(**{**plain, **more})


Begin = Callable[..., Farm]


@pytest.fixture
def farm(monkeypatch: pytest.MonkeyPatch) -> Begin:
    """Makes a builder whose mounts hold some units."""

    def begin(*listed: CacheFile, folder: Path | None = None) -> Farm:
        made = Farm(Store(repository="" if folder else "registry.test/cache", folder=folder), *listed)
        monkeypatch.setattr(saves, "solve", made.solve)
        monkeypatch.setattr(saves, "cache_mounts", lambda _: ())
        return made

    return begin


def labels(farm: Farm, tag: str = MAIN) -> dict[str, str]:
    return {key.removeprefix("dev.gobake.seed."): text for key, text in farm.store.images[tag].labels.items()}


def held(farm: Farm) -> set[str]:
    """The paths that the index of main's seed lists."""
    found = read_index(farm.indexes[index_tag(labels(farm)["index"])])
    assert found is not None
    return {one.path for one in found}


# ---- a first seed


def test_a_first_seed_holds_all_of_the_mounts(farm: Begin) -> None:
    builder = farm(unit("gobuild/a", 70), unit("gobuild/old", 900, TODAY - 15))
    found = save(asked(builder.store))
    assert replace(found, seconds=0.0) == Saved(
        shape=Shape.WHOLE,
        tag=MAIN,
        why="there is none yet",
        seconds=0.0,
        digest=builder.store.images[MAIN].digest,
        written=PROGRAM + LAYER,
        size=70,
        total=70,
        layers=1,
        left_out=900,
    )
    assert held(builder) == {"gobuild/a"}
    assert {name: labels(builder)[name] for name in ("project", "go", "branch", "size", "half")} == {
        "project": "shop",
        "go": "go1.26.6",
        "branch": "main",
        "size": "70",
        "half": "",
    }


def test_it_lists_the_mounts_and_then_writes_seed_and_index(farm: Begin) -> None:
    builder = farm(unit("gobuild/a"))
    save(asked(builder.store))
    assert builder.names == [["list"], ["seed", "index"]]
    written = builder.builds[1]
    assert [one["target"] for one in written.values()] == ["units", "index"]
    assert "labels" in written["seed"]
    assert "labels" not in written["index"]
    assert "compression=gzip" in written["index"]["output"][0], "Python unpacks it"
    assert "FROM before" not in builder.recipes[1]
    assert builder.recipes[1].count("/units-0001.tar") == 2, "in either image of a large seed"
    assert "id=shop-gobuild,target=/cache/gobuild" in builder.recipes[1], "the program is compiled with Go's cache"


def test_mounts_of_which_no_compile_is_cannot_be_saved(farm: Begin) -> None:
    builder = farm(unit("gobuild/a"))
    with pytest.raises(RegistryRefused, match="no gobuild mount"):
        save(asked(builder.store, mounts=(Mount(name="gomod", id="shop-gomod"),)))
    assert builder.builds == []


def test_empty_mounts_write_nothing(farm: Begin) -> None:
    builder = farm()
    found = save(asked(builder.store))
    assert (found.shape, found.digest, found.layers, found.written, found.total) == (Shape.NOTHING, "", 0, 0, 0)
    assert builder.names == [["list"]]


@pytest.mark.parametrize(
    ("text", "go"),
    [("go version go1.26.6 linux/amd64", "go1.26.6"), ("go version go1.26", "go1.26"), ("go version", "")],
)
def test_the_version_of_go_is_the_third_word_that_it_says(farm: Begin, text: str, go: str) -> None:
    builder = farm(unit("gobuild/a"))
    builder.go = text
    save(asked(builder.store))
    assert labels(builder)["go"] == go


# ---- one more layer


def test_what_is_new_becomes_one_more_layer_on_the_seed(farm: Begin) -> None:
    builder = farm(unit("gobuild/a"), unit("gobuild/b", 7))
    before = seeded(builder, unit("gobuild/a"), layers=2)
    found = save(asked(builder.store))
    assert (found.shape, found.written, found.size, found.total, found.layers) == (Shape.GROWN, LAYER, 7, 107, 3)
    assert builder.store.images[MAIN].blobs[:-1] == before.blobs
    assert held(builder) == {"gobuild/a", "gobuild/b"}
    written = builder.builds[1]["seed"]
    assert written["target"] == "grown"
    assert written["contexts"] == {"before": f"docker-image://registry.test/cache@{before.digest}"}
    assert "FROM before AS grown" in builder.recipes[1]
    assert "/units-0003.tar" in builder.recipes[1], "a restore reads layers from last to first"


def test_a_seed_that_holds_all_of_the_mounts_stays_in_force(farm: Begin) -> None:
    builder = farm(unit("gobuild/a"))
    before = seeded(builder, unit("gobuild/a"), layers=3)
    found = save(asked(builder.store))
    assert (found.shape, found.digest, found.layers, found.written) == (Shape.NOTHING, before.digest, 3, 0)
    assert builder.names == [["list"]]


def test_a_branch_without_a_seed_grows_on_that_of_its_first_fallback_branch(farm: Begin) -> None:
    builder = farm(unit("gobuild/a"), unit("gobuild/b"))
    base = seeded(builder, unit("gobuild/a"), branch="base")
    seeded(builder, unit("gobuild/a"), branch="main", layers=4)
    parents = (KEY.tag("none"), KEY.tag("base"), MAIN)
    found = save(asked(builder.store, branch="feature", parents=parents))
    assert (found.shape, found.tag) == (Shape.GROWN, FEATURE)
    assert builder.store.images[FEATURE].blobs[:-1] == base.blobs
    assert builder.store.images[KEY.tag("base")] == base


def test_an_own_seed_goes_before_those_of_fallback_branches(farm: Begin) -> None:
    builder = farm(unit("gobuild/a"))
    own = seeded(builder, unit("gobuild/a"), branch="feature")
    seeded(builder, branch="main")
    assert save(asked(builder.store, branch="feature", parents=(MAIN,))).digest == own.digest


# ---- a seed in two images


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> tuple[CacheFile, CacheFile]:
    """Two units that are each worth an image."""
    monkeypatch.setattr(kinds, "_WORTH_TWO_IMAGES", 200)
    return unit("gobuild/a"), unit("gobuild/b")


def test_both_images_of_a_large_first_seed_are_written_at_once(farm: Begin, large: tuple[CacheFile, CacheFile]) -> None:
    builder = farm(*large)
    found = save(asked(builder.store))
    assert builder.names == [["list"], ["half", "seed", "index"]]
    half = half_tag(MAIN, ["gobuild/b"])
    assert labels(builder)["half"] == half
    assert set(builder.store.images) == {MAIN, half}
    assert (found.layers, found.written) == (2, PROGRAM + 2 * LAYER), "both hold the same program"


def test_what_a_new_seed_needs_is_there_before_it_replaces_another(
    farm: Begin, large: tuple[CacheFile, CacheFile]
) -> None:
    builder = farm(*large)
    before = seeded(builder, layers=8)
    found = save(asked(builder.store))
    assert (found.shape, found.why) == (Shape.WHOLE, "it has 8 layers")
    assert builder.names == [["list"], ["half"], ["seed", "index"]]
    assert found.written == 2 * LAYER, "the program was there"
    assert not set(builder.store.images[MAIN].blobs) & set(before.blobs[1:])


def test_in_a_folder_two_images_are_never_written_at_once(
    farm: Begin, large: tuple[CacheFile, CacheFile], tmp_path: Path
) -> None:
    builder = farm(*large, folder=tmp_path)
    save(asked(builder.store))
    assert builder.names == [["list"], ["half"], ["seed"]]


def test_a_seed_whose_other_image_is_gone_is_not_built_on(farm: Begin) -> None:
    builder = farm(unit("gobuild/a"))
    seeded(builder, unit("gobuild/a"), half="half-1")
    assert save(asked(builder.store)).shape is Shape.WHOLE
    builder = farm(unit("gobuild/a"))
    seeded(builder, unit("gobuild/a"), half="half-1")
    builder.store.images["half-1"] = image("program", "of the other part")
    found = save(asked(builder.store))
    assert (found.shape, found.layers) == (Shape.NOTHING, 2)


def test_a_grown_seed_keeps_its_other_image(farm: Begin) -> None:
    builder = farm(unit("gobuild/a"), unit("gobuild/b"))
    seeded(builder, unit("gobuild/a"), half="half-1")
    builder.store.images["half-1"] = image("program", "of the other part")
    found = save(asked(builder.store))
    assert (found.shape, found.layers, found.written) == (Shape.GROWN, 3, LAYER)
    assert labels(builder)["half"] == "half-1"


# ---- what the seed holds


def test_a_seed_whose_index_cannot_be_read_is_written_anew(farm: Begin) -> None:
    builder = farm(unit("gobuild/a"))
    seeded(builder, unit("gobuild/a"))
    builder.errors = ["the index is gone"]
    found = save(asked(builder.store))
    assert (found.shape, builder.names) == (Shape.WHOLE, [["list"], ["list"], ["seed", "index"]])
    assert [bool(targets["list"]["contexts"].get("index")) for targets in builder.builds[:2]] == [True, False]


def test_an_index_that_is_not_the_seeds_own_is_not_believed(farm: Begin) -> None:
    builder = farm(unit("gobuild/a"))
    seeded(builder, unit("gobuild/a"))
    builder.indexes = dict.fromkeys(builder.indexes, write_index([unit("gobuild/a"), unit("gobuild/never")]))
    assert save(asked(builder.store)).shape is Shape.WHOLE


def test_a_folder_keeps_an_index_as_a_file(farm: Begin, tmp_path: Path) -> None:
    builder = farm(unit("gobuild/a"), folder=tmp_path)
    assert save(asked(builder.store)).shape is Shape.WHOLE
    assert builder.names == [["list"], ["seed"]]
    index = tmp_path / "seeds" / f"{index_tag(labels(builder)['index'])}.txt"
    assert read_index(index.read_text()) == (unit("gobuild/a"),)
    assert save(asked(builder.store)).shape is Shape.NOTHING
    assert "index" not in builder.builds[-1]["list"]["contexts"]
    index.unlink()
    assert save(asked(builder.store)).shape is Shape.WHOLE


@pytest.mark.parametrize("errors", [["no space left"], ["the index is gone", "no space left"]])
def test_mounts_that_cannot_be_read_are_an_error(farm: Begin, errors: list[str]) -> None:
    builder = farm(unit("gobuild/a"))
    if len(errors) > 1:
        seeded(builder, unit("gobuild/a"))
    builder.errors = [*errors]
    with pytest.raises(RegistryRefused, match="the cache mounts cannot be read: no space left"):
        save(asked(builder.store))
    assert len(builder.builds) == len(errors)


def test_mounts_with_something_that_go_does_not_write_are_an_error(farm: Begin) -> None:
    builder = farm()
    builder.listed = "odd 1 2 three\n"
    with pytest.raises(RegistryRefused, match="a file that Go does not write"):
        save(asked(builder.store))


@pytest.mark.parametrize(
    ("lacks", "layers", "restored"),
    [(10, 8, False), (11, 8, True), (11, 7, False)],
    ids=["a tenth", "more than a tenth", "more, but nothing is lost, as the seed only grows"],
)
def test_mounts_that_lack_much_of_a_seed_are_filled_before_a_whole_new_one(
    farm: Begin, monkeypatch: pytest.MonkeyPatch, lacks: int, layers: int, restored: bool
) -> None:
    here, missing = unit("gobuild/a", 100 - lacks), unit("gobuild/b", lacks)
    builder = farm(here, unit("gobuild/new"))
    seeded(builder, here, missing, layers=layers)
    filled: list[Sequence[Platform]] = []

    def restore(*_: object, platforms: Sequence[Platform], **__: object) -> None:
        filled.append(platforms)
        builder.listed += f"{missing.kind} 0 {missing.size} {missing.path}\n"

    monkeypatch.setattr(saves, "restore", restore)
    save(asked(builder.store))
    assert filled == [[Platform.parse("linux/amd64")]] * restored
    assert ("gobuild/b" in held(builder)) is (restored or layers == 7)


def test_a_first_seed_is_written_of_what_there_is(farm: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = farm(unit("gobuild/a"))
    monkeypatch.setattr(saves, "restore", lambda *_, **__: pytest.fail("there is nothing to restore"))
    assert save(asked(builder.store)).shape is Shape.WHOLE


def test_the_limits_of_a_seed_are_those_of_the_project(farm: Begin) -> None:
    builder = farm(unit("gobuild/a", day=TODAY - 3), unit("gobuild/b"))
    save(asked(builder.store, keeping=Retention(unused_days=2)))
    assert held(builder) == {"gobuild/b"}


# ---- other saves


def test_a_save_that_another_one_overtakes_starts_again_on_top_of_it(farm: Begin) -> None:
    builder = farm(unit("gobuild/a"), unit("gobuild/b"))
    others: list[Image] = []

    def overtake() -> None:
        if not others:
            others.append(seeded(builder, unit("gobuild/a")))

    builder.meanwhile = overtake
    found = save(asked(builder.store))
    assert (found.shape, found.written) == (Shape.GROWN, LAYER)
    assert builder.store.images[MAIN].blobs[:-1] == others[0].blobs


def overtaken(builder: Farm, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Let other saves finish while the first lists of a save are made."""

    def solve(targets: Mapping[str, Any], folder: Path, **given: object) -> Solved:
        done = builder.solve(targets, folder, **given)
        if len(builder.builds) <= times:
            seeded(builder, unit("gobuild/a"), unit(f"gobuild/{len(builder.builds)}"))
        return done

    monkeypatch.setattr(saves, "solve", solve)


def test_a_save_that_is_overtaken_while_it_lists_writes_nothing_first(
    farm: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = farm(unit("gobuild/a"))
    overtaken(builder, monkeypatch, 1)
    assert save(asked(builder.store)).shape is Shape.NOTHING
    assert builder.names == [["list"], ["list"]]


def test_the_last_try_of_a_save_writes_in_any_case(farm: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = farm(unit("gobuild/a"), unit("gobuild/b"))
    overtaken(builder, monkeypatch, 3)
    assert save(asked(builder.store)).shape is Shape.GROWN
    assert builder.names == [["list"], ["list"], ["list"], ["seed", "index"]]


def test_a_save_gives_up_when_it_is_overtaken_three_times(farm: Begin) -> None:
    builder = farm(unit("gobuild/a"))
    builder.meanwhile = lambda: void(seeded(builder, unit(f"gobuild/{len(builder.builds)}")))
    with pytest.raises(RegistryRefused, match=rf"moved registry\.test/cache:{MAIN} 3 times"):
        save(asked(builder.store))
    assert builder.names.count(["list"]) == 3


def void(_: object) -> None:
    """A statement as an expression."""


# ---- writing


def test_a_store_that_refuses_a_seed_is_an_error(farm: Begin) -> None:
    builder = farm(unit("gobuild/a"))
    builder.errors = ["", "denied"]
    with pytest.raises(RegistryRefused, match=rf"registry\.test/cache:{MAIN} cannot be written: denied"):
        save(asked(builder.store))
    assert len(builder.builds) == 2, "another try is not worth it"


def test_where_the_engine_pushes_it_keeps_the_images_and_gobake_removes_them(
    farm: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = farm(unit("gobuild/a"))
    removed: list[list[str]] = []
    monkeypatch.setattr(saves, "remove_images", removed.append)
    builder.errors = ["", "tag does not exist: registry.test/cache"]
    assert save(asked(builder.store)).shape is Shape.WHOLE
    assert ["store=false" in targets["seed"]["output"][0] for targets in builder.builds[1:]] == [True, False]
    ((seed, index),) = removed
    assert seed == f"registry.test/cache:{MAIN}"
    assert index.startswith("registry.test/cache:index-")


def test_the_engine_is_not_asked_to_push_for_ever(farm: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = farm(unit("gobuild/a"))
    monkeypatch.setattr(saves, "remove_images", lambda _: None)
    builder.errors = ["", *["tag does not exist"] * 9]
    with pytest.raises(RegistryRefused, match="tag does not exist"):
        save(asked(builder.store))
    assert len(builder.builds) == 1 + 4


@pytest.mark.parametrize(("size", "seconds"), [(0, 30.0), (4_000_000_000, 1030.0)])
def test_a_large_seed_is_given_more_time(
    farm: Begin, monkeypatch: pytest.MonkeyPatch, size: int, seconds: float
) -> None:
    """Compiling it again takes as long."""
    builder = farm(unit("gobuild/a", size))
    given: list[float] = []

    def solve(targets: Mapping[str, Any], folder: Path, **words: Any) -> Solved:
        given.append(words["seconds"])
        return builder.solve(targets, folder)

    monkeypatch.setattr(saves, "solve", solve)
    save(asked(builder.store))
    assert given == [1800.0, *[seconds] * (len(given) - 1)]


# ---- seeds of several nodes


def program(mount: str, name: str = "api", size: int = 50) -> CacheFile:
    return unit(f"{mount}/{name}", size, kind=Kind.PROGRAM)


def test_a_whole_seed_that_nodes_share_loses_nothing_that_another_node_has(
    farm: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node gets what it lacks, were it only a program, and is listed again; what it linked itself is newer."""
    here, there = unit("gobuild/a", 9000), program("golink-b")
    builder = farm(here, unit("gobuild/new"), program("golink-a", size=60))
    seeded(builder, here, program("golink-a"), there, layers=8)
    filled: list[list[str]] = []

    def restore(_store: object, _seed: object, mounts: Sequence[Mount], **_: object) -> None:
        filled.append([mount.name for mount in mounts])
        builder.listed += f"program {TODAY * 86_400} {there.size} {there.path}\n"

    monkeypatch.setattr(saves, "restore", restore)
    mounts = tuple(Mount(name=name, id=f"shop-{name}") for name in ("gobuild", "golink-a", "golink-b"))
    saved = save(asked(builder.store, mounts=mounts, shared=True, linked=("golink-a",)))
    assert saved.shape is Shape.WHOLE
    assert filled == [["gobuild", "golink-b"]]
    assert held(builder) == {"gobuild/a", "gobuild/new", "golink-a/api", "golink-b/api"}


def test_a_seed_of_one_node_may_lose_a_little(farm: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    here = unit("gobuild/a", 9000)
    builder = farm(here, unit("gobuild/new"))
    seeded(builder, here, program("golink-b"), layers=8)
    monkeypatch.setattr(saves, "restore", lambda *_, **__: pytest.fail("it is filled"))
    assert save(asked(builder.store)).shape is Shape.WHOLE


# ---- several at once


class Runners:
    """Builders that save for one branch at the same time, each at its own pace; every look and write takes a moment."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seed: int, *names: str) -> None:
        self.chance = random.Random(seed)
        store = Slow(repository="registry.test/cache", pause=self.pause)
        self.farms = {name: Farm(store, unit("common", 10_000), unit(f"{name} 1"), unit(f"{name} 2")) for name in names}
        for name, farm in self.farms.items():
            farm.layer, farm.indexes = name, self.farms[names[0]].indexes
        self.store = store
        monkeypatch.setattr(saves, "solve", self.solve)
        monkeypatch.setattr(saves, "cache_mounts", lambda _: ())
        monkeypatch.setattr(saves, "restore", lambda *_, **__: None)
        monkeypatch.setattr(saves, "SETTLING_SECONDS", 0.05)

    def pause(self) -> None:
        time.sleep(self.chance.random() * 0.004)

    def solve(self, targets: Mapping[str, Any], folder: Path, **more: Any) -> Solved:
        self.pause()
        return self.farms[more["builder"]].solve(targets, folder, **more)

    def save(self) -> dict[str, Saved]:
        with ThreadPoolExecutor(len(self.farms)) as pool:
            what = [asked(self.store, builder=name, by_digest=True) for name in self.farms]
            return dict(zip(self.farms, pool.map(save, what), strict=True))


class Slow(Store, frozen=True, kw_only=True):
    """A registry that takes a moment for each answer."""

    pause: Callable[[], None]

    def look(self, tag: str, seconds: float) -> Image | None:
        self.pause()
        return self.images.get(tag)

    def name(self, digest: str, tag: str, builder: str) -> None:
        self.pause()
        self.images[tag] = self.images[digest]


@pytest.mark.parametrize("seed", range(12))
def test_what_several_runners_save_at_once_is_all_in_the_seed_in_force(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    runners = Runners(monkeypatch, seed, "a", "b", "c", "d")
    seeded(runners.farms["a"], unit("common", 10_000))
    runners.save()
    now = runners.store.images[MAIN]
    index = runners.farms["a"].indexes[index_tag(now.labels["dev.gobake.seed.index"])]
    held = read_index(index)
    assert held is not None
    assert {u.path for u in held} == {"common", *(f"{name} {at}" for name in "abcd" for at in (1, 2))}
    assert {blob.partition(" ")[0] for blob in now.blobs} == {"program", "old", "a", "b", "c", "d"}


def test_a_seed_that_another_save_has_replaced_is_saved_again_on_top_of_it(
    farm: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one looked at the tag before this save moved it, and moved it after."""
    made = farm(unit("common", 10_000), unit("mine"))
    base = seeded(made, unit("common", 10_000))
    waits: list[float] = []

    def overtaken(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 1:
            theirs = write_index([unit("common", 10_000), unit("theirs")])
            digest = hashlib.sha256(theirs.encode()).hexdigest()
            labels = {**base.labels, "dev.gobake.seed.index": digest}
            made.store.images[MAIN] = image(*base.blobs, "theirs", labels=labels)
            made.indexes[index_tag(digest)] = theirs

    monkeypatch.setattr(time, "sleep", overtaken)
    saved = save(asked(made.store, by_digest=True))
    now = made.store.images[MAIN]
    assert saved.digest == now.digest
    assert "theirs" in now.blobs
    assert len(now.blobs) == len(base.blobs) + 2
    assert len(waits) == 2
    assert min(waits) >= saves.SETTLING_SECONDS
