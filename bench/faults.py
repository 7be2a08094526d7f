"""Shards of a matrix push to a registry that fails again and again, and one of them is killed.

However often a part has to run again: no tag ever lacks a platform, and in the end nothing is lost. In the environment
of the harness: `python -m bench.faults --services 20 --faults 100`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.faulty import Fault, FaultyRegistry
from harness.relay import Relay

PLATFORMS = ("linux/amd64", "linux/arm64")
SHARDS = 4
_TRIES = 8  # of a shard, and of the merge
_BUILDER = "gobake-faults"
_WHERE = (
    ("POST", "/uploads/", ("429", "500", "503", "reset")),
    ("PUT", "/uploads/", ("500", "503", "reset")),
    ("HEAD", "/blobs/", ("500", "503", "reset")),
    ("PUT", "/manifests/", ("429", "500", "503", "reset", "404")),
    ("GET", "/manifests/", ("429", "503", "reset")),
)
_INDEX = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"


def faults(count: int, requests: int, seed: int = 1) -> list[Fault]:
    """Return faults of all kinds, each somewhere in the first ``requests`` of its kind."""
    chance, found = random.Random(seed), []
    for number in range(count):
        method, path, kinds = _WHERE[number % len(_WHERE)]
        kind = kinds[number // len(_WHERE) % len(kinds)]
        wait = "1" if kind == "429" else ""
        found.append(
            Fault(kind=kind, method=method, path=path, retry_after=wait, skip=chance.randrange(requests), times=1)
        )
    return found


def project(folder: Path, services: int) -> Path:
    """Write a workspace of tiny services, and commit it."""
    files = {
        "go.mod": "module example.com/tiny\n\ngo 1.26\n",
        "gobake.yaml": f"name: faults{os.getpid()}\nprovenance: min\n",
        "lib/lib.go": 'package lib\n\nvar Name = "tiny"\n',
    }
    for number in range(services):
        name = f"s{number:02}"
        files[f"cmd/{name}/main.go"] = (
            f'package main\n\nimport "example.com/tiny/lib"\n\nfunc main() {{ println(lib.Name, "{name}") }}\n'
        )
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    for words in (("init", "-q", "-b", "main"), ("add", "."), (*who, "commit", "-qm", "one")):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


class Pipeline:
    """The jobs of a pipeline, whose registry fails."""

    def __init__(
        self, root: Path, folder: Path, registry: str, faulty: FaultyRegistry, env: Mapping[str, str] | None
    ) -> None:
        self.root, self.folder, self.faulty, self.env = root, folder, faulty, env
        self.path = f"faults/{root.name.lower().replace('_', '-')}"
        self.real = f"http://{registry}/v2/{self.path}"
        self.services = sorted(one.name for one in (root / "cmd").iterdir())
        self.runs: Counter[str] = Counter()
        self.retries = 0
        words = ("--platform", ",".join(PLATFORMS), "--shards", str(SHARDS), "--format", "json")
        self.plan = folder / "shards.json"
        self.plan.write_text(self._gobake("ci", "matrix", *words).stdout)

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "gobake", *words]

    def _gobake(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*words), cwd=self.root, env=self.env, capture_output=True, text=True, check=False
        )

    def _where(self) -> tuple[str, ...]:
        place = f"{self.faulty.place}/{self.path}"
        return ("--tag", "v1", "--registry", place, "--builder", _BUILDER, "--shards-file", str(self.plan))

    def shard(self, number: int, *, killed: bool = False) -> Path:
        """Run a shard, and again until it is done; return the archive with its run."""
        history, archive = self.folder / f"history{number}", self.folder / f"shard{number}.jsonl.gz"
        words = ("build", "--shard", f"{number}/{SHARDS}", "--push", *self._where(), "--history", str(history))
        if killed:
            self._kill(words)
        for _ in range(_TRIES):
            self.runs["shard"] += 1
            done = self._gobake(*words)
            self.no_tag_lacks_a_platform()
            if done.returncode == 0:
                self._gobake("runs", "export", "last", "-o", str(archive), "--history", str(history))
                told = self._gobake("runs", "show", "last", "--format", "json", "--history", str(history)).stdout
                self.retries += len(json.loads(told)["retries"])
                return archive
            assert done.returncode == 6, done.stderr
        raise AssertionError(f"shard {number} was never done:\n{done.stderr}")

    def _kill(self, words: tuple[str, ...]) -> None:
        """Kill a shard while it pushes."""
        process = subprocess.Popen(
            self._command(*words, "--progress", "plain"),
            cwd=self.root,
            env=self.env,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        assert process.stderr is not None
        any("go build" in line and "begins" not in line for line in process.stderr)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stderr.close()
        self.runs["killed"] += 1

    def merge(self, *archives: Path) -> subprocess.CompletedProcess[str]:
        done = self._gobake("ci", "merge", *self._where(), *map(str, archives))
        self.runs["merge"] += 1
        self.no_tag_lacks_a_platform()
        return done

    def no_tag_lacks_a_platform(self) -> int:
        """Look in the registry itself; return the number of tags."""
        return sum(self._tags_of(service) for service in self.services)

    def _tags_of(self, service: str) -> int:
        tags = self._read(f"{service}/tags/list")
        found = (json.loads(tags)["tags"] or []) if tags else []
        for tag in found:
            parts = self._manifest(service, tag)["manifests"]
            images = [part for part in parts if part["platform"]["os"] != "unknown"]
            there = sorted(f"{part['platform']['os']}/{part['platform']['architecture']}" for part in images)
            assert there == sorted(PLATFORMS), f"{service}:{tag} has {there}"
            for part in parts:
                manifest = self._manifest(service, part["digest"])
                for blob in (manifest["config"], *manifest["layers"]):
                    assert self._read(f"{service}/blobs/{blob['digest']}") is not None, f"{service}: a blob is lost"
        return len(found)

    def _manifest(self, service: str, name: str) -> dict[str, Any]:
        body = self._read(f"{service}/manifests/{name}")
        assert body is not None, f"{service}: {name} is lost"
        found: dict[str, Any] = json.loads(body)
        return found

    def _read(self, path: str) -> bytes | None:
        try:
            asked = urllib.request.Request(f"{self.real}/{path}", headers={"Accept": _INDEX})
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise


@contextmanager
def pipeline(
    services: int, count: int, folder: Path, registry: str, env: Mapping[str, str] | None = None
) -> Iterator[Pipeline]:
    """A pipeline that has a builder of its own, and meets so many faults."""
    root, jobs, relay = folder / f"faults{os.getpid()}", folder / "jobs", Relay(folder / "b.sock", {})
    for one in (root, jobs):
        one.mkdir()
    relay.start()
    create = ("create", "--name", _BUILDER, "--driver", "remote", f"unix://{relay.path}")
    try:
        subprocess.run(["docker", "buildx", *create], check=True, capture_output=True)
        with FaultyRegistry(int(registry.rpartition(":")[2])).running() as faulty:
            made = Pipeline(project(root, services), jobs, registry, faulty, env)
            faulty.inject(*faults(count, services * len(PLATFORMS)))
            yield made
    finally:
        subprocess.run(["docker", "buildx", "rm", "--force", _BUILDER], capture_output=True, check=False)
        relay.stop()


def outlive(made: Pipeline) -> str:
    """Run all shards and merge them; return a line of figures."""
    began = time.monotonic()
    first = [made.shard(1), made.shard(2, killed=True), made.shard(3)]
    refused = made.merge(*first)
    assert refused.returncode == 2, refused.stderr
    assert made.no_tag_lacks_a_platform() == 0
    archives = [*first, made.shard(4)]
    for _ in range(_TRIES):
        done = made.merge(*archives)
        if done.returncode == 0:
            break
        assert done.returncode == 6, done.stderr
    assert done.returncode == 0, done.stderr
    assert made.no_tag_lacks_a_platform() == len(made.services)
    met = Counter(made.faulty.met)
    return (
        f"{len(made.services)} services, {SHARDS} shards: {met.total()} faults ({met}), {made.faulty.left} not met; "
        f"{made.retries} builds repeated, runs {dict(made.runs)}, {time.monotonic() - began:.0f} s"
    )


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--services", type=int, default=20)
    given.add_argument("--faults", type=int, default=100)
    chosen = given.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = os.environ["GOBAKE_TEST_REGISTRY"]
        with pipeline(chosen.services, chosen.faults, Path(folder), place) as made:
            print(outlive(made))


if __name__ == "__main__":
    main()
