"""The cache mounts of a project, and what is remembered of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from gobake.caching.seeds.memory import Memory, note, remember, remembered
from gobake.caching.seeds.mounts import Mount, halves_of, mounts_among, mounts_of, namespace_of
from gobake.engine import CacheMount
from gobake.targets.matrix import Matrix, Selection, select
from tests.unit.caching.test_layers_plan import AMD64, ARM64, project


def listed(*ids: str, record: str = "r1") -> list[CacheMount]:
    return [CacheMount(record=record, id=name, size=1, created="", used="") for name in ids]


def test_a_project_has_a_mount_of_programs_for_every_platform() -> None:
    matrix = select(project(), Selection(platforms=(AMD64, ARM64)), (AMD64, ARM64))
    shop = replace(project(), namespace="branch")
    names = ["gomod", "gobuild", "golink-compile-linux-amd64", "golink-compile-linux-arm64"]
    assert mounts_of(shop, matrix) == tuple(
        Mount(name=name, id=f"branch-shop-{name}", namespace="branch") for name in names
    )
    assert [mount.name for mount in mounts_of(shop, matrix, vendored=True)] == names[1:]
    assert mounts_of(shop, Matrix(targets=())) == ()


def test_a_builders_mounts_of_a_project_are_those_that_its_recipes_name() -> None:
    ids = ["shop-gobuild", "shop-golink-stamp-linux-amd64", "shop-golink-", "shop-gomods", "shop-api-gobuild", "gomod"]
    assert [mount.name for mount in mounts_among(project(), listed(*ids))] == ["gobuild", "golink-stamp-linux-amd64"]
    assert mounts_among(project(), listed("shop-gomod")) == (Mount(name="gomod", id="shop-gomod"),)


def test_a_locked_mount_is_in_one_image_of_a_seed_and_any_other_in_both() -> None:
    names = ["gomod", "gobuild", "golink-a", "golink-b"]
    halves = halves_of([Mount(name=name, id=name) for name in names], ["golink-b"])
    assert {half: [mount.name for mount in mounts] for half, mounts in halves.items()} == {
        "seed": ["gomod", "gobuild", "golink-a"],
        "half": ["gomod", "gobuild", "golink-b"],
    }


@pytest.mark.parametrize(("namespaces", "found"), [((), ""), (("untrusted", "untrusted"), "untrusted")])
def test_the_mounts_of_a_project_share_a_namespace(namespaces: tuple[str, ...], found: str) -> None:
    assert namespace_of([Mount(name="gomod", id="x", namespace=name) for name in namespaces]) == found


def test_a_build_keeps_what_is_remembered_of_the_seed_in_its_mounts(tmp_path: Path) -> None:
    remember(tmp_path, "farm", {"a": Memory(record="r1", seed="s", go="1.25"), "b": Memory(record="r0", seed="s")})
    note(tmp_path, "farm", listed("a", "b", "c"), go="1.26")
    assert remembered(tmp_path, "farm") == {
        "a": Memory(record="r1", seed="s", go="1.26"),
        "b": Memory(record="r1", go="1.26"),  # deleted and made again since
        "c": Memory(record="r1", go="1.26"),
    }
    note(tmp_path, "farm", listed("a"), go="1.26", seed="new")
    assert remembered(tmp_path, "farm")["a"] == Memory(record="r1", seed="new", go="1.26")
