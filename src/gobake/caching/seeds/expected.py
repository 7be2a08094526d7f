"""Predicts whether BuildKit imports the compile step from a layer cache; then no seed is worth its pull.

A seed records the inputs of its compile: recipe, sources, golang image. If they are the same now, and the layers
exported with the seed still exist, BuildKit imports the step. A wrong guess only costs a compile.

This holds for mode=max only. With mode=min the compile's result is not exported, and BuildKit finds the COPY --from of
the binaries by their content: the compile runs to produce that content, even if only a README changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from gobake import engine
from gobake.caching.policy.policy import Layers
from gobake.caching.seeds.seed import Seed
from gobake.caching.seeds.solve import solve
from gobake.errors import RegistryRefused
from gobake.paths import scratch_folder
from gobake.recipe.cache_entry import CacheEntry

_LOOK_SECONDS = 5.0
_RESOLVE_SECONDS = 30.0


def told(layers: Layers, inputs: str) -> str:
    """The inputs to record in a seed; "" if the run that saves it exports no layers with the compile."""
    return inputs if layers.exports and layers.mode == "max" else ""


def comes_from_layers(seed: Seed, layers: Layers, imports: Iterable[CacheEntry], inputs: Callable[[], str]) -> bool:
    """Whether BuildKit will import the compile step. ``imports``: its cache-from; ``inputs``: returns its inputs now,
    at the cost of a request to the registry."""
    # of several refs BuildKit may use one without the result, such as those left by a run with mode=min
    if not seed.inputs or layers.mode != "max" or not any_layers(imports):
        return False
    return inputs() == seed.inputs


def resolve_base(image: str, builder: str) -> str:
    """The digest that BuildKit resolves an image to now, without pulling it; "" if that fails."""
    with scratch_folder() as folder:
        (folder / "Dockerfile").write_text(f"FROM --platform=$BUILDPLATFORM {image}\n")
        solved = solve({"base": {"output": ["type=cacheonly"]}}, folder, builder=builder, seconds=_RESOLVE_SECONDS)
    return solved.bases[0] if len(solved.bases) == 1 and not solved.error else ""


def any_layers(imports: Iterable[CacheEntry]) -> bool:
    """Whether any cache-from names an existing cache; only registries and folders are checked."""
    entries = tuple(imports)
    if any(entry.type == "local" for entry in entries):
        return True  # only existing refs of a folder become entries
    references = [entry.name for entry in entries if entry.type == "registry"]
    if not references:
        return False
    with ThreadPoolExecutor(len(references)) as pool:
        return any(pool.map(_is_there, references))


def _is_there(reference: str) -> bool:
    try:
        return engine.inspect_image(reference, "", _LOOK_SECONDS) is not None
    except RegistryRefused:
        return False
