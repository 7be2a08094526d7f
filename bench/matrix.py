"""A pipeline of several jobs, each on a runner that has nothing: gobake's shards beside a job for every bake target.

The figure of a pipeline is the sum of its jobs' seconds, since runners are paid by the minute. Jobs run one after the
other on one engine, which is emptied before each; they push by way of a builder outside of the engine.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from bench import ground
from bench.builds import WHOLE, Place
from bench.contestants import GOBAKE, Gobake, HandWritten
from bench.figures import Results, Sample, alternated
from bench.ground import Store
from bench.rival import PLATFORMS
from bench.workspaces import WHO
from harness.relay import Relay

JOBS = f"{WHOLE}, one job a target"
SHARDS, ONE_BUILDER = "four shards", "one builder"
_BUILDER = "gobake-bench"


def edited(place: Place, rounds: int) -> Results:
    """One line edited in one of the services: what is affected is built on bare runners, pushed and tagged."""
    ours, theirs = place.gobake(), place.hand()
    with ExitStack() as stack:
        stack.enter_context(builder())
        stores = {JOBS: stack.enter_context(ground.store()), "gobake": stack.enter_context(ground.store())}
        for each in (ours, theirs):
            commit(each, "the first")
        print(f"    filled: {pipeline(ours, stores['gobake'], '')}", flush=True)
        ground.empty_engine()
        theirs.fill(stores[JOBS])

        def gobake(number: int) -> Sample:
            ours.workspace.edit(number)
            commit(ours, f"edit {number}")
            return pipeline(ours, stores["gobake"], "HEAD~1")

        def hand(number: int) -> Sample:
            theirs.workspace.edit(number)
            return jobs(theirs, stores[JOBS])

        return {"one line edited": alternated(rounds, {"gobake": gobake, JOBS: hand})}


def cold(place: Place, rounds: int) -> Results:
    """Everything built on bare runners without caches: by four shards and a merge, or by one builder."""

    def measured(shards: int, _: int) -> Sample:
        contestant = place.gobake()
        commit(contestant, "the first")
        with ground.store() as store:
            return pipeline(contestant, store, "", shards=shards, caches=False)

    with builder():
        return {"cold": alternated(rounds, {SHARDS: partial(measured, 4), ONE_BUILDER: partial(measured, 1)})}


@contextmanager
def builder() -> Iterator[None]:
    """A builder of the driver `remote` with the engine's own BuildKit, and so with what `empty_engine` empties."""
    with tempfile.TemporaryDirectory(prefix="gobake-bench-builder-") as folder:
        relay = Relay(Path(folder) / "socket", {})
        relay.start()
        try:
            ground.asked("docker", "buildx", "create", "--name", _BUILDER, "--driver", "remote", f"unix://{relay.path}")
            yield
        finally:
            subprocess.run(("docker", "buildx", "rm", "--force", _BUILDER), capture_output=True, check=False)
            relay.stop()


def commit(contestant: Gobake | HandWritten, what: str) -> None:
    ground.run("git", *WHO, "commit", "--quiet", "--allow-empty", "-am", what, cwd=contestant.workspace.root)


# ---- gobake


def pipeline(contestant: Gobake, store: Store, since: str, *, shards: int = 0, caches: bool = True) -> Sample:
    """Run the jobs of a pipeline: the plan, a job for each shard, the merge; return what they took together.

    ``since``: the commit that affected services are compared with; "" for all. ``shards``: 0 for one a platform.
    """
    root, written = contestant.workspace.root, store.written()
    spent: list[Sample] = []
    with tempfile.TemporaryDirectory(prefix="gobake-bench-jobs-") as name:
        folder = Path(name)
        plan = folder / "shards.json"
        if shards == 1:  # nothing to split
            return summed(spent=[_build(contestant, store, folder, (), caches=caches)], written=written, store=store)
        words = ("--shards", str(shards)) if shards else ("--by", "platform")
        words = (*words, *(("--affected", since) if since else ()))
        with ground.own_home() as home, ground.clock() as clock:
            told = _output(root, home, "ci", "matrix", "-p", ",".join(PLATFORMS), *words, "--format", "json")
        plan.write_text(told)
        spent.append(Sample(seconds=clock.seconds, cpu=clock.cpu))
        names = [entry["shard"] for entry in json.loads(told)["include"]]
        for shard in names:
            choice = ("--shard", shard, "--shards-file", str(plan))
            spent.append(_build(contestant, store, folder, choice, caches=caches))
        merge = (
            "ci",
            "merge",
            "--quiet",
            "--builder",
            _BUILDER,
            "--shards-file",
            str(plan),
            *_names(contestant, store),
        )
        with ground.own_home() as home, ground.clock() as clock:
            ground.run(GOBAKE, *merge, *map(str, sorted(folder.glob("*.gz"))), cwd=root, env=home)
        spent.append(Sample(seconds=clock.seconds, cpu=clock.cpu))
    return summed(spent=spent, written=written, store=store)


def _build(contestant: Gobake, store: Store, folder: Path, choice: Sequence[str], *, caches: bool) -> Sample:
    """Run the job of a shard on a runner that has nothing."""
    ground.empty_engine()
    kept = contestant.store(store, "ci-branch") if caches else ()
    with ground.own_home() as home:
        words = ("--builder", _BUILDER, "--push", *_names(contestant, store), *choice, *kept)
        done = contestant.build(*words, env=home)
        archive = str(folder / f"shard-{len(list(folder.iterdir()))}.jsonl.gz")
        ground.run(GOBAKE, "runs", "export", "last", "-o", archive, "-q", cwd=contestant.workspace.root, env=home)
    return done


def _names(contestant: Gobake, store: Store) -> tuple[str, ...]:
    return ("--registry", f"{store.address}/{contestant.workspace.root.name}", "--tag", "v1")


def _output(root: Path, env: Mapping[str, str], *words: str) -> str:
    done = subprocess.run(
        (GOBAKE, *words), cwd=root, env={**os.environ, **env}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"gobake {' '.join(words)} failed: {done.stderr[-2000:]}")
    return done.stdout


# ---- by hand


def jobs(contestant: HandWritten, store: Store) -> Sample:
    """Run a job for each target: import its layers, build it for both platforms, push it, export its layers."""
    spent, written = [], store.written()
    for service in contestant.workspace.services:
        ground.empty_engine()
        name = f"{store.address}/{contestant.workspace.root.name}/{service}:v1"
        words = (service, "--builder", _BUILDER, "--set", f"{service}.tags={name}", "--push")
        layers = f"{store.address}/layers"
        spent.append(contestant.build(*words, imports=layers, exports=layers))
    return summed(spent=spent, written=written, store=store)


def summed(*, spent: Sequence[Sample], written: int, store: Store) -> Sample:
    """Return the sum of the jobs."""
    return Sample(
        seconds=sum(job.seconds for job in spent),
        cpu=sum(job.cpu or 0.0 for job in spent),
        executed=sum(job.executed or 0 for job in spent),
        compiled=sum(job.compiled or 0 for job in spent),
        written=store.written() - written,
    )
