"""Measures commands on a long history: ten thousand runs made from real ones, each command as a whole process.

`python -m bench history` (`make bench-history`) fills a history in a temporary folder and checks the medians of
`gobake runs ls`, `gobake report` and others against their limits. `--runs N` and `--rounds N` set the size, `--json
FILE` writes the figures. It needs no engine.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from gobake.insight.scorecard import scorecard, summary_of
from gobake.runs.record import from_json, new_id, to_json
from gobake.runs.store import RunStore

RECORDED = Path(__file__).resolve().parent.parent / "tests" / "unit" / "recorded" / "runs"
REAL = ("cold", "warm", "edit", "exported", "bare")  # in the order of recording
BRANCHES = ("main", "main", "main", "feature/a", "feature/b")
SECONDS_BETWEEN = 1800.0


@dataclass(frozen=True, kw_only=True)
class Limit:
    """The limits of one command."""

    seconds: float | None = None  # None: only shown
    megabytes: float = 200.0


COMMANDS: dict[tuple[str, ...], Limit] = {
    ("--help",): Limit(),  # the minimum of every command
    ("runs", "ls"): Limit(seconds=0.3),
    ("runs", "ls", "--branch", "feature/a", "--since", "30d"): Limit(),
    ("runs", "ls", "--all"): Limit(),
    ("report",): Limit(seconds=0.5),
    ("report", "--last", "50"): Limit(),
    ("report", "--format", "html", "--last", "200"): Limit(seconds=3.0),
    ("metrics",): Limit(),
}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """Medians of one command."""

    command: str
    seconds: float
    cpu: float  # CPU seconds, which depend less on other users of the machine
    megabytes: float  # peak memory of the process
    limit: Limit

    @property
    def kept(self) -> bool:
        return self.megabytes <= self.limit.megabytes and (
            self.limit.seconds is None or self.seconds <= self.limit.seconds
        )


def fill(folder: Path, count: int) -> None:
    """Fill a history with real runs under other ids, times and branches, and with their summaries, as builds do."""
    real = [from_json(json.loads(gzip.decompress((RECORDED / f"{name}.json.gz").read_bytes()))) for name in REAL]
    digests = [summary_of(scorecard(record, real[:at][::-1])) for at, record in enumerate(real)]
    texts = [to_json(record) for record in real]
    chance = random.Random(1)
    begun = time.time() - count * SECONDS_BETWEEN
    made = []
    with RunStore(folder) as store:
        for at in range(count):
            started, seconds = begun + at * SECONDS_BETWEEN, real[at % len(real)].seconds * chance.uniform(0.9, 1.1)
            fields: dict[str, Any] = {
                "id": new_id(started),
                "started": started,
                "seconds": seconds,
                "branch": _branch(at),
            }
            store._cache.set(fields["id"], {**texts[at % len(real)], **fields})
            made.append(replace(digests[at % len(real)], **fields))
            if at % 1000 == 999:
                print(f"  {at + 1} runs", file=sys.stderr, flush=True)
        store.keep_summaries(made)


def _branch(at: int) -> str:
    return BRANCHES[at % len(BRANCHES)]


def project(folder: Path) -> Path:
    """Return a project without gobake.yaml; Go's answers about it get remembered, so only the history is measured."""
    root = folder / "shop"
    root.mkdir()
    (root / "go.mod").write_text("module example.com/shop\n\ngo 1.26\n")
    (root / "main.go").write_text("package main\n\nfunc main() {}\n")
    past = time.time() - 3600
    for file in root.iterdir():
        os.utime(file, (past, past))
    return root


def measure(command: Sequence[str], limit: Limit, root: Path, env: dict[str, str], rounds: int) -> Figure:
    samples = [_once(command, root, env) for _ in range(rounds)]
    seconds, cpu, megabytes = (statistics.median(column) for column in zip(*samples, strict=True))
    return Figure(command=" ".join(command), seconds=seconds, cpu=cpu, megabytes=megabytes, limit=limit)


def _once(command: Sequence[str], root: Path, env: dict[str, str]) -> tuple[float, float, float]:
    """Return seconds, CPU seconds, and megabytes."""
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "gobake", *command], cwd=root, env=env, stdout=subprocess.DEVNULL
    ) as it:
        _, status, usage = os.wait4(it.pid, 0)
        it.returncode = os.waitstatus_to_exitcode(status)
    if it.returncode:
        raise SystemExit(f"gobake {' '.join(command)} failed with exit code {it.returncode}")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, _megabytes(usage)


def _megabytes(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench history", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="gobake-bench-") as place:
        folder = Path(place)
        root = project(folder)
        env = {
            **os.environ,
            "GOBAKE_HISTORY": str(folder / "history"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_DATA_HOME": str(folder / "data"),
        }
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed gobake has byte code
        # in a separate process: the memory of a child starts with that of its parent
        filling = multiprocessing.get_context("spawn").Process(
            target=fill, args=(folder / "history" / "shop", options.runs)
        )
        filling.start()
        filling.join()
        time.sleep(2.5)  # Go's answers are remembered only for files that have settled
        _once(("runs", "ls"), root, env)
        figures = [measure(command, limit, root, env, options.rounds) for command, limit in COMMANDS.items()]
    print(f"{options.runs} runs, medians of {options.rounds}")
    for figure in figures:
        most = f"at most {figure.limit.seconds:.1f} s" if figure.limit.seconds else ""
        missed = "" if figure.kept else "  <-- missed"
        used = f"{figure.cpu:6.2f} s of CPU  {figure.megabytes:5.0f} MB"
        print(f"  {figure.command:<52} {figure.seconds:6.2f} s  {used}  {most}{missed}")
    if options.json:
        rows = [asdict(f) | {"kept": f.kept} for f in figures]
        options.json.write_text(json.dumps({"schema": 1, "runs": options.runs, "figures": rows}, indent=2))
    return 0 if all(f.kept for f in figures) else 1
