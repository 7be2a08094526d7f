"""What is deleted from 300 generated registries, and what must then still be there."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gobake.errors import RegistryRefused
from gobake.registry import DeletionRefused
from gobake.retention import choose, delete
from gobake.retention import look as looking
from gobake.retention.choose import Decision, Held, Wanted, decide
from gobake.retention.delete import Look, prune
from gobake.retention.graph import Kind
from gobake.retention.held import candidates, held
from gobake.retention.look import look
from tests.unit.retention.registries import DAY, NAME, NOW, Registry, World, pushed, whole

WINDOW = 14 * DAY


@pytest.fixture(autouse=True)
def _one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes long to switch between threads that have nothing to wait for."""

    class Inline:
        def __init__(self, _: int) -> None: ...
        def __enter__(self) -> Inline:
            return self

        def __exit__(self, *_: object) -> None: ...
        def map(self, function: Callable[[Any], Any], *of: Any) -> Iterator[Any]:
            return map(function, *of)

    for module in (looking, delete):
        monkeypatch.setattr(module, "ThreadPoolExecutor", Inline)


def looked(registry: Registry, wanted: Wanted, world: World | None = None, *, who: Held | None = None) -> Look:
    records = world.records if world else []
    deployments = world.deployments if world else {}
    contents = look(registry, NAME, candidates(NAME, records, deployments))
    held_by = who or held(NAME, records, NOW - WINDOW, deployments)
    return Look(contents=contents, decision=decide(contents, wanted, held_by, ("shop",), NOW))


def fates(decision: Decision) -> dict[str, bool]:
    """Whether each tag goes."""
    return {one.tag or one.digest: one.goes for one in decision.judged}


def reasons(decision: Decision) -> dict[str, str]:
    return {one.tag or one.digest: one.why for one in decision.judged}


def wish(chance: random.Random) -> Wanted:
    return Wanted(
        tags=chance.choice(((), (), ("pr-*",), ("v*", "latest"))),
        keep=chance.choice(((), ("latest",), ("v1", "v2"))),
        keep_tags=chance.choice((None, 0, 1, 3)),
        older_than=chance.choice((None, 5 * DAY, 30 * DAY)),
        untagged=chance.random() < 0.1,
    )


def test_after_a_prune_every_kept_tag_still_pulls_and_the_dry_run_told_the_same() -> None:
    seen: Counter[str] = Counter()
    for seed in range(300):
        world = World(seed)
        registry, wanted = world.registry, wish(world.chance)
        before, tags = dict(registry.manifests), dict(registry.named)
        planned = looked(registry, wanted, world)
        assert planned.decision.refused == ""
        kept = {one for one, goes in fates(planned.decision).items() if not goes}
        kept |= held(NAME, world.records, NOW - WINDOW, world.deployments).digests.keys()
        needed = {name: whole(registry, name) for name in kept}

        done = prune(registry, planned, lambda r=registry, w=wanted, o=world: looked(r, w, o))  # type: ignore[misc]

        assert done.notes == (), seed
        assert (
            [one.digest for one in done.deleted] == [one.digest for one in planned.decision.going] == registry.deleted
        )
        assert before.keys() - registry.manifests.keys() == planned.decision.digests, seed
        for name, digests in needed.items():
            assert digests <= registry.manifests.keys(), (seed, name)
            if name in tags:
                assert registry.named[name] == tags[name]
        for one in planned.decision.judged:
            assert (one.tag in registry.named) == (not one.goes) or not one.tag, (seed, one)
        assert not looked(registry, wanted, world).decision.going, seed  # nothing is left for a second one
        seen.update(str(one.kind) for one in done.deleted)
        seen["registries"] += bool(done.deleted)
    assert seen["registries"] > 150
    assert set(Kind) - {Kind.ARTIFACT} <= seen.keys()


# ---- one rule at a time


def test_a_platform_that_a_kept_index_lists_stays() -> None:
    registry = Registry()
    shared, old, new = (registry.image(layers=(name,)) for name in ("shared", "old", "new"))
    registry.index("v1", of=[shared, old])
    registry.index("v2", of=[shared, new])
    found = looked(registry, Wanted(tags=("v1",))).decision
    assert fates(found) == {"v1": True, "v2": False}
    assert {shared, new}.isdisjoint(found.digests)
    assert old in found.digests
    assert [one.tags for one in found.going] == [("v1",), ()]  # the index first: no tag may lack a platform


def test_a_tag_of_a_kept_image_stays() -> None:
    registry = Registry()
    registry.image("v1", "latest")
    found = looked(registry, Wanted(tags=("v1",))).decision
    assert not found.going
    assert reasons(found)["v1"] == "latest needs it"


