"""Whether a seed is held back because the compile will come out of a layer cache."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gobake import engine
from gobake.caching.policy.policy import Layers
from gobake.caching.seeds import expected as expecting
from gobake.caching.seeds.seed import Seed, SeedKey, SeedLabels, read_seed
from gobake.caching.seeds.solve import Solved
from gobake.errors import RegistryRefused
from gobake.recipe.cache_entry import CacheEntry

EXPORTING = Layers(imports=True, exports=True, mode="max")
IMPORTS = [CacheEntry.parse("type=local,src=/store/layers/x")]
KEY = SeedKey(project="shop", go="1.26", arch="amd64")


def seed(inputs: str) -> Seed:
    told = SeedLabels(key=KEY, go="go1.26.1", branch="main", sums="s", inputs=inputs, index="ab" * 32, saved="", size=1)
    found = read_seed("t", "sha256:1", 1, 1, told.texts, KEY)
    assert isinstance(found, Seed)
    return found


@pytest.mark.parametrize(
    ("policy", "now", "imports", "expected"),
    [
        (EXPORTING, "same", IMPORTS, True),
        (replace(EXPORTING, exports=False), "same", IMPORTS, True),  # a pull request reads what main has written
        (EXPORTING, "edited", IMPORTS, False),
        (EXPORTING, "", IMPORTS, False),
        (EXPORTING, "same", [], False),
        (replace(EXPORTING, mode="min"), "same", IMPORTS, False),
    ],
    ids=["same inputs", "read only", "edited", "unknown", "no layers", "mode=min"],
)
def test_the_compile_is_expected_from_layers_that_hold_it(
    policy: Layers, now: str, imports: list[CacheEntry], expected: bool
) -> None:
    assert expecting.comes_from_layers(seed("same"), policy, imports, lambda: now) is expected


def test_a_seed_saved_beside_layers_without_the_compile_is_never_held_back() -> None:
    for policy in (replace(EXPORTING, mode="min"), replace(EXPORTING, exports=False)):
        found = seed(expecting.told(policy, "same"))
        assert not expecting.comes_from_layers(found, EXPORTING, IMPORTS, lambda: "same")
    assert expecting.told(EXPORTING, "same") == "same"


def test_nothing_is_resolved_where_no_layer_can_hold_the_compile() -> None:
    def never() -> str:
        raise AssertionError("asked in vain")

    assert not expecting.comes_from_layers(seed(""), EXPORTING, IMPORTS, never)
    assert not expecting.comes_from_layers(seed("same"), replace(EXPORTING, mode="min"), IMPORTS, never)


# ---- what is asked of a registry


def entries(*lines: str) -> list[CacheEntry]:
    return [CacheEntry.parse(line) for line in lines]


@pytest.mark.parametrize(
    ("imports", "expected"),
    [
        (["type=registry,ref=r/cache:there"], True),
        (["type=registry,ref=r/cache:gone", "type=registry,ref=r/cache:there"], True),
        (["type=registry,ref=r/cache:gone"], False),
        (["type=registry,ref=r/cache:refused"], False),
        (["type=local,src=/store/layers/x", "type=registry,ref=r/cache:gone"], True),
        (["type=gha,scope=x"], False),
        ([], False),
    ],
    ids=["there", "one of two", "gone", "refused", "a folder", "one that cannot be asked", "none"],
)
def test_layers_exist_where_a_folder_or_a_registry_has_some(
    monkeypatch: pytest.MonkeyPatch, imports: list[str], expected: bool
) -> None:
    def inspect(reference: str, _template: str, _seconds: float) -> str | None:
        if reference.endswith("refused"):
            raise RegistryRefused("denied")
        return "{}" if reference.endswith("there") else None

    monkeypatch.setattr(engine, "inspect_image", inspect)
    assert expecting.any_layers(entries(*imports)) is expected


@pytest.mark.parametrize(
    ("solved", "digest"),
    [
        (Solved(error="", bases=("sha256:1",)), "sha256:1"),
        (Solved(error="no answer", bases=("sha256:1",)), ""),
        (Solved(error="", bases=("sha256:1", "sha256:2")), ""),
        (Solved(error=""), ""),
    ],
    ids=["resolved", "failed", "more than one", "none"],
)
def test_a_base_is_what_buildkit_resolves_it_to(monkeypatch: pytest.MonkeyPatch, solved: Solved, digest: str) -> None:
    recipes: list[str] = []

    def solve(targets: Mapping[str, Any], folder: Path, **_: object) -> Solved:
        assert targets == {"base": {"output": ["type=cacheonly"]}}
        recipes.append((folder / "Dockerfile").read_text())
        return solved

    monkeypatch.setattr(expecting, "solve", solve)
    assert expecting.resolve_base("golang:1.26", "") == digest
    assert recipes == ["FROM --platform=$BUILDPLATFORM golang:1.26\n"], "nothing else is pulled"
