"""Several nodes are saved: in turn where they share a seed, side by side where they do not."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from gobake.caching.seeds import save_each as each
from gobake.caching.seeds.save import Saved, Saving
from gobake.caching.seeds.seed import SeedKey
from gobake.caching.seeds.store import SeedStore
from gobake.caching.seeds.units import Shape
from gobake.errors import RegistryRefused
from gobake.model import Platform

STORE = SeedStore(repository="registry.test/cache")


def node(name: str, arch: str, store: SeedStore = STORE) -> Saving:
    return Saving(
        store=store,
        key=SeedKey(project="shop", go="1.26", arch=arch),
        branch="main",
        mounts=(),
        go_image="golang:1.26",
        builder=f"/views/{name}/farm",
        platform=Platform.parse(f"linux/{arch}"),
        sums=(),
        node=name,
    )


def saved(one: Saving) -> Saved:
    return Saved(shape=Shape.GROWN, tag=one.tag, why="", seconds=1.0)


def test_nodes_of_one_architecture_are_saved_in_turn_and_others_at_the_same_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The amd64 node and the arm64 one wait for each other, so they run together; the third begins after the first."""
    together, begun, ended = threading.Barrier(2, timeout=20), list[str](), list[str]()

    def save(one: Saving) -> Saved:
        begun.append(one.node)
        if one.node in ("a", "c"):
            together.wait()
        if one.node == "b":
            assert "a" in ended
        ended.append(one.node)
        return saved(one)

    monkeypatch.setattr(each, "save", save)
    asked = [node("a", "amd64"), node("b", "amd64"), node("c", "arm64")]
    assert each.save_each(asked) == [(one, saved(one)) for one in asked]
    assert sorted(begun) == ["a", "b", "c"]


def test_a_folder_is_written_by_one_at_a_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    busy = threading.Lock()

    def save(one: Saving) -> Saved:
        assert busy.acquire(blocking=False)
        busy.release()
        return saved(one)

    monkeypatch.setattr(each, "save", save)
    store = SeedStore(folder=tmp_path)
    assert len(each.save_each([node("a", "amd64", store), node("c", "arm64", store)])) == 2


def test_a_node_that_cannot_be_saved_is_no_reason_not_to_save_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = RegistryRefused("no space left")

    def save(one: Saving) -> Saved:
        if one.node == "a":
            raise refused
        return saved(one)

    monkeypatch.setattr(each, "save", save)
    asked = [node("a", "amd64"), replace(node("b", "amd64"))]
    assert each.save_each(asked) == [(asked[0], refused), (asked[1], saved(asked[1]))]