def test_runs_of_late_and_deployments_hold_digests_and_tags() -> None:
    registry = Registry()
    of_run, of_file, by_tag, of_old_run = (registry.image(f"v{n}", layers=(f"{n}",)) for n in range(4))
    records = [pushed(of_run, at=NOW - 2 * DAY), pushed(of_old_run, at=NOW - 30 * DAY)]
    text = {"pods.yaml": f"imageID: {NAME}@{of_file}\nimage: {NAME}:v2\nimage: other.example.com/acme/shop:v3\n"}
    who = held(NAME, records, NOW - WINDOW, text)
    found = looked(registry, Wanted(tags=("*",)), who=who).decision
    assert fates(found) == {"v0": False, "v1": False, "v2": False, "v3": True}
    assert reasons(found)["v0"] == f"of the run {records[0].run}"
    assert reasons(found)["v1"] == reasons(found)["v2"] == "deployed: pods.yaml"
    assert by_tag not in found.digests


def test_a_pushed_index_without_a_tag_goes_once_no_run_of_late_names_it() -> None:
    registry = Registry()
    old, new = (registry.index(of=[registry.image(layers=(name,))]) for name in ("old", "new"))
    world = World(0)
    world.deployments = {}
    world.records = [pushed(old, at=NOW - 30 * DAY), pushed(new, at=NOW - DAY)]
    found = looked(registry, Wanted(untagged=True), world).decision
    assert old in found.digests
    assert new not in found.digests
    assert len(found.going) == 2


def test_what_was_pushed_by_digest_a_moment_ago_stays() -> None:
    registry = Registry()
    waiting = registry.image(layers=("of a shard",), made=NOW - 3600)
    found = looked(registry, Wanted(untagged=True), who=Held(times={waiting: NOW - 3600})).decision
    assert not found.going


def test_the_newest_images_stay_and_those_of_unknown_age() -> None:
    registry = Registry()
    for day in range(5):
        registry.image(f"v{day}", *(["latest"] if day == 4 else []), layers=(f"{day}",), made=NOW - (100 - day) * DAY)
    registry.image("undated", layers=("undated",))
    found = looked(registry, Wanted(keep_tags=3)).decision
    assert {tag for tag, goes in fates(found).items() if goes} == {"v0", "v1", "v2"}
    assert reasons(found)["latest"] == "one of the 3 newest"
    old = looked(registry, Wanted(older_than=98 * DAY)).decision
    assert {tag for tag, goes in fates(old).items() if goes} == {"v0", "v1"}
    assert reasons(old)["undated"] == "of unknown age"


def test_caches_go_by_age_and_only_those_of_the_project() -> None:
    registry = Registry()
    registry.cache("layers-shop.api.all.main", NOW - 40 * DAY, as_index=True)
    registry.cache("layers-other.api.all.main", NOW - 40 * DAY, as_index=False)
    registry.cache("buildcache", NOW - 40 * DAY, as_index=True)
    registry.seed("main", NOW - 40 * DAY)
    registry.seed("topic", NOW - DAY)
    assert not looked(registry, Wanted(keep_tags=0)).decision.going
    found = looked(registry, Wanted(older_than=30 * DAY)).decision
    gone = {tag for one in found.going for tag in one.tags if not tag.startswith(("index-", "half-"))}
    assert gone == {"layers-shop.api.all.main", "buildcache", "seed-shop-go1.26-amd64-main"}
    assert reasons(found)["layers-other.api.all.main"] == "of the project other"
    assert len(found.going) == 5  # a seed goes with its index and its half


def test_a_seed_that_cannot_be_read_keeps_every_part() -> None:
    registry = Registry()
    registry.seed("main", NOW - 40 * DAY)
    registry.image(f"half-{'0' * 24}", layers=("of whom?",), made=NOW - 40 * DAY)
    assert len(looked(registry, Wanted(untagged=True)).decision.going) == 1
    registry.blobs = {}
    assert not looked(registry, Wanted(untagged=True)).decision.going


def test_an_image_with_the_name_of_a_seed_is_an_image() -> None:
    registry = Registry()
    registry.image("seed-data", made=NOW - 40 * DAY)
    assert looked(registry, Wanted(older_than=DAY)).decision.going[0].kind is Kind.IMAGE


def test_signatures_of_images_that_are_gone_go() -> None:
    registry = Registry()
    image = registry.image("v1")
    registry.artifact("", "signature", f"{image.replace(':', '-')}.sig")
    registry.artifact("", "another", f"sha256-{'0' * 64}.sig")
    found = looked(registry, Wanted(untagged=True)).decision
    assert [one.tags for one in found.going] == [(f"sha256-{'0' * 64}.sig",)]


def test_nothing_goes_while_something_cannot_be_read() -> None:
    registry = Registry()
    platform = registry.image(layers=("platform",))
    registry.index("v1", of=[platform])
    registry.image("v2")
    registry.broken = {platform}
    found = looked(registry, Wanted(tags=("v2",))).decision
    assert not found.going
    assert platform in found.refused
    assert "may need any of the others" in found.refused


def test_bytes_of_shared_layers_are_not_counted_as_freed() -> None:
    registry = Registry()
    registry.image("v1", layers=("base", "one"))
    registry.image("v2", layers=("base", "two"))
    (going,) = looked(registry, Wanted(tags=("v1",))).decision.going
    assert going.size == 1000 + len("one") + len(registry.manifests[going.digest])


