"""Which caches are pruned: by name, age, size and branch, and never another project's."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gobake.caching.kept.contents import Entry, What, moment, parse_tag
from gobake.caching.kept.prune import GRACE_SECONDS, Item, Wanted, choose, items, mount_owner, unneeded_parts
from gobake.engine import CacheMount
from gobake.errors import UsageError

DAY = 86_400.0


def mount(id: str, **more: object) -> CacheMount:  # noqa: A002
    return replace(CacheMount(record=f"r-{id}", id=id, size=1000, created="", used="2 weeks ago"), **more)


def seed(project: str, branch: str, **more: object) -> Entry:
    tag = f"seed-{project}-go1.26-amd64-{branch}"
    plain = Entry(
        what=What.SEED, tag=tag, digest=f"sha256:{tag}", project=project, branch=branch, made=0.0, compressed=5000
    )
    return replace(plain, **more)


def names(chosen: tuple[Item, ...]) -> list[str]:
    return [item.name for item in chosen]


@pytest.mark.parametrize(
    ("id", "owner"),
    [
        ("shop-gobuild", ("shop", "gobuild")),
        ("shop-api-gobuild", ("shop-api", "gobuild")),
        ("shop-golink-compile-linux-amd64", ("shop", "golink-compile-linux-amd64")),
        ("shop-api-golink-compile-2-linux-armv7", ("shop-api", "golink-compile-2-linux-armv7")),
        ("shop-gomod-gomod", ("shop-gomod", "gomod")),
        ("x-golink-compile-linux-amd64-gomod", ("x-golink-compile-linux-amd64", "gomod")),
        ("x-golink-y-golink-compile-linux-arm64", ("x-golink-y", "golink-compile-linux-arm64")),
        ("someone-elses", None),
        ("gobuild", None),
        ("/root/.cache/go-build", None),
    ],
)
def test_a_mount_tells_whose_it_is_by_its_end(id: str, owner: tuple[str, str] | None) -> None:  # noqa: A002
    assert mount_owner(id) == owner


@pytest.mark.parametrize(
    ("tag", "what", "project", "branch"),
    [
        ("layers-shop.api-scratch.amd64.main", What.LAYERS, "shop", "main"),
        ("layers-shop-api.api-scratch.all.release-1.2", What.LAYERS, "shop-api", "release-1.2"),
        ("layers-api-scratch.amd64.main", What.LAYERS, "", ""),
        ("history-shop.20261125-053311-7465f7.v1.2", What.HISTORY, "shop", "v1.2"),
        ("history-shop.v1.2", What.HISTORY, "", ""),
        ("layers-shop.api.amd64." + "x" * 110, What.LAYERS, "shop", ""),
        ("index-0123", What.INDEX, "", ""),
        ("half-0123", What.HALF, "", ""),
    ],
)
def test_a_tag_tells_project_and_branch_or_neither(tag: str, what: What, project: str, branch: str) -> None:
    entry = parse_tag(tag, what)
    assert (entry.project, entry.branch) == (project, branch)


def test_all_of_a_project_leaves_out_a_project_whose_name_goes_on() -> None:
    found = items(
        [mount("shop-gobuild"), mount("shop-api-gobuild"), mount("other")],
        [seed("shop", "main"), seed("shop-api", "main"), replace(seed("", "main"), tag="seed-shop-odd")],
        now=DAY,
    )
    assert names(choose(found, Wanted(), ["shop"])) == ["shop-gobuild", "seed-shop-go1.26-amd64-main"]


def test_a_name_of_another_project_is_refused_with_its_owner() -> None:
    found = items([mount("shop-gobuild"), mount("shop-api-gobuild")], [], now=DAY)
    with pytest.raises(UsageError, match="belongs to the project shop-api, not to shop"):
        choose(found, Wanted(names=("shop-api-gobuild",)), ["shop"])
    with pytest.raises(UsageError, match="did you mean gobuild"):
        choose(found, Wanted(names=("gobuld",)), ["shop"])
    assert names(choose(found, Wanted(names=("gobuild",)), ["shop"])) == ["shop-gobuild"]


def test_conditions_narrow_each_other_and_unknown_is_never_pruned() -> None:
    found = items(
        [mount("shop-gomod", size=9000), mount("shop-gobuild", size=9000, used="3 days ago")],
        [
            seed("shop", "old", made=0.0),
            seed("shop", "small", made=0.0, compressed=10),
            seed("shop", "undated", made=None),
            seed("shop", "unsized", compressed=None),
        ],
        now=20 * DAY,
    )
    chosen = choose(found, Wanted(older_than=14 * DAY, larger_than=4000), ["shop"])
    assert names(chosen) == ["shop-gomod", "seed-shop-go1.26-amd64-old"]


def test_what_is_just_as_old_is_pruned_and_what_is_just_as_large_is_not() -> None:
    found = items([], [seed("shop", "main", made=0.0, compressed=4000)], now=14 * DAY)
    assert names(choose(found, Wanted(older_than=14 * DAY), ["shop"])) == ["seed-shop-go1.26-amd64-main"]
    assert names(choose(found, Wanted(larger_than=4000), ["shop"])) == []
    assert names(choose(found, Wanted(larger_than=3999), ["shop"])) == ["seed-shop-go1.26-amd64-main"]


def test_gone_branches_are_those_that_git_does_not_list() -> None:
    found = items([mount("shop-gobuild")], [seed("shop", b) for b in ("main", "gone", "")], now=DAY)
    chosen = choose(found, Wanted(branches=frozenset(("main", "other"))), ["shop"])
    assert names(chosen) == ["seed-shop-go1.26-amd64-gone"]


def test_an_index_goes_with_the_last_seed_that_names_it() -> None:
    digests = {name: character * 64 for name, character in (("shared", "a"), ("own", "b"), ("orphan", "c"))}
    indexes = [Entry(what=What.INDEX, tag=f"index-{d[:24]}", digest=d) for d in digests.values()]
    entries = [
        seed("shop", "main", index=digests["shared"]),
        seed("shop", "gone", index=digests["shared"]),
        seed("shop", "alone", index=digests["own"]),
        *indexes,
    ]
    found = items([], entries, now=DAY)
    gone = choose(found, Wanted(names=("seed-shop-go1.26-amd64-gone", "seed-shop-go1.26-amd64-alone")), ["shop"])
    assert [e.digest for e in unneeded_parts(entries, gone, {})] == [digests["own"]]
    ages = {indexes[2].tag: GRACE_SECONDS + 1}
    assert {e.digest for e in unneeded_parts(entries, gone, ages)} == {digests["own"], digests["orphan"]}
    unreadable = [*entries, seed("shop-api", "main", error="cannot be read")]
    assert unneeded_parts(unreadable, gone, ages) == (), "a seed that cannot be read may name any of them"


def test_a_part_that_nobody_names_is_kept_for_a_whole_hour_and_where_its_age_is_unknown() -> None:
    orphan = Entry(what=What.INDEX, tag="index-orphan", digest="")
    assert unneeded_parts([orphan], (), {}) == ()
    assert unneeded_parts([orphan], (), {"index-orphan": 3600.0}) == ()
    assert unneeded_parts([orphan], (), {"index-orphan": 3600.5}) == (orphan,)


def test_what_another_clock_made_in_the_future_was_used_just_now() -> None:
    (item,) = items([], [seed("shop", "main", made=2 * DAY)], now=DAY)
    assert item.unused_seconds == 0.0


def test_a_half_goes_with_the_last_seed_that_names_it() -> None:
    halves = [Entry(what=What.HALF, tag=f"half-{name}", digest=name) for name in ("shared", "own", "orphan")]
    entries = [
        seed("shop", "main", index="a" * 64, half="half-shared"),
        seed("shop", "gone", index="b" * 64, half="half-own"),
        seed("shop", "small", index="c" * 64),
        *halves,
    ]
    assert [item.what for item in items([], entries, now=DAY)] == ["seed"] * 3
    gone = choose(items([], entries, now=DAY), Wanted(names=("seed-shop-go1.26-amd64-gone",)), ["shop"])
    assert [e.tag for e in unneeded_parts(entries, gone, {})] == ["half-own"]
    ages = {"half-orphan": GRACE_SECONDS + 1, "half-shared": GRACE_SECONDS + 1}
    assert [e.tag for e in unneeded_parts(entries, gone, ages)] == ["half-own", "half-orphan"]


def test_moments_are_read_as_go_and_docker_write_them() -> None:
    assert moment("1970-01-02T00:00:00Z") == DAY
    assert moment("1970-01-01T01:00:00.123456789+01:00") == 0.0
    assert moment("yesterday") is None
