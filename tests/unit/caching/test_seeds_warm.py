"""When a builder's cold mounts are filled from a seed, and what is told where they are not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import field
from msgspec.structs import replace

from gobake.caching.seeds import warm as warming
from gobake.caching.seeds.memory import Memory, remembered
from gobake.caching.seeds.mounts import Mount
from gobake.caching.seeds.restore import Restored
from gobake.caching.seeds.seed import Seed, SeedKey, SeedLabels, read_seed
from gobake.caching.seeds.store import SeedStore
from gobake.caching.seeds.warm import Warming, Warmth, look, needs, warm
from gobake.engine import Builder, CacheMount, Node, Usage
from gobake.errors import RegistryRefused
from gobake.model import Platform

KEY = SeedKey(project="shop", go="1.26", arch="amd64")
GOMOD, GOBUILD = Mount(name="gomod", id="shop-gomod"), Mount(name="gobuild", id="shop-gobuild")
AMD64, ARM64, I386 = (Platform.parse(text) for text in ("linux/amd64", "linux/arm64", "linux/386"))


def there(mount: str, size: int) -> CacheMount:
    return CacheMount(record="r1", id=mount, size=size, created="", used="")


def seed(branch: str, sums: str = "s") -> Seed:
    told = SeedLabels(key=KEY, go="go1.26.1", branch=branch, sums=sums, inputs="", index="", saved="", size=1)
    found = read_seed(KEY.tag(branch), f"sha256:{branch}", 1, 1, told.texts, KEY)
    assert isinstance(found, Seed)
    return found


class Store(SeedStore, frozen=True, kw_only=True):
    """A store with one seed, or an answer in its place."""

    answers: dict[str, Seed | str | RegistryRefused] = field(default_factory=dict)

    def seed(self, tag: str, key: SeedKey, seconds: float) -> Seed | str | None:
        answer = self.answers.get(tag)
        if isinstance(answer, RegistryRefused):
            raise answer
        return answer


def node(*platforms: Platform, error: str = "") -> Node:
    return Node(name="n", endpoint="", status="", buildkit="", platforms=platforms, error=error)


def asked(folder: Path, answers: dict[str, Any] | None = None, **more: Any) -> Warming:
    plain: dict[str, Any] = {
        "store": Store(repository="registry.test/cache", answers=answers or {}),
        "key": KEY,
        "branches": ("feature", "main"),
        "sums": "s",
        "mounts": (GOMOD, GOBUILD),
        "go_image": "golang:1.26",
        "builder": Builder(name="farm", driver="docker-container", nodes=(node(AMD64, I386),)),
        "chosen": "",
        "home": folder,
    }
    return Warming(**{**plain, **more})


class World:
    """What a warming does besides looking: pulls, restores, lines for the user."""

    def __init__(self, error: str = "", mounts: tuple[CacheMount, ...] | None = ()) -> None:
        self.error, self.mounts = error, mounts
        self.done: list[str] = []
        self.platforms: list[Sequence[Platform]] = []

    def begin_pull(self, *_: object, platforms: Sequence[Platform], **__: object) -> None:
        self.done.append("pull")
        self.platforms.append(platforms)

    def restore(self, _store: object, one: Seed, *_: object, platforms: Sequence[Platform], **__: object) -> Restored:
        self.done.append(f"restore {one.branch}")
        self.platforms.append(platforms)
        return Restored(seed=one, seconds=1.0, error=self.error)

    def usage(self, *_: object) -> Usage | None:
        return None if self.mounts is None else Usage(records=1, mounts=self.mounts)

    def warm(self, one: Warming, *, expected: bool = False) -> Warmth:
        return warm(one, [], say=self.done.append, expected=lambda _: expected)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(mounts=(there(GOBUILD.id, 9), there("other-gobuild", 9)))
    for name, does in (
        ("begin_pull", made.begin_pull),
        ("restore", made.restore),
        ("builder_usage", made.usage),
    ):
        monkeypatch.setattr(warming, name, does)
    return made


MAIN = {KEY.tag("main"): seed("main")}
SAID = f"gomod is empty: filled from seed registry.test/cache:{KEY.tag('main')}"


def test_cold_mounts_are_filled_from_the_best_seed_and_remembered(world: World, tmp_path: Path) -> None:
    found = world.warm(asked(tmp_path, MAIN))
    assert world.done == [SAID, "pull", "restore main"]
    assert [one.seed for one in found.restored] == [seed("main")]
    assert (found.notes, found.unread) == ((), ())
    assert remembered(tmp_path, "farm") == {GOBUILD.id: Memory(record="r1", seed="sha256:main", go="1.26")}


def test_the_toolchain_is_pulled_at_once_where_the_compile_runs_in_any_case(world: World, tmp_path: Path) -> None:
    world.warm(asked(tmp_path, MAIN, compiles=True))
    assert world.done == ["pull", SAID, "restore main"]


def test_a_seed_is_left_alone_where_a_layer_cache_gives_the_compile(world: World, tmp_path: Path) -> None:
    assert world.warm(asked(tmp_path, MAIN), expected=True) == Warmth()
    assert world.done == []


def test_a_seed_that_could_not_be_restored_is_told_and_not_remembered(world: World, tmp_path: Path) -> None:
    world.error = "no space left"
    found = world.warm(asked(tmp_path, MAIN))
    tag = KEY.tag("main")
    assert found.notes == (f"seed registry.test/cache:{tag} was not used: no space left; building without it",)
    assert found.restored
    assert remembered(tmp_path, "farm") == {}


def test_a_builder_that_does_not_tell_its_mounts_after_it_remembers_none(world: World, tmp_path: Path) -> None:
    world.mounts = None
    assert world.warm(asked(tmp_path, MAIN)).restored
    assert remembered(tmp_path, "farm") == {}


def test_without_a_seed_the_reason_is_told_where_there_is_one(world: World, tmp_path: Path) -> None:
    assert world.warm(asked(tmp_path)) == Warmth()
    why = f"registry.test/cache:{KEY.tag('main')} is a seed of go1.25; building without it"
    unread = world.warm(asked(tmp_path, {KEY.tag("main"): "is a seed of go1.25"}))
    assert unread == Warmth(notes=(why,), unread=(why,))
    assert world.done == []


def test_what_could_not_be_read_is_told_beside_a_seed_that_was(world: World, tmp_path: Path) -> None:
    answers = {**MAIN, KEY.tag("feature"): "is a seed of go1.25"}
    found = world.warm(asked(tmp_path, answers))
    assert found.restored
    assert (len(found.notes), found.unread) == (1, ())
    assert world.warm(asked(tmp_path, answers), expected=True) == Warmth(notes=found.notes)


def test_only_nodes_that_answer_and_can_run_the_seeds_program_are_filled(world: World, tmp_path: Path) -> None:
    nodes = (node(AMD64, I386), node(ARM64), node(AMD64, error="it does not answer"), node())
    world.warm(asked(tmp_path, MAIN, builder=Builder(name="farm", driver="remote", nodes=nodes)))
    assert world.platforms == [[AMD64, ARM64], (AMD64,)], "all of them pull the toolchain"


def test_a_builder_without_a_node_of_the_seeds_machine_is_not_filled(world: World, tmp_path: Path) -> None:
    builder = Builder(name="farm", driver="remote", nodes=(node(ARM64),))
    assert world.warm(asked(tmp_path, MAIN, builder=builder)) == Warmth()
    assert world.done == []


# ---- several nodes


def farm(*names: str, machines: Sequence[Platform] = (AMD64, AMD64, ARM64)) -> Builder:
    """A builder of nodes that can be addressed, each of the platform of its machine."""
    nodes = [
        replace(node(machine), name=name, machine=machine, address=f"/views/{name}/farm")
        for name, machine in zip(names, machines, strict=False)
    ]
    return Builder(name="farm", driver="remote", nodes=tuple(nodes))


def on(name: str, mount: Mount, size: int = 9_000_000) -> CacheMount:
    return replace(there(mount.id, size), node=name)


def test_a_cold_node_beside_a_warm_one_is_filled_alone(world: World, tmp_path: Path) -> None:
    builder = farm("a", "b", machines=(AMD64, ARM64))
    arm = SeedKey(project="shop", go="1.26", arch="arm64")
    its = replace(seed("main"), tag=arm.tag("main"), arch="arm64")
    one = asked(tmp_path, {arm.tag("main"): its}, builder=builder, platforms=(AMD64, ARM64))
    world.mounts = (on("a", GOBUILD), on("b", GOBUILD))
    found = warm(one, [on("a", GOMOD), on("a", GOBUILD)], say=world.done.append, expected=lambda _: False)
    assert len(found.restored) == 1
    said = f"gomod is empty on node b: filled from seed registry.test/cache:{arm.tag('main')}"
    assert world.done == [said, "pull", "restore main"]
    assert world.platforms == [[ARM64], (ARM64,)]
    assert remembered(tmp_path, "farm/b") == {GOBUILD.id: Memory(record="r1", seed="sha256:main", go="1.26")}
    assert remembered(tmp_path, "farm/a") == {}


def test_a_node_that_builds_nothing_stays_cold(world: World, tmp_path: Path) -> None:
    one = asked(tmp_path, MAIN, builder=farm("a", "b", "c"), platforms=(AMD64,))
    assert [place.node for place in one.places] == ["a"]


def test_a_node_gets_the_links_of_the_platforms_that_it_builds(tmp_path: Path) -> None:
    links = [Mount(name=f"golink-compile-linux-{arch}", id=f"shop-{arch}") for arch in ("amd64", "arm64")]
    one = asked(tmp_path, builder=farm("a", "b", machines=(AMD64, ARM64)), platforms=(AMD64, ARM64))
    one = replace(one, mounts=(GOBUILD, *links))
    assert [place.mounts for place in one.places] == [(GOBUILD, links[0]), (GOBUILD, links[1])]


def test_a_warm_node_that_takes_over_a_platform_is_filled(tmp_path: Path) -> None:
    links = [Mount(name=f"golink-compile-linux-{arch}", id=f"shop-{arch}") for arch in ("amd64", "arm64")]
    one = replace(asked(tmp_path, builder=farm("b"), platforms=(AMD64, ARM64)), mounts=(GOBUILD, *links))
    here = [on("b", GOBUILD), on("b", links[1])]
    assert [why for _, why in warming.cold(one, here)] == ["golink-compile-linux-amd64 is missing"]
    assert warming.cold(one, [*here, on("b", links[0], 0)]) == []


def test_a_node_that_could_not_be_filled_is_named(world: World, tmp_path: Path) -> None:
    world.error = "no space left"
    found = world.warm(asked(tmp_path, MAIN, builder=farm("a", "b"), platforms=(AMD64,)))
    assert "was not used on node a: no space left" in found.notes[0]


# ---- looking


def test_seeds_come_in_the_order_of_their_branches(tmp_path: Path) -> None:
    answers = {KEY.tag(branch): seed(branch) for branch in ("main", "feature", "other")}
    found, notes = look(asked(tmp_path, answers, branches=("feature", "main", "feature")))
    assert ([one.branch for one in found], notes) == (["feature", "main"], ())


def test_a_store_that_refuses_every_branch_is_told_once(tmp_path: Path) -> None:
    answers = {KEY.tag(branch): RegistryRefused("denied") for branch in ("main", "feature")}
    found, notes = look(asked(tmp_path, answers))
    assert (found, notes) == ([], ("cache store registry.test/cache: denied; building without a seed",))


# ---- cold mounts


@pytest.mark.parametrize(("size", "why"), [(999_999, "gobuild is empty"), (1_000_000, "")])
def test_a_compile_leaves_at_least_a_megabyte(size: int, why: str) -> None:
    assert needs([GOMOD, GOBUILD], [there(GOMOD.id, 0), there(GOBUILD.id, size)], {}, "1.26") == why


def test_programs_are_linked_again_so_that_their_mount_may_be_empty() -> None:
    mounts = [GOBUILD, Mount(name="golink-a", id="shop-golink-a")]
    assert needs(mounts, [there(GOBUILD.id, 1_000_000)], {}, "1.26") == ""


def test_a_mount_whose_go_is_not_remembered_is_warm() -> None:
    known = {GOBUILD.id: Memory(record="r1", go=""), GOMOD.id: Memory(record="r1", go="1.25")}
    mounts = [there(GOMOD.id, 1), there(GOBUILD.id, 1_000_000)]
    assert needs([GOMOD, GOBUILD], mounts, known, "1.26") == "", "what modules hold is of any Go"
    known[GOBUILD.id] = replace(known[GOBUILD.id], go="1.25")
    assert needs([GOMOD, GOBUILD], mounts, known, "1.26") == "gobuild was last used for Go 1.25"
