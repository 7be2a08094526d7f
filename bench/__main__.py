"""Measures the figures of README and docs: gobake and its rivals in one run, as medians and ratios.

`make bench ARGS="edited cold"` measures cases on a private engine and shows their ratios beside the kept ones; `--keep`
writes them to bench/figures, from where `python -m docs.update` prints the tables. Shared machines are noisy: a ratio
of alternating measurements says more than seconds.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import builds, caching, choosing, figures, ground, history, matrix
from bench.builds import Place
from bench.figures import Figures, Results

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed gobake has byte code


@dataclass(frozen=True, kw_only=True)
class Case:
    """One case. ``empties``: whether it deletes what its engine has."""

    measure: Callable[[Place, int], Results]
    workspace: str
    what: str
    rounds: int = 3
    empties: bool = False


CASES = {
    "edited": Case(measure=builds.edited, workspace="shop", what="one line edited in one of four services", rounds=5),
    "edited-twenty": Case(measure=builds.edited, workspace="twenty", what="one line edited in one of twenty services"),
    "unchanged": Case(measure=builds.unchanged, workspace="shop", what="four services, nothing changed", rounds=9),
    "cold": Case(measure=builds.cold, workspace="shop", what="four services, empty caches"),
    "cold-twenty": Case(measure=builds.cold, workspace="twenty", what="twenty services, empty caches"),
    "startup": Case(measure=builds.startup, workspace="shop", what="commands without an engine", rounds=9),
    "packed": Case(measure=builds.packed, workspace="shop", what="the start of a program, packed or not", rounds=25),
    "history": Case(measure=history.measure, workspace="shop", what="commands over 10,000 runs", rounds=7),
    "compare": Case(
        measure=choosing.compare, workspace="shop", what="the strategies of one service compared", rounds=5
    ),
    "size": Case(measure=choosing.size, workspace="large", what="a program of 50 MB taken apart", rounds=5),
    "image": Case(measure=choosing.image, workspace="shop", what="the bytes of one command's image"),
    "bare-twenty": Case(
        measure=caching.bare,
        workspace="twenty",
        what="twenty services, an empty builder, one line edited",
        empties=True,
    ),
    "bare-large": Case(
        measure=caching.bare,
        workspace="large",
        what="five large services, an empty builder, one line edited",
        empties=True,
    ),
    "matrix": Case(
        measure=matrix.edited,
        workspace="twenty",
        what="twenty services on bare runners, one line edited, pushed by a pipeline",
        rounds=1,
        empties=True,
    ),
    "shards": Case(
        measure=matrix.cold,
        workspace="twenty",
        what="twenty services cold, by four shards or one builder",
        rounds=2,
        empties=True,
    ),
    "save": Case(
        measure=caching.save,
        workspace="twenty",
        what="saving the Go caches of twenty services",
        empties=True,
    ),
    "warm": Case(measure=caching.warm, workspace="twenty", what="twenty services on a warm builder", rounds=5),
    "export": Case(measure=caching.export, workspace="twenty", what="exporting the layers of twenty services"),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; all by default")
    parser.add_argument("--rounds", type=int, help="instead of the case's own number")
    parser.add_argument("--keep", action="store_true", help="write the figures to bench/figures")
    given = parser.parse_args()
    if unknown := [name for name in given.cases if name not in CASES]:
        parser.error(f"no case {unknown[0]!r}; there are {', '.join(CASES)}")
    names = given.cases or list(CASES)
    if any(CASES[name].empties for name in names):
        ground.require_private_engine()
    ground.download_for_real()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that registries are stopped
    for name in names:
        case, rounds, began = CASES[name], given.rounds or CASES[name].rounds, time.monotonic()
        machine = ground.machine()
        print(f"== {name}: {case.what}, {rounds} rounds\n   {machine}", flush=True)
        with tempfile.TemporaryDirectory(prefix="gobake-bench-", ignore_cleanup_errors=True) as folder:
            results = case.measure(Place(folder=Path(folder), workspace=case.workspace), rounds)
        found = Figures(
            case=name,
            what=case.what,
            command=f'make bench ARGS="{name}"',
            date=time.strftime("%Y-%m-%d", time.gmtime()),
            machine=machine,
            rounds=rounds,
            results=results,
        )
        kept = figures.read(name) if (figures.FOLDER / f"{name}.json").exists() else None
        print("\n".join(figures.table(found, kept)), f"\n   took {time.monotonic() - began:.0f} s", flush=True)
        if given.keep:
            figures.write(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
