"""The contestants: gobake, the hand-written bake, and plain `go build` in one container. Each measures its cost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import ground
from bench.ground import Measured, Registry, Spent
from bench.rival import GO_IMAGE, PLATFORMS, Rival
from bench.workspaces import Workspace

GOBAKE = str(Path(sys.executable).parent / "gobake")


@dataclass(frozen=True, kw_only=True)
class Gobake:
    """gobake as a user runs it, in a workspace without configuration."""

    workspace: Workspace

    def store(self, registry: Registry, policy: str) -> tuple[str, ...]:
        return ("--cache-store", f"{registry.address}/cache/{self.workspace.root.name}", "--cache-policy", policy)

    def build(self, *words: str, cache: tuple[str, ...], env: Mapping[str, str] | None = None) -> Measured:
        command = (GOBAKE, "build", "--quiet", "--platform", ",".join(PLATFORMS), *cache, *words)
        with ground.clock() as spent:
            ground.run(*command, cwd=self.workspace.root, env=env)
        return self._counted(spent, env)

    def save(self, registry: Registry, env: Mapping[str, str] | None = None) -> Measured:
        reference = f"{registry.address}/cache/{self.workspace.root.name}"
        with ground.clock() as spent:
            ground.run(GOBAKE, "cache", "save", "--quiet", "--to", reference, cwd=self.workspace.root, env=env)
        return Measured(seconds=spent.seconds, cpu=spent.cpu)

    def on_a_runner(self, registry: Registry, home: Mapping[str, str]) -> Measured:
        """Run like a branch in CI: import, build, export the layers, and save the Go caches unless the policy did."""
        built = self.build(cache=self.store(registry, "ci-branch"), env=home)
        self.save(registry, home)  # writes nothing if the build has saved already
        return built

    def plain_build(self) -> Measured:
        return self.build(cache=())

    def export_build(self, registry: Registry) -> Measured:
        return self.build(cache=self.store(registry, "ci-branch"))

    def _counted(self, spent: Spent, env: Mapping[str, str] | None) -> Measured:
        """Return the measurement with the counts of the run's record."""
        done = subprocess.run(
            (GOBAKE, "runs", "show", "last", "--format", "json"),
            cwd=self.workspace.root,
            env={**os.environ, **(env or {})},
            capture_output=True,
            check=True,
        )
        record = json.loads(done.stdout)
        return Measured(
            seconds=spent.seconds,
            cpu=spent.cpu,
            executed=sum(step["outcome"] == "executed" for step in record["steps"]),
            compiled=sum(len(go["compiled"]) for go in record["go"]),
        )


@dataclass(frozen=True, kw_only=True)
class HandWritten:
    """Plain bake of the rival's files."""

    files: Rival

    @property
    def workspace(self) -> Workspace:
        return self.files.workspace

    def build(self, *words: str, imports: str = "", exports: str = "") -> Measured:
        self.files.write(imports=imports, exports=exports)
        with ground.clock() as spent:
            events = ground.run(*self.files.command(), *words, cwd=self.workspace.root)
        counts = ground.counts(events)
        return Measured(
            seconds=spent.seconds,
            cpu=spent.cpu,
            executed=counts.executed,
            compiled=counts.compiled,
            exporting=counts.exporting if exports else None,
        )

    def on_a_runner(self, registry: Registry, home: Mapping[str, str]) -> Measured:
        """Run like a branch in CI: import and export the layers. ``home`` does not matter: BuildKit does everything."""
        reference = f"{registry.address}/layers"
        return self.build(imports=reference, exports=reference)

    def plain_build(self) -> Measured:
        return self.build()

    def export_build(self, registry: Registry) -> Measured:
        return self.build(exports=f"{registry.address}/layers")


def go_in_container(workspace: Workspace) -> Measured:
    """Measure consecutive `go build`s, one per platform, in one container of the Go image with empty caches."""
    packages = " ".join(workspace.services.values())
    script = "set -e; cd /src; for a in amd64 arm64; do GOARCH=$a go build -v -trimpath -buildvcs=false "
    script += f"-ldflags='-s -w' -o /tmp/$a/ {packages}; done; echo; times"  # CPU time of the shell and its children
    proxy = ground.asked("go", "env", "GOPROXY")
    ground.run("docker", "pull", "--quiet", GO_IMAGE, cwd=workspace.root)
    settings = ("--env", "CGO_ENABLED=0", "--env", f"GOPROXY={proxy}", "--volume", f"{workspace.root}:/src:ro")
    with ground.clock() as spent:
        output = ground.run(
            "docker", "run", "--rm", *settings, GO_IMAGE, "sh", "-c", f"({script}) >&2", cwd=workspace.root
        )
    log, _, times = output.rpartition(b"\n\n")
    inside = sum(60 * float(m) + float(s) for m, s in re.findall(rb"(\d+)m([\d.]+)s", times))
    return Measured(seconds=spent.seconds, cpu=spent.cpu + inside, compiled=ground.compiled(log))
