"""Whether a seed is held back because the compile will come out of a layer cache."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gobake.caching.policy.policy import Layers
from gobake.caching.seeds import expected as expecting
from gobake.caching.seeds.seed import Seed, SeedKey, SeedLabels, read_seed
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
