"""What a seed should hold: pure decisions over units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gobake.caching.seeds.units import (
    CacheFile,
    Kind,
    Retention,
    SavePlan,
    Shape,
    lacking,
    live_share,
    modules_in_use,
    mount_of,
    plan_save,
    read_index,
    read_listing,
    write_index,
)

TODAY = 20_000
HASH = "3bdc026b1b23f8e6c3d83dd124c5e1c525a657eb8ad34498baba4972016a85eb"


def unit(name: str, size: int = 100, day: int = TODAY, kind: Kind = Kind.OBJECT) -> CacheFile:
    return CacheFile(kind=kind, path=name, size=size, day=day)


def plan(
    mounts: list[CacheFile], held: list[CacheFile] | None, *, chain: int = 1, used: tuple[str, ...] = (), **keeping: int
) -> SavePlan:
    return plan_save(
        mounts, held, layers=chain, used_modules=frozenset(used), today=TODAY, keeping=Retention(**keeping)
    )


def test_without_a_seed_everything_is_saved() -> None:
    made = plan([unit("gobuild/a"), unit("golink-x/api", kind=Kind.PROGRAM)], None)
    assert made.shape is Shape.WHOLE
    assert made.paths == ("gobuild/a", "golink-x/api")
    assert made.total == made.size == 200


def test_empty_mounts_make_no_seed() -> None:
    assert plan([], None).shape is Shape.NOTHING


def test_only_what_is_new_is_written() -> None:
    made = plan([unit("gobuild/a"), unit("gobuild/b", size=7)], [unit("gobuild/a")])
    assert (made.shape, made.paths, made.size, made.total) == (Shape.GROWN, ("gobuild/b",), 7, 107)


def test_what_a_seed_holds_already_writes_nothing() -> None:
    made = plan([unit("gobuild/a")], [unit("gobuild/a", day=TODAY - 3)])
    assert (made.shape, made.paths, made.size, made.left_out, made.total) == (Shape.NOTHING, (), 0, 0, 100)


def test_a_unit_of_another_size_is_new() -> None:
    assert plan([unit("gobuild/a", size=2)], [unit("gobuild/a", size=1)]).paths == ("gobuild/a",)


def test_programs_come_into_whole_seeds_only() -> None:
    program = unit("golink-x/api", kind=Kind.PROGRAM)
    assert plan([unit("gobuild/a"), program], [unit("gobuild/a")]).shape is Shape.NOTHING
    assert program.path not in plan([unit("gobuild/b"), program], [unit("gobuild/a")]).paths
    linked = unit("golink-x/api", size=9, kind=Kind.PROGRAM)
    assert plan([unit("gobuild/a"), program], [unit("gobuild/a"), linked]).shape is Shape.NOTHING


def test_programs_of_another_node_or_platform_come_into_a_grown_seed() -> None:
    held = [unit("gobuild/a"), unit("golink-amd64/api", kind=Kind.PROGRAM)]
    program = unit("golink-arm64/api", kind=Kind.PROGRAM)
    made = plan([unit("gobuild/a"), program], held)
    assert (made.shape, made.paths) == (Shape.GROWN, (program.path,))
    limited = plan([unit("gobuild/a"), program], held, budget=10_000)
    assert limited.shape is Shape.NOTHING, "a budget may have left them out"


def test_a_long_chain_is_written_anew() -> None:
    held = [unit("gobuild/a")]
    assert plan([*held, unit("gobuild/b")], held, chain=7).shape is Shape.GROWN
    made = plan([*held, unit("gobuild/b")], held, chain=8)
    assert (made.shape, made.paths) == (Shape.WHOLE, ("gobuild/a", "gobuild/b"))


def test_a_seed_that_is_mostly_dead_is_written_anew_without_the_dead() -> None:
    old = unit("gobuild/old", size=900, day=TODAY - 15)
    made = plan([replace(old, day=0), unit("gobuild/new", size=10)], [old])
    assert (made.shape, made.paths, made.left_out) == (Shape.WHOLE, ("gobuild/new",), 900)


def test_what_was_used_within_the_days_stays() -> None:
    old = unit("gobuild/old", size=900, day=TODAY - 14)
    assert plan([replace(old, day=0), unit("gobuild/new")], [old]).shape is Shape.GROWN
    assert plan([replace(old, day=0), unit("gobuild/new")], [old], unused_days=13).shape is Shape.WHOLE


def test_using_an_entry_again_keeps_it_alive() -> None:
    old = unit("gobuild/old", size=900, day=TODAY - 15)
    made = plan([replace(old, day=TODAY), unit("gobuild/new")], [old])
    assert made.shape is Shape.GROWN
    assert {u.path: u.day for u in made.index}["gobuild/old"] == TODAY


def test_modules_that_go_sum_names_are_in_use() -> None:
    used = modules_in_use(["github.com/BurntSushi/toml v1.5.0 h1:x=\ngithub.com/BurntSushi/toml v1.5.0/go.mod h1:y=\n"])
    module = unit("gomod/github.com/!burnt!sushi/toml@v1.5.0", size=900, day=0, kind=Kind.MODULE)
    assert module.key in used
    assert "gomod/cache/download/github.com/!burnt!sushi/toml/@v/v1.5.0.ziphash" in used
    held = [replace(module, day=TODAY - 30)]
    assert plan([module, unit("gobuild/new")], held, used=tuple(used)).shape is Shape.GROWN
    assert plan([module, unit("gobuild/new")], held).shape is Shape.WHOLE


def test_times_of_modules_do_not_count_because_go_leaves_them_as_they_are() -> None:
    """A module that go.sum does not name any more was last used when a seed says so; an unknown one is in use."""
    module = unit("gomod/m@v1", day=TODAY - 1, kind=Kind.MODULE)

    def day(held: list[CacheFile]) -> int:
        index = plan([module, unit("gobuild/new")], held).index
        return {one.path: one.day for one in index}[module.path]

    assert day([replace(module, day=TODAY - 9)]) == TODAY - 9
    assert day([unit("gobuild/a")]) == TODAY


def test_an_object_that_was_not_used_since_it_was_restored_is_as_old_as_its_seed_says() -> None:
    restored = unit("gobuild/a", day=0)
    made = plan([restored, unit("gobuild/new")], [replace(restored, day=TODAY - 9)])
    assert {one.path: one.day for one in made.index} == {"gobuild/a": TODAY - 9, "gobuild/new": TODAY}


def test_a_budget_keeps_what_was_used_last_and_drops_programs_first() -> None:
    program = unit("golink-x/api", size=50, kind=Kind.PROGRAM)
    made = plan(
        [unit("gobuild/a", day=TODAY - 2), unit("gobuild/b"), unit("gobuild/c", day=TODAY - 1), program],
        None,
        budget=200,
    )
    assert made.paths == ("gobuild/b", "gobuild/c")
    assert made.left_out == 150


def test_a_seed_over_its_budget_is_written_anew() -> None:
    made = plan([unit("gobuild/a", day=TODAY - 1), unit("gobuild/b")], [unit("gobuild/a", day=TODAY - 1)], budget=150)
    assert (made.shape, made.paths) == (Shape.WHOLE, ("gobuild/b",))


def test_a_seed_that_just_fills_its_budget_grows() -> None:
    assert plan([unit("gobuild/a"), unit("gobuild/b")], [unit("gobuild/a")], budget=200).shape is Shape.GROWN
    assert plan([unit("gobuild/a"), unit("gobuild/b")], [unit("gobuild/a")], budget=199).shape is Shape.WHOLE


def test_a_seed_of_which_half_is_dead_grows_and_one_of_which_more_is_does_not() -> None:
    """``b`` is new, and of the same size as what is alive."""
    for size, shape in ((200, Shape.GROWN), (201, Shape.WHOLE)):
        dead = unit("gobuild/dead", size=size, day=TODAY - 15)
        assert plan([unit("gobuild/a"), unit("gobuild/b")], [dead, unit("gobuild/a")]).shape is shape


def test_what_mounts_lack_of_a_seed_is_a_share_of_its_living_bytes() -> None:
    held = [unit("gobuild/a", size=300), unit("gobuild/b", size=100), unit("gobuild/dead", size=999, day=1)]
    assert lacking([unit("gobuild/a", size=300)], held, TODAY, Retention()) == 0.25
    assert round(live_share(held, TODAY, Retention()), 3) == round(400 / 1399, 3)


def test_of_a_seed_in_which_nothing_is_alive_the_mounts_lack_nothing() -> None:
    assert lacking([], [unit("gobuild/dead", day=1)], TODAY, Retention()) == 0.0
    assert lacking([], [], TODAY, Retention()) == 0.0
    assert live_share([], TODAY, Retention()) == 1.0


def test_an_index_names_an_object_by_a_part_of_its_hash() -> None:
    there = unit(f"gobuild/3b/{HASH}-d")
    again = read_index(write_index([there]))
    assert again is not None
    assert again[0].key == there.key
    assert len(again[0].path) < len(there.path)
    assert plan([there], list(again)).shape is Shape.NOTHING


def test_no_two_objects_are_one_in_an_index() -> None:
    """Their names differ at the beginning of their hashes, or only in what they are: an action or its output."""
    paths = [f"gobuild/3b/{HASH}-d", f"gobuild/3b/{HASH}-a", f"gobuild/9f/9f{HASH[2:]}-d"]
    index = read_index(write_index(map(unit, paths)))
    assert index is not None
    assert len({one.key for one in index}) == 3


def test_an_index_may_name_a_module_with_spaces_in_its_path() -> None:
    module = unit("gomod/a b c@v1", kind=Kind.MODULE)
    assert read_index(write_index([module])) == (module,)


@pytest.mark.parametrize("path", ["/etc/passwd", "gobuild/../../etc/passwd", "..", "gobuild/a\0b"])
def test_an_index_that_names_a_file_outside_of_the_mounts_is_none(path: str) -> None:
    assert read_index(f"gobake seed index 1\nobject 1 1 {path}\n") is None


def test_what_is_no_index_is_unknown() -> None:
    for text in (
        "",
        "gobake seed index 2\n",
        "gobake seed index 1\nobject x 1 a\n",
        "gobake seed index 1\nother 1 1 a\n",
    ):
        assert read_index(text) is None


def test_a_listing_tells_days() -> None:
    units = read_listing(f"object {TODAY * 86400 + 5} 12 gobuild/3b/{HASH}-d\nmodule 0 7 gomod/a b@v1\n")
    assert [(u.kind, u.day, u.size, u.path) for u in units] == [
        (Kind.OBJECT, TODAY, 12, f"gobuild/3b/{HASH}-d"),
        (Kind.MODULE, 0, 7, "gomod/a b@v1"),
    ]


units = st.dictionaries(
    st.sampled_from([f"gobuild/{n}" for n in range(12)]),
    st.tuples(st.integers(1, 100), st.integers(TODAY - 30, TODAY)),
).map(lambda found: [unit(name, size, day) for name, (size, day) in found.items()])
programs = st.dictionaries(
    st.sampled_from([f"golink-{mount}/{n}" for mount in "abc" for n in range(3)]), st.integers(1, 300_000_000)
).map(lambda found: [unit(name, size, kind=Kind.PROGRAM) for name, size in found.items()])


@given(units, st.none() | units, st.integers(1, 9))
def test_saving_twice_saves_nothing_the_second_time(
    mounts: list[CacheFile], held: list[CacheFile] | None, layers: int
) -> None:
    keeping = Retention(unused_days=40)
    first = plan_save(mounts, held, layers=layers, used_modules=frozenset(), today=TODAY, keeping=keeping)
    index = read_index(write_index(first.index))
    assert index is not None
    again = plan_save(mounts, index, layers=1, used_modules=frozenset(), today=TODAY, keeping=keeping)
    assert again.shape is Shape.NOTHING or not mounts


@given(units, units)
def test_a_grown_seed_loses_nothing(mounts: list[CacheFile], held: list[CacheFile]) -> None:
    made = plan(mounts, held)
    if made.shape is Shape.GROWN:
        assert {u.key for u in made.index} == {u.key for u in [*mounts, *held]}


def test_a_large_seed_is_written_as_two_images_of_about_the_same_size() -> None:
    many = [unit(f"gobuild/{name}", size=50_000_000) for name in "dcba"]
    made = plan(many, None)
    assert (made.paths, made.half) == (("gobuild/a", "gobuild/b"), ("gobuild/c", "gobuild/d"))
    assert plan([*many, unit("gobuild/0", size=400_000_000)], None).paths == ("gobuild/0",)
    made = plan([replace(one, size=5_000_000) for one in many], None)
    assert (made.paths, made.half) == (("gobuild/a", "gobuild/b", "gobuild/c", "gobuild/d"), ())


@pytest.mark.parametrize(("size", "images"), [(63_999_999, 1), (64_000_000, 2)])
def test_64_megabytes_are_worth_two_images(size: int, images: int) -> None:
    made = plan([unit("gobuild/a", size=size - 1), unit("gobuild/b", size=1)], None)
    assert 1 + bool(made.half) == images


def test_the_programs_of_a_mount_are_together_because_it_is_locked() -> None:
    program = unit("golink-compile-linux-amd64/api", kind=Kind.PROGRAM, size=90_000_000)
    objects = [unit(f"gobuild/{name}", size=20_000_000) for name in "ab"]
    made = plan([*objects, program], None)
    assert (made.paths, made.half) == ((program.path,), ("gobuild/a", "gobuild/b"))
    made = plan([*objects, program, replace(program, path="golink-compile-linux-arm64/api")], None)
    assert made.paths == ("gobuild/a", program.path)
    assert made.half == ("gobuild/b", "golink-compile-linux-arm64/api")
    assert made.half_programs == ("golink-compile-linux-arm64",)
    assert plan([program], None).half == ()


@given(units, programs)
def test_the_halves_of_a_large_seed_are_all_of_it_and_share_no_locked_mount(
    mounts: list[CacheFile], linked: list[CacheFile]
) -> None:
    large = [*(replace(one, size=one.size * 1_000_000) for one in mounts), *linked]
    made = plan(large, None)
    assert sorted([*made.paths, *made.half]) == sorted(one.path for one in made.index)
    locked = [{mount_of(p) for p in part if p.startswith("golink")} for part in (made.paths, made.half)]
    assert not locked[0] & locked[1]
    assert locked[1] == set(made.half_programs)
