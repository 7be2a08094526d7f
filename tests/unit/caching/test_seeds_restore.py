"""How a seed gets into the mounts of a builder, and what is told of it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gobake.caching.seeds import restore as restoring
from gobake.caching.seeds.mounts import Mount
from gobake.caching.seeds.restore import Restored, begin_pull, patience, restore
from gobake.caching.seeds.seed import Seed, SeedKey, SeedLabels, describe
from gobake.caching.seeds.solve import Solved
from gobake.caching.seeds.store import Image, SeedStore
from gobake.errors import RegistryRefused
from gobake.model import Platform

AMD64 = Platform.parse("linux/amd64")
NAMES = ("gomod", "gobuild", "golink-a", "golink-b")
MOUNTS = tuple(Mount(name=name, id=f"shop-{name}", namespace="branch") for name in NAMES)
HALF = Image(digest="sha256:2", labels={}, layers=(5, 30), blobs=("sha256:a", "sha256:b"))


def seed(*, half: str = "", compressed: int | None = 100) -> Seed:
    labels = SeedLabels(
        key=SeedKey(project="shop", go="1.26", arch="amd64"),
        go="go1.26.1",
        branch="main",
        sums="",
        inputs="",
        index="",
        saved="",
        size=40_000_000,
        half=half,
        half_programs=("golink-b",) if half else (),
    )
    found = describe("seed-main", "sha256:1", 1, compressed, labels.texts)
    assert found
    return found


class Store(SeedStore, frozen=True, kw_only=True):
    """A store with nothing but the other part of a seed."""

    half: Image | None = HALF

    def look(self, tag: str, seconds: float) -> Image | None:
        if tag == "half-refused":
            raise RegistryRefused("not allowed to read it")
        return self.half if tag == "half-1" else None


class Farm:
    """A builder whose restoring program says what it wrote."""

    def __init__(self, reports: Mapping[str, str], error: str = "") -> None:
        self.reports, self.error = reports, error
        self.target: Mapping[str, Any] = {}
        self.words: Mapping[str, Any] = {}
        self.recipe = ""

    def solve(self, targets: Mapping[str, Any], folder: Path, **words: Any) -> Solved:
        (self.target,), self.words = targets.values(), words
        self.recipe = (folder / "restore.Dockerfile").read_text()
        for name, text in self.reports.items():
            (folder / "report" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "report" / name).write_text(text)
        return Solved(error=self.error)


def filled(
    monkeypatch: pytest.MonkeyPatch, one: Seed, reports: Mapping[str, str], error: str = ""
) -> tuple[Farm, Restored]:
    farm = Farm(reports, error)
    monkeypatch.setattr(restoring, "solve", farm.solve)
    store = Store(repository="registry.test/cache")
    return farm, restore(store, one, MOUNTS, builder="farm", platforms=[AMD64])


def test_a_seed_of_one_image_fills_all_mounts(monkeypatch: pytest.MonkeyPatch) -> None:
    farm, found = filled(monkeypatch, seed(), {"seed/restored": "gobuild 3 70\ngomod 2 9\n"})
    assert replace(found, seconds=0.0) == Restored(seed=seed(), seconds=0.0, packed=100, files=5, size=79)
    assert farm.target["contexts"] == {"seed": "docker-image://registry.test/cache@sha256:1"}
    assert farm.target["platforms"] == ["linux/amd64"]
    assert farm.words["namespace"] == "branch"
    assert all(f"id=shop-{name}," in farm.recipe for name in NAMES)
    assert "FROM half" not in farm.recipe


def test_both_images_of_a_large_seed_fill_the_mounts_and_no_locked_one_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    reports = {"seed/restored": "gobuild 3 70\n", "half/restored": "golink-b 1 1000\n"}
    farm, found = filled(monkeypatch, seed(half="half-1"), reports)
    assert (found.packed, found.files, found.size, found.error) == (135, 4, 1070, "")
    assert farm.target["contexts"]["half"] == "docker-image://registry.test/cache@sha256:2"
    first, second = (part.partition("FROM scratch")[0] for part in farm.recipe.split("FROM half"))
    assert ("golink-a" in first, "golink-b" in first) == (True, False)
    assert ("golink-a" in second, "golink-b" in second) == (False, True)


@pytest.mark.parametrize(
    ("compressed", "layers"), [(None, (5, 30)), (100, (0, 0))], ids=["of the seed", "of its other part"]
)
def test_the_bytes_of_a_seed_are_unknown_where_those_of_a_part_are(
    monkeypatch: pytest.MonkeyPatch, compressed: int | None, layers: tuple[int, ...]
) -> None:
    monkeypatch.setattr(restoring, "solve", Farm({}).solve)
    store = Store(repository="registry.test/cache", half=replace(HALF, layers=layers))
    one = seed(half="half-1", compressed=compressed)
    assert restore(store, one, MOUNTS, builder="", platforms=[AMD64]).packed is None


@pytest.mark.parametrize(
    ("half", "says"),
    [
        ("half-gone", "its other part, registry.test/cache:half-gone, is gone"),
        ("half-refused", "not allowed to read it"),
    ],
)
def test_nothing_is_built_where_the_other_part_is_missing(
    monkeypatch: pytest.MonkeyPatch, half: str, says: str
) -> None:
    farm, found = filled(monkeypatch, seed(half=half), {})
    assert (found.error, found.files, found.size) == (says, 0, 0)
    assert farm.target == {}


def test_what_a_restore_wrote_that_failed_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    _, found = filled(monkeypatch, seed(), {"seed/restored": "gobuild 3 70\n"}, error="no space left")
    assert (found.error, found.files, found.size) == ("no space left", 0, 0)


@pytest.mark.parametrize(
    "report", ["", "gobuild 3\n", "gobuild many bytes\n", "gobuild -1 -1\n", "\x00", "gobuild 3 1e9\n"]
)
def test_a_report_of_the_seeds_own_program_is_not_believed_blindly(
    monkeypatch: pytest.MonkeyPatch, report: str
) -> None:
    _, found = filled(monkeypatch, seed(), {"seed/restored": report, "seed/other": "gobuild 3 70\n"})
    assert (found.error, found.files, found.size) == ("", 0, 0)


def test_a_restore_waits_as_long_as_a_slow_registry_needs_and_at_most_half_an_hour() -> None:
    assert patience(40_000_000, 0) == 40.0
    assert patience(None, 80_000_000) == 50.0, "of unpacked bytes, where no others are known"
    assert patience(40_000_000, 80_000_000) == 40.0
    assert patience(10**12, 0) == 1800.0


def test_the_restore_is_given_that_long(monkeypatch: pytest.MonkeyPatch) -> None:
    farm, _ = filled(monkeypatch, seed(compressed=None), {})
    assert farm.words["seconds"] == 40.0


def test_the_toolchain_is_pulled_meanwhile_and_holds_up_no_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    pulled, done = list[str](), threading.Event()

    def solve(targets: Mapping[str, Any], folder: Path, **_: object) -> Solved:
        pulled.extend([*targets["toolchain"]["platforms"], (folder / "Dockerfile").read_text()])
        assert threading.current_thread().daemon
        done.set()
        return Solved(error="")

    monkeypatch.setattr(restoring, "solve", solve)
    begin_pull("golang:1.26", builder="", platforms=[AMD64])
    assert done.wait(10)
    assert pulled[0] == "linux/amd64"
    assert pulled[1].startswith("FROM --platform=$BUILDPLATFORM golang:1.26 AS go\n")
