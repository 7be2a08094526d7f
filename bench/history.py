"""Commands on a long history: ten thousand runs made from real ones, each command as a whole process."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bench.builds import Place
from bench.figures import Results, Sample, alternated
from gobake.insight.scorecard import scorecard, summary_of
from gobake.runs.record import from_json, new_id, to_json
from gobake.runs.store import RunStore

RECORDED = Path(__file__).resolve().parent.parent / "tests" / "unit" / "recorded" / "runs"
REAL = ("cold", "warm", "edit", "exported", "bare")  # in the order of recording
BRANCHES = ("main", "main", "main", "feature/a", "feature/b")
SECONDS_BETWEEN = 1800.0


COMMANDS: tuple[tuple[str, ...], ...] = (
    ("--help",),  # the least of every command
    ("runs", "ls"),
    ("runs", "ls", "--branch", "feature/a", "--since", "30d"),
    ("runs", "ls", "--all"),
    ("report",),
    ("report", "--last", "50"),
    ("report", "--format", "html", "--last", "200"),
    ("metrics",),
)
RUNS = 10_000


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
    (root / "gobake.yaml").write_text("name: shop\n")
    (root / "main.go").write_text("package main\n\nfunc main() {}\n")
    past = time.time() - 3600
    for file in root.iterdir():
        os.utime(file, (past, past))
    return root


def measure(place: Place, rounds: int) -> Results:
    """Measure each command as a whole process, on a history in a new folder."""
    folder = place.folder
    root = project(folder)
    env = {
        **os.environ,
        "GOBAKE_HISTORY": str(folder / "history"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_DATA_HOME": str(folder / "data"),
    }
    # in a separate process: the memory of a child starts with that of its parent
    filling = multiprocessing.get_context("spawn").Process(target=fill, args=(folder / "history" / "shop", RUNS))
    filling.start()
    filling.join()
    time.sleep(2.5)  # Go's answers are remembered only for files that have settled
    listed = subprocess.check_output([sys.executable, "-m", "gobake", "runs", "ls", "--all"], cwd=root, env=env)
    if (lines := listed.count(b"\n")) < RUNS:
        raise SystemExit(f"the history has {lines} lines, not {RUNS} runs")
    runs = {" ".join(words): lambda _, words=words: once(words, root, env) for words in COMMANDS}
    return {f"{RUNS} runs": alternated(rounds, runs)}


def once(command: Sequence[str], root: Path, env: dict[str, str]) -> Sample:
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "gobake", *command], cwd=root, env=env, stdout=subprocess.DEVNULL
    ) as it:
        _, status, usage = os.wait4(it.pid, 0)
        it.returncode = os.waitstatus_to_exitcode(status)
    if it.returncode:
        raise SystemExit(f"gobake {' '.join(command)} failed with exit code {it.returncode}")
    seconds, cpu = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
    return Sample(seconds=seconds, cpu=cpu, memory=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
