"""The contestants: gobake, the hand-written bake, ko, and plain `go build` in one container. Each measures its cost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import zstandard
from msgspec.structs import replace

from bench import ground
from bench.figures import Sample
from bench.ground import Spent, Store
from bench.rival import GO_IMAGE, PLATFORMS, Rival
from bench.workspaces import Workspace
from harness.places import cache_folder

GOBAKE = str(Path(sys.executable).parent / "gobake")
KO = "v0.19.1"


@dataclass(frozen=True, kw_only=True)
class Gobake:
    """gobake as a user runs it, in a workspace without configuration."""

    workspace: Workspace

    def store(self, store: Store, policy: str) -> tuple[str, ...]:
        return ("--cache-store", self._kept(store), "--cache-policy", policy)

    def build(self, *words: str, env: Mapping[str, str] | None = None) -> Sample:
        command = (GOBAKE, "build", "--quiet", "--platform", ",".join(PLATFORMS), *words)
        with ground.clock() as spent:
            ground.run(*command, cwd=self.workspace.root, env=env)
        return self._counted(spent, env)

    def save(self, store: Store, env: Mapping[str, str] | None = None) -> Sample:
        before = store.written()
        with ground.clock() as spent:
            ground.run(GOBAKE, "cache", "save", "--quiet", "--to", self._kept(store), cwd=self.workspace.root, env=env)
        return Sample(seconds=spent.seconds, cpu=spent.cpu, written=store.written() - before)

    def fill(self, store: Store) -> None:
        """What runs of the main branch leave in the store."""
        self.on_a_runner(store)

    def on_a_runner(self, store: Store) -> Sample:
        """Run like a branch in CI: import, build, export the layers, and save the Go caches unless the policy did."""
        before = store.written()
        with ground.own_home() as home:
            built = self.build(*self.store(store, "ci-branch"), env=home)
            self.save(store, home)  # writes nothing if the build has saved already
        return replace(built, written=store.written() - before)

    def _kept(self, store: Store) -> str:
        return f"{store.address}/cache/{self.workspace.root.name}"

    def _counted(self, spent: Spent, env: Mapping[str, str] | None) -> Sample:
        """Return the measurement with the counts of the run's record."""
        done = subprocess.run(
            (GOBAKE, "runs", "show", "last", "--format", "json"),
            cwd=self.workspace.root,
            env={**os.environ, **(env or {})},
            capture_output=True,
            check=True,
        )
        record = json.loads(done.stdout)
        return Sample(
            seconds=spent.seconds,
            cpu=spent.cpu,
            executed=sum(step["outcome"] == "executed" for step in record["steps"]),
            compiled=sum(len(go["compiled"]) for go in record["go"]),
        )


@dataclass(frozen=True, kw_only=True)
class HandWritten:
    """Plain bake of the rival's files. ``carried``: its cache mounts are carried from runner to runner as a file."""

    files: Rival
    carried: bool = False

    @property
    def workspace(self) -> Workspace:
        return self.files.workspace

    def build(self, *words: str, imports: str = "", exports: str = "") -> Sample:
        self.files.write(imports=imports, exports=exports)
        with ground.clock() as spent:
            events = ground.run(*self.files.command(), *words, cwd=self.workspace.root)
        counts = ground.counts(events)
        return Sample(seconds=spent.seconds, cpu=spent.cpu, executed=counts.executed, compiled=counts.compiled)

    def fill(self, store: Store) -> None:
        self.build(exports=f"{store.address}/layers")
        if self.carried:
            self.save(store)

    def on_a_runner(self, store: Store) -> Sample:
        """Run like a branch in CI: import and export the layers.

        Carried mounts are restored but not saved: their key is that of go.sum, as is usual.
        """
        before = store.written()
        with ground.clock() as spent:
            if self.carried:
                self._restore(store)
            built = self.build(imports=f"{store.address}/layers", exports=f"{store.address}/layers")
        return replace(built, seconds=spent.seconds, cpu=spent.cpu, written=store.written() - before)

    def save(self, store: Store) -> Sample:
        """Carry the cache mounts to the store, as an action around a cache step does."""
        folder = self._mounts_folder()
        with ground.clock() as spent:
            words = (
                "--target",
                "saved",
                "--build-arg",
                f"NUMBER={os.urandom(4).hex()}",
                "--output",
                f"type=local,dest={folder}",
            )
            ground.run("docker", "buildx", "build", *words, str(folder), cwd=folder)
            written = pack(folder / "mounts.tar", f"{store.files}/mounts.tar.zst")
        return Sample(seconds=spent.seconds, cpu=spent.cpu, written=written)

    def _restore(self, store: Store) -> None:
        folder = self._mounts_folder()
        unpack(f"{store.files}/mounts.tar.zst", folder / "mounts.tar")
        ground.run("docker", "buildx", "build", "--target", "restored", "--output", "type=cacheonly", ".", cwd=folder)

    def _mounts_folder(self) -> Path:
        folder = self.workspace.root.with_name(f"{self.workspace.root.name}-mounts")
        folder.mkdir(exist_ok=True)
        (folder / "Dockerfile").write_text(self.files.mounts())
        return folder


