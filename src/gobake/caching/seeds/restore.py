"""Starting a builder's cache mounts from a seed.

The seed is copied into the mounts before the build, and is not named as the mounts' `from=`: BuildKit makes the content
of whatever a mount comes from a part of the step's cache key (solver/llbsolver/ops/exec.go, getMountDeps), so that each
new seed would invalidate every layer cache; and such a mount is another one for every seed. Copied, a mount stays the
one that plain bake uses too, a builder that is warm asks no registry for anything, and a seed that is gone, slow or
broken spoils nothing.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from gobake.caching.seeds.mounts import Mount, halves_of, namespace_of
from gobake.caching.seeds.seed import Seed
from gobake.caching.seeds.solve import solve, write_dockerfile
from gobake.caching.seeds.store import Image, SeedStore
from gobake.errors import RegistryRefused
from gobake.files.nofollow import Inside
from gobake.foreign import checks
from gobake.foreign.checks import Unfit
from gobake.model import Platform
from gobake.paths import scratch_folder

# A seed that comes slower than this is no help: compiling makes about as much.
SLOWEST = 4e6  # bytes a second, packed
LEAST_SECONDS = 30.0
MOST_SECONDS = 1800.0  # whatever size the store states: what is told is not yet known
PULL_SECONDS = 600.0
_LONGEST_REPORT = 1 << 20  # bytes
LOOK_SECONDS = 8.0  # a registry that takes longer to tell what it has is not waited for


class Restored(Struct, frozen=True, kw_only=True):
    """What came out of a seed; ``error`` is one line, and "" where all of it came."""

    seed: Seed
    seconds: float
    packed: int | None = None  # bytes that were pulled; None is unknown
    size: int = 0  # bytes written into the mounts
    files: int = 0
    error: str = ""


def restore(
    store: SeedStore, seed: Seed, mounts: Sequence[Mount], *, builder: str, platforms: Sequence[Platform]
) -> Restored:
    """Fill what the mounts lack, on the nodes that ``platforms`` choose. Never raises for what the engine says."""
    begun = time.monotonic()
    contexts, packed = {"seed": store.context(seed.digest)}, seed.compressed
    if seed.half:
        half = _half(store, seed)
        if isinstance(half, str):
            return Restored(seed=seed, seconds=time.monotonic() - begun, error=half)
        contexts["half"] = store.context(half.digest)
        packed = (packed + sum(half.layers)) if packed and sum(half.layers) else None
    with scratch_folder() as folder:
        images = {name: some for name, some in halves_of(mounts, seed.half_programs).items() if name in contexts}
        write_dockerfile(folder, "restore.Dockerfile", images=images)
        target = {
            "dockerfile": "restore.Dockerfile",
            "contexts": contexts,
            "platforms": [str(p) for p in platforms],
            "output": [f"type=local,dest={folder / 'report'}"],
        }
        waited = patience(packed, seed.size)
        solved = solve({"restore": target}, folder, builder=builder, seconds=waited, namespace=namespace_of(mounts))
        files, size = (0, 0) if solved.error else _counted(folder / "report")
    return Restored(
        seed=seed, seconds=time.monotonic() - begun, packed=packed, files=files, size=size, error=solved.error
    )


def patience(packed: int | None, size: int) -> float:
    """Seconds that a seed of so many bytes is waited for."""
    return min(LEAST_SECONDS + (packed or size) / SLOWEST, MOST_SECONDS)


def _counted(report: Path) -> tuple[int, int]:
    """(files, bytes) that the restoring program says it wrote, one line a mount; the program came with the seed."""
    files = size = 0
    for folder, _, names in os.walk(report):
        if "restored" not in names:
            continue
        with contextlib.suppress(OSError, Unfit):
            text = Inside(top=Path(folder)).read("restored", _LONGEST_REPORT).decode("utf-8", "replace")
            for words in (line.split() for line in text.splitlines()):
                if len(words) > 2:
                    files, size = files + checks.number(words[1]), size + checks.number(words[2])
    return files, size


def _half(store: SeedStore, seed: Seed) -> Image | str:
    """The image of a seed's other half, or why there is none."""
    try:
        return store.look(seed.half, LOOK_SECONDS) or f"its other half, {store.named(seed.half)}, is gone"
    except RegistryRefused as error:
        return str(error)


def begin_pull(image: str, *, builder: str, platforms: Sequence[Platform]) -> None:
    """Pull the toolchain while a seed is restored: the build needs it next, and BuildKit joins the two pulls."""

    def pull() -> None:
        with scratch_folder() as folder:
            # something of it must be wanted, and a copy is sooner made than a container
            wanted = f"FROM --platform=$BUILDPLATFORM {image} AS go\nFROM scratch\nCOPY --from=go /etc /\n"
            (folder / "Dockerfile").write_text(wanted)
            target = {"platforms": [str(p) for p in platforms], "output": ["type=cacheonly"]}
            solve({"toolchain": target}, folder, builder=builder, seconds=PULL_SECONDS)

    threading.Thread(target=pull, daemon=True).start()
