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

_LOOK_SECONDS = 5.0
_RESOLVE_SECONDS = 30.0


def told(layers: Layers, inputs: str) -> str:
    """What a seed says of its inputs; "" where the run that saves it exports no layers that hold the compile."""
    return inputs if layers.exports and layers.mode == "max" else ""


def comes_from_layers(seed: Seed, layers: Layers, imports: Iterable[str], inputs: Callable[[], str]) -> bool:
    """Whether the compile step will be imported. ``imports``: its cache-from lines; ``inputs``: what it is made from
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


def any_layers(imports: Iterable[str]) -> bool:
    """Whether any of these cache-from lines names something that is there; only registries and folders can be asked."""
    lines = [dict(part.partition("=")[::2] for part in line.split(",")) for line in imports]
    if any(line.get("type") == "local" for line in lines):
        return True  # a folder's are only named where they are
    references = [line["ref"] for line in lines if line.get("type") == "registry"]
    if not references:
        return False
    with ThreadPoolExecutor(len(references)) as pool:
        return any(pool.map(_is_there, references))


def _is_there(reference: str) -> bool:
    try:
        return engine.inspect_image(reference, "", _LOOK_SECONDS) is not None
    except RegistryRefused:
        return False