def test_what_a_kept_tag_is_about_stays() -> None:
    registry = Registry()
    image = registry.image("v1")
    registry.artifact("application/spdx+json", "sbom", "sbom-v1", subject=image)
    found = looked(registry, Wanted(tags=("v1",))).decision
    assert not found.going
    assert reasons(found)["v1"] == "sbom-v1 needs it"


@pytest.mark.parametrize("api", [True, False])
def test_referrers_go_with_the_image_that_they_are_about_and_no_other(api: bool) -> None:
    registry = Registry(referrers_api=api)
    sboms = {}
    for tag in ("v1", "v2"):
        image = registry.image(tag, layers=(tag,))
        sboms[tag] = registry.artifact("application/spdx+json", f"sbom of {tag}", subject=image)
        if not api:
            registry.index(image.replace(":", "-"), of=[sboms[tag]])
    found = looked(registry, Wanted(tags=("v1",))).decision
    assert sboms["v1"] in found.digests
    assert sboms["v2"] not in found.digests
    assert found.going[0].tags == ("v1",)  # before what is about it


# ---- while it is deleted


def pruned(registry: Registry, wanted: Wanted) -> delete.Pruned:
    return prune(registry, looked(registry, wanted), lambda: looked(registry, wanted))


def test_a_tag_that_moved_between_looking_and_deleting_keeps_what_it_names_now() -> None:
    registry = Registry()
    shared, other = registry.image(layers=("shared",)), registry.image(layers=("other",))
    old = registry.index("old", of=[shared])
    registry.index("latest", of=[other])
    wanted = Wanted(tags=("old",))
    planned = looked(registry, wanted)
    registry.named["latest"] = old  # rolled back
    done = prune(registry, planned, lambda: looked(registry, wanted))
    assert not done.deleted
    assert "old stays: tags have moved" in done.notes[0]
    assert whole(registry, "latest") == {old, shared}


def test_a_tag_that_is_pushed_anew_during_the_deletion_keeps_what_both_share() -> None:
    registry = Registry()
    shared = registry.image(layers=("shared",))
    registry.index("a", of=[registry.image(layers=("first",))])
    registry.index("b", of=[shared])
    heads: Counter[str] = Counter()

    def before(method: str, name: str) -> None:
        heads[name] += method == "HEAD"
        if heads["b"] == 2:
            registry.index("b", of=[shared, registry.image(layers=("new",))])

    registry.before = before
    done = pruned(registry, Wanted(tags=("a", "b")))
    assert [one.tags for one in done.deleted if one.tags] == [("a",)]
    assert "b stays: b was pushed meanwhile" in done.notes
    assert shared in whole(registry, "b")


def test_a_registry_that_does_not_delete_ends_it_at_once() -> None:
    registry = Registry()
    registry.image("v1", layers=("1",))
    registry.image("v2", layers=("2",))

    def before(method: str, _name: str) -> None:
        if method == "DELETE":
            raise DeletionRefused("registry.example.com does not delete by its API", remedy="use its pages")

    registry.before = before
    done = pruned(registry, Wanted(tags=("*",)))
    assert not done.deleted
    assert done.notes == ("nothing more was deleted: registry.example.com does not delete by its API; use its pages",)


def test_what_an_index_lists_stays_if_the_index_cannot_be_deleted() -> None:
    registry = Registry()
    platform = registry.image(layers=("platform",))
    index = registry.index("v1", of=[platform])

    def before(method: str, name: str) -> None:
        if method == "DELETE" and name == index:
            raise RegistryRefused("registry.example.com: the registry answered 500")

    registry.before = before
    done = pruned(registry, Wanted(tags=("v1",)))
    assert not done.deleted
    assert registry.manifests.keys() == {platform, index}


def test_the_tags_are_looked_at_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delete, "_FRESH_SECONDS", -1.0)
    monkeypatch.setattr(delete, "_LOOK_SHARE", 0.0)
    registry = Registry()
    second = [registry.image(f"old{n}", layers=(f"{n}",)) for n in range(2)][1]
    registry.image("latest", layers=("latest",))

    def before(method: str, _name: str) -> None:
        if method == "DELETE":
            registry.named["latest"] = second

    registry.before = before
    done = pruned(registry, Wanted(tags=("old*",)))
    assert len(done.deleted) == 1
    assert registry.named["latest"] in registry.manifests


# ---- hostile registries


def test_a_registry_that_lists_itself_in_circles_ends() -> None:
    registry = Registry()
    image = registry.image("v1")
    tag = image.replace(":", "-")
    registry.named[tag] = image  # about itself
    assert looked(registry, Wanted(tags=("v1",))).decision.digests == {image}


def test_more_manifests_than_anybody_has_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "_MOST", 5)
    registry = Registry()
    registry.index("v1", of=[registry.image(layers=(f"{n}",)) for n in range(9)])
    with pytest.raises(RegistryRefused, match="more than 5 manifests"):
        looked(registry, Wanted(untagged=True))


def test_the_grace_is_longer_than_a_pipeline() -> None:
    assert choose.GRACE_SECONDS >= 24 * 3600