@dataclass(frozen=True, kw_only=True)
class Ko:
    """ko with the linker flags of the others. Its images go to an OCI layout, as gobake's go to the engine."""

    workspace: Workspace
    home: Path  # Go's caches, ko's cache, and the layout

    def build(self, *, empty: bool = False) -> Sample:
        """``empty``: with empty caches."""
        if empty:
            ground.delete(self.home)
        self._write_configuration()
        words = ("--push=false", "--sbom=none", "--base-import-paths", f"--platform={','.join(PLATFORMS)}")
        layout = f"--oci-layout-path={self.home / 'layout'}"
        with ground.clock() as spent:
            ground.run(
                str(ko()), "build", *words, layout, *self.workspace.services.values(),
                cwd=self.workspace.root, env=self._environment(),
            )  # fmt: skip
        return Sample(seconds=spent.seconds, cpu=spent.cpu)

    def one(self, package: str, platform: str, layout: Path) -> Sample:
        """Build one command for one platform into a layout of its own."""
        self._write_configuration()
        words = ("--push=false", "--sbom=none", f"--platform={platform}", f"--oci-layout-path={layout}")
        with ground.clock() as spent:
            ground.run(str(ko()), "build", *words, package, cwd=self.workspace.root, env=self._environment())
        return Sample(seconds=spent.seconds, cpu=spent.cpu)

    def fill(self, store: Store) -> None:
        self.build(empty=True)
        ground.run("tar", "-cf", "kept.tar", "gomod", "gobuild", cwd=self.home)
        pack(self.home / "kept.tar", f"{store.files}/kept.tar.zst")

    def on_a_runner(self, store: Store) -> Sample:
        """Restore Go's caches, as setup-go does under the key of go.sum, and build."""
        ground.delete(self.home)
        self.home.mkdir()
        with ground.clock() as spent:
            unpack(f"{store.files}/kept.tar.zst", self.home / "kept.tar")
            ground.run("tar", "-xf", "kept.tar", cwd=self.home)
            self.build()
        return Sample(seconds=spent.seconds, cpu=spent.cpu)

    def _write_configuration(self) -> None:
        self.home.mkdir(exist_ok=True)
        flags = {"defaultFlags": ["-trimpath", "-buildvcs=false"], "defaultLdflags": ["-s", "-w"]}
        (self.home / ".ko.yaml").write_text(json.dumps(flags))  # JSON is YAML

    def _environment(self) -> dict[str, str]:
        own = {"GOMODCACHE": "gomod", "GOCACHE": "gobuild", "KOCACHE": "ko", "KO_CONFIG_PATH": ".ko.yaml"}
        return {
            **{name: str(self.home / path) for name, path in own.items()},
            "KO_DOCKER_REPO": "localhost/ko",
            "KO_DEFAULTBASEIMAGE": f"{os.environ['GOBAKE_TEST_REGISTRY']}/distroless/static-debian12:nonroot",
            "CGO_ENABLED": "0",
            "GOFLAGS": "-modcacherw",
        }


Contestant = Gobake | HandWritten | Ko


def ko() -> Path:
    """Return ko's program, which is compiled once per machine."""
    folder = cache_folder() / f"ko-{KO}"
    program = folder / "ko"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        ground.run(
            "go", "install", f"github.com/google/ko@{KO}", cwd=folder, env={"GOBIN": str(folder), "GOFLAGS": "-mod=mod"}
        )
    return program


def go_in_container(workspace: Workspace) -> Sample:
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
    return Sample(seconds=spent.seconds, cpu=spent.cpu + inside, compiled=ground.compiled(log))


# ---- caches carried as files


def pack(file: Path, url: str) -> int:
    """Compress a file with zstd on all processors and PUT it; return its bytes."""
    packed = file.with_suffix(".zst")
    with file.open("rb") as source, packed.open("wb") as sink:
        zstandard.ZstdCompressor(threads=-1).copy_stream(source, sink)
    with packed.open("rb") as body:
        size = packed.stat().st_size
        request = urllib.request.Request(url, data=body, method="PUT", headers={"Content-Length": str(size)})
        urllib.request.urlopen(request).close()
    return size


def unpack(url: str, file: Path) -> None:
    """GET a file and decompress it on the way."""
    with urllib.request.urlopen(url) as source, file.open("wb") as sink:
        zstandard.ZstdDecompressor().copy_stream(source, sink)
