"""Fills a builder's cache mounts from a seed.

A small build copies the seed into the mounts before the build proper. The mounts do not name it in `from=`: BuildKit
makes the content of a mount's source part of the step's cache key (solver/llbsolver/ops/exec.go, getMountDeps), so each
new seed would invalidate every layer cache, and each seed would have other mounts. With a copy, the mounts stay those
that plain bake uses, a warm builder makes no request to a registry, and a missing, slow or broken seed does no harm.
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

# A slower seed does not help: compiling produces about as many bytes.
SLOWEST = 4e6  # packed bytes per second
LEAST_SECONDS = 30.0
MOST_SECONDS = 1800.0  # whatever size the store claims, as that is unverified
PULL_SECONDS = 600.0
_LONGEST_REPORT = 1 << 20  # bytes
LOOK_SECONDS = 8.0  # timeout for the registry's answer about an image


class Restored(Struct, frozen=True, kw_only=True):
    """The result of a restore; ``error`` is one line, "" for success."""

    seed: Seed
    seconds: float
    packed: int | None = None  # bytes pulled; None unknown
    size: int = 0  # bytes written into the mounts
    files: int = 0
    error: str = ""


def restore(
    store: SeedStore, seed: Seed, mounts: Sequence[Mount], *, builder: str, platforms: Sequence[Platform]
) -> Restored:
    """Add to the mounts what they lack, on the nodes chosen by ``platforms``. An error of the engine does not raise: it
    becomes ``error``."""
    begun = time.monotonic()
    contexts, packed = {"seed": store.context(seed.digest)}, seed.compressed
    if seed.half:
        part = _half(store, seed)
        if isinstance(part, str):
            return Restored(seed=seed, seconds=time.monotonic() - begun, error=part)
        contexts["half"] = store.context(part.digest)
        packed = (packed + sum(part.layers)) if packed and sum(part.layers) else None
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
    """Timeout in seconds for a seed of so many bytes, ``packed`` or else unpacked."""
    return min(LEAST_SECONDS + (packed or size) / SLOWEST, MOST_SECONDS)


def _counted(report: Path) -> tuple[int, int]:
    """(files, bytes) written, as reported by the restoring program, one line per mount. The program is part of the
    seed, so its report is untrusted."""
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
    """The image of a seed's other part, or why there is none."""
    try:
        return store.look(seed.half, LOOK_SECONDS) or f"its other part, {store.named(seed.half)}, is gone"
    except RegistryRefused as error:
        return str(error)


def begin_pull(image: str, *, builder: str, platforms: Sequence[Platform]) -> None:
    """Pull the toolchain while a seed is restored. The build needs it next, and BuildKit joins the two pulls."""

    def pull() -> None:
        with scratch_folder() as folder:
            # BuildKit pulls only what a step needs, and a copy is faster than a container
            wanted = f"FROM --platform=$BUILDPLATFORM {image} AS go\nFROM scratch\nCOPY --from=go /etc /\n"
            (folder / "Dockerfile").write_text(wanted)
            target = {"platforms": [str(p) for p in platforms], "output": ["type=cacheonly"]}
            solve({"toolchain": target}, folder, builder=builder, seconds=PULL_SECONDS)

    threading.Thread(target=pull, daemon=True).start()
