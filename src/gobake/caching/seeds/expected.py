"""Will the compile step come out of a layer cache? Then no seed is worth its pull.

A seed says from which inputs its compile was made: recipe, sources, golang image. Where these are the same now, and the
layers that were exported with it are still there, BuildKit imports the step. A wrong guess costs a compile, no more.

That holds for mode=max alone. With mode=min the compile's result is not exported, and the COPY --from that takes the
programs out of it is found by their content: the compile runs to make that content, be it for a change of a README.
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
    """What a seed says of its inputs; "" where the run that saves it exports no layers that hold the compile."""
    return inputs if layers.exports and layers.mode == "max" else ""


def comes_from_layers(seed: Seed, layers: Layers, imports: Iterable[CacheEntry], inputs: Callable[[], str]) -> bool:
    """Whether the compile step will be imported. ``imports``: its cache-from; ``inputs``: what it is made from
    now, which costs a question to the registry."""
    # of several refs BuildKit may ask the one without the result, and a run that exports with mode=min has left some
    if not seed.inputs or layers.mode != "max" or not any_layers(imports):
        return False
    return inputs() == seed.inputs


def resolve_base(image: str, builder: str) -> str:
    """The digest that BuildKit resolves an image to now, nothing pulled; "" where it cannot be had."""
    with scratch_folder() as folder:
        (folder / "Dockerfile").write_text(f"FROM --platform=$BUILDPLATFORM {image}\n")
        solved = solve({"base": {"output": ["type=cacheonly"]}}, folder, builder=builder, seconds=_RESOLVE_SECONDS)
    return solved.bases[0] if len(solved.bases) == 1 and not solved.error else ""


def any_layers(imports: Iterable[CacheEntry]) -> bool:
    """Whether any cache-from names something that is there; only registries and folders can be asked."""
    entries = tuple(imports)
    if any(entry.type == "local" for entry in entries):
        return True  # a folder's are only named where they are
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
