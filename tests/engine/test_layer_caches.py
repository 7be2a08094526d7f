"""Layer caches on a builder that has nothing: an engine of its own, emptied before every import.

Requests are counted in the registry's own log, steps and packages in the run's record.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import harness
from tests.conftest import Gobake, Tree, commit
from tests.engine.caches import SESSIONS_LAST
from tests.engine.test_builders import remote
from tests.engine.test_main_job import executed

MAIN = "package main\n\nfunc main() { println(text) }\n"
EMPTY = "package main\n\nfunc main() {}\n"
SHOP = {
    "go.mod": "module example.com/shop\n\ngo 1.26\n",
    "cmd/api/main.go": MAIN,
    "cmd/api/text.go": 'package main\n\nvar text = "api"\n',
    "cmd/worker/main.go": MAIN,
    "cmd/worker/text.go": 'package main\n\nvar text = "worker"\n',
    "README.md": "a shop\n",
}
ALL_STEPS = {**SHOP, "gobake.yaml": "cache: {layers: {mode: max}}\n"}
SEEDS = ("seed-", "half-", "index-")  # what their tags begin with
REFS = 1 if SESSIONS_LAST else 2  # of one service: its own, and one for the compile where layer caches hold it
BOTH = "linux/amd64,linux/arm64"
BRANCH = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_REPOSITORY": "acme/shop"}
WRITES = {"PUT", "POST", "PATCH", "DELETE"}


@dataclass(kw_only=True)
class Bare:
    """An engine that can be emptied, and what its registry was asked."""

    engine: harness.Engine
    _seen: int = field(default=0)

    @property
    def env(self) -> Mapping[str, str]:
        return self.engine.env

    def docker(self, *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(
            ["docker", *words],
            env={**os.environ, **self.env, **(env or {})},
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
        return done.stdout

    def empty(self) -> None:
        """Neither build cache nor images nor cache mounts."""
        self.docker("buildx", "prune", "-af")
        if images := self.docker("image", "ls", "-q").split():
            self.docker("image", "rm", "-f", *set(images))
        assert self.docker("buildx", "du").split()[-1] == "0B"

    def mark(self) -> None:
        self._seen = self.engine.access_log.stat().st_size

    def requests(self, repository: str) -> tuple[Counter[str], int]:
        """(requests by method, bytes that were sent) for a repository since the mark."""
        with self.engine.access_log.open(errors="replace") as log:
            log.seek(self._seen)
            lines = log.readlines()
        methods: Counter[str] = Counter()
        sent = 0
        for line in lines:
            found = re.search(rf'"([A-Z]+) /v2/{repository}/\S* HTTP/1.1" \d+ (\d+)', line)
            if found and line.startswith("127."):
                methods[found[1]] += 1
                sent += int(found[2]) if found[1] == "GET" else 0
        return methods, sent

    def uploads(self, repository: str) -> Counter[str]:
        """How often each blob was uploaded to a repository since the mark, by digest."""
        with self.engine.access_log.open(errors="replace") as log:
            log.seek(self._seen)
            found = re.findall(
                rf'"PUT /v2/{repository}/blobs/uploads/\S*digest=sha256%3A(\w+)\S* HTTP/1.1" 201', log.read()
            )
        return Counter(found)

    def tags(self, repository: str, kinds: tuple[str, ...] = ("layers-",)) -> list[str]:
        """Those that begin with one of some words: seeds and records lie beside layers."""
        with urllib.request.urlopen(f"http://{self.engine.registry}/v2/{repository}/tags/list") as said:
            found = json.load(said)["tags"]
        assert isinstance(found, list)
        return sorted(tag for tag in found if tag.startswith(kinds))

    def layers(self, repository: str, tag: str) -> set[str]:
        address = f"http://{self.engine.registry}/v2/{repository}/manifests/{tag}"
        accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
        with urllib.request.urlopen(urllib.request.Request(address, headers=accept)) as said:
            return {layer["digest"] for layer in json.load(said)["layers"]}


@pytest.fixture(scope="module")
def bare() -> Iterator[Bare]:
    suite = os.environ.get("GOBAKE_ENGINE_SUITE", "sid")
    yield Bare(engine=harness.up(suite, "layers", force_private=True, fresh=True))
    harness.down("layers", purge=True)


@pytest.fixture
def here(gobake: Gobake, bare: Bare) -> Gobake:
    """gobake on the engine that can be emptied."""
    return Gobake(env={**gobake.env, **bare.env})


def on(branch: str) -> dict[str, str]:
    """A branch on a runner that is thrown away, as the engine here is emptied."""
    return {**BRANCH, "GITHUB_REF": f"refs/heads/{branch}", "RUNNER_ENVIRONMENT": "github-hosted"}


def stored(record: dict[str, Any], direction: str) -> list[dict[str, Any]]:
    return [c for c in record["caches"] if c["direction"] == direction]


def ran(record: dict[str, Any]) -> list[str]:
    """Programs that were executed. A COPY may be made again: where targets share steps, BuildKit now and then asks the
    cache of one for a step of another."""
    return [name for name in executed(record) if "] RUN " in name]


def compiled(record: dict[str, Any]) -> list[str]:
    return [path for work in record["go"] for path, _ in work["compiled"]]


# ---- a registry

HAND_WRITTEN = """\
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY cmd cmd
ARG SERVICE
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \\
    CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/app ./cmd/$SERVICE
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/app /app
ENTRYPOINT ["/app"]
"""


def hand_written(root: Path, registry: str) -> None:
    """What a careful person writes: one target a service, each with a cache of its own."""
    (root / "Dockerfile.hand").write_text(HAND_WRITTEN)
    targets = {}
    for service in ("api", "worker"):
        ref = f"type=registry,ref={registry}/by-hand:{service}"
        targets[service] = {
            "dockerfile": "Dockerfile.hand",
            "tags": [f"by-hand-{service}"],
            "args": {"SERVICE": service},
            "attest": ["type=provenance,disabled=true"],
            "cache-from": [ref],
            "cache-to": [f"{ref},mode=max,compression=zstd,oci-mediatypes=true,ignore-error=true"],
        }
    bake = {"group": {"default": {"targets": list(targets)}}, "target": targets}
    (root / "by-hand.json").write_text(json.dumps(bake))


def test_a_bare_builder_executes_nothing_after_a_commit_that_touches_a_readme(
    here: Gobake, tree: Tree, bare: Bare
) -> None:
    root = tree(ALL_STEPS)
    commit(root)
    words = ("build", "--registry", f"{bare.engine.registry}/acme")
    first = here.good(*words, cwd=root, env=on("main"))
    assert "warning" not in first.err + first.out  # there was nothing to import, and that is no news
    cold = here.last_run(root)
    assert cold["cache_policy"] == "ci-branch"
    assert cold["cache_store"] == f"{bare.engine.registry}/acme/shop-cache"
    assert {c["target"] for c in stored(cold, "export")} == {"trace", "api-scratch", "worker-scratch"}
    assert all(c["seconds"] > 0 and c["layers"] and not c["error"] for c in stored(cold, "export"))
    assert not any(c["found"] or c["error"] for c in stored(cold, "import"))

    bare.empty()
    (root / "README.md").write_text("another text\n")
    commit(root, "README only")
    bare.mark()
    here.good(*words, cwd=root, env=on("main"))
    again = here.last_run(root)
    assert again["revision"] != cold["revision"]
    assert ran(again) == []
    assert compiled(again) == []
    assert {c["target"] for c in stored(again, "import") if c["found"]} == {c["target"] for c in stored(cold, "export")}
    # what the services have is in the store already, and is not written again
    assert [c["target"] for c in stored(again, "export")] == ["trace"]
    methods, sent = bare.requests("acme/shop-cache")

    hand_written(root, bare.engine.registry)
    bake = ("buildx", "bake", "-f", "by-hand.json")
    bare.docker(*bake, cwd=root)
    bare.empty()
    bare.mark()
    bare.docker(*bake, cwd=root)
    by_hand, by_hand_sent = bare.requests("by-hand")
    print(f"gobake: {dict(methods)}, {sent} bytes; by hand: {dict(by_hand)}, {by_hand_sent} bytes")
    # one target more than services: what Go did; its share shrinks with every service
    targets = 3 / 2
    assert methods.total() <= targets * by_hand.total(), (methods, by_hand)
    assert sent <= 1.02 * by_hand_sent


def test_what_all_services_share_is_uploaded_once(here: Gobake, tree: Tree, bare: Bare) -> None:
    """The compile's layer is by far the largest, and a part of every target's cache."""
    names = ("one", "two", "three", "four", "five")
    files = {"go.mod": "module example.com/five\n\ngo 1.26\n", "gobake.yaml": ALL_STEPS["gobake.yaml"]}
    root = tree(files | {f"cmd/{name}/main.go": EMPTY for name in names})
    commit(root)
    bare.mark()
    here.good("build", "--registry", f"{bare.engine.registry}/once", cwd=root, env=on("main"))
    uploads = bare.uploads("once/five-cache")
    compiles = bare.layers("once/five-cache", next(t for t in bare.tags("once/five-cache") if ".compile_" in t))
    assert len(uploads) > len(names)
    assert {uploads[layer.removeprefix("sha256:")] for layer in compiles} <= {0, 1}
    record = here.last_run(root)
    assert {c["target"] for c in stored(record, "export")} == {"trace", *(f"{name}-scratch" for name in names)}
    assert not any(c["error"] for c in stored(record, "export"))


@pytest.mark.skipif(not SESSIONS_LAST, reason="layer caches hold the compile there")
def test_where_seeds_warm_the_mounts_an_edit_writes_the_layers_of_what_was_edited(
    here: Gobake, tree: Tree, bare: Bare
) -> None:
    root = tree(SHOP)
    commit(root)
    words = ("build", "--registry", f"{bare.engine.registry}/lean")
    here.good(*words, cwd=root, env=on("main"))
    cold = here.last_run(root)
    assert {c["target"] for c in stored(cold, "export")} == {"api-scratch", "worker-scratch"}

    bare.empty()
    (root / "README.md").write_text("another text\n")
    here.good(*words, cwd=root, env=on("main"))
    readme = here.last_run(root)
    assert compiled(readme) == []  # the compile ran, and found everything in the seed
    assert stored(readme, "export") == []
    assert [s["action"] for s in readme["seeds"]] == ["restored"]

    bare.empty()
    (root / "cmd/api/text.go").write_text('package main\n\nvar text = "edited"\n')
    bare.mark()
    here.good(*words, cwd=root, env=on("main"))
    edited = here.last_run(root)
    assert compiled(edited) == ["example.com/shop/cmd/api"]
    assert {c["target"] for c in stored(edited, "import") if c["found"]} == {"api-scratch", "worker-scratch"}
    assert [c["target"] for c in stored(edited, "export")] == ["api-scratch"]
    worker = bare.layers("lean/shop-cache", "layers-example-com-shop.worker-scratch.amd64.main")
    assert not {digest.removeprefix("sha256:") for digest in worker} & set(bare.uploads("lean/shop-cache"))


def test_a_branch_reads_what_main_left_and_leaves_what_main_does_not_read(here: Gobake, tree: Tree, bare: Bare) -> None:
    root = tree(SHOP)
    commit(root)
    words = ("build", "api", "--registry", f"{bare.engine.registry}/lineage")
    here.good(*words, cwd=root, env=on("main"))
    before = bare.tags("lineage/shop-cache")
    seeds = bare.tags("lineage/shop-cache", SEEDS)
    here.good(*words, cwd=root, env=on("feature/x"))
    found = {c["ref"].rpartition(":")[2] for c in stored(here.last_run(root), "import") if c["found"]}
    assert found == set(before)
    added = set(bare.tags("lineage/shop-cache")) - found
    assert len(added) == len(before) == REFS
    assert all(re.search(r"\.feature-x-[0-9a-f]{12}$", tag) for tag in added)
    assert bare.tags("lineage/shop-cache", SEEDS) == seeds


def test_a_forks_pull_request_that_asks_to_write_does_not(here: Gobake, tree: Tree, bare: Bare, tmp_path: Path) -> None:
    root = tree(SHOP)
    commit(root)
    words = ("build", "--registry", f"{bare.engine.registry}/fork")
    here.good(*words, cwd=root, env=on("main"))
    (root / "cmd/api/text.go").write_text('package main\n\nvar text = "poison"\n')
    (root / "gobake.yaml").write_text("cache: {policy: release, layers: {backends: [store]}}\n")
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"head": {"repo": {"full_name": "mallory/shop"}}}}))
    fork = {
        **BRANCH,
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_HEAD_REF": "main",
        "GITHUB_BASE_REF": "main",
        "GITHUB_EVENT_PATH": str(event),
    }
    bare.mark()
    ended = here.good(*words, "--cache-policy", "release", cwd=root, env=fork)
    assert "a pull request from a fork may not: caches are read only" in ended.out.replace("\n", " ")
    record = here.last_run(root)
    assert "example.com/shop/cmd/api" in compiled(record)
    assert stored(record, "export") == []
    methods, _ = bare.requests("fork/shop-cache")
    assert methods["GET"] > 0
    assert not WRITES & set(methods)


def test_branches_of_any_name_leave_refs_of_their_own(here: Gobake, tree: Tree, bare: Bare) -> None:
    root = tree(SHOP)
    commit(root)
    names = ["feature/äöü", "UPPER", "upper", "a/b", "a-b", "l" * 200]
    for name in names:
        here.good("build", "api", "--registry", f"{bare.engine.registry}/names", cwd=root, env=on(name))
        record = here.last_run(root)
        assert all(not c["error"] for c in stored(record, "export")), name
        assert len(stored(record, "export")) == REFS
    tags = bare.tags("names/shop-cache")
    assert len({tag.casefold() for tag in tags}) == len(names) * REFS


def test_a_store_that_does_not_answer_costs_a_warning_and_no_build(here: Gobake, tree: Tree) -> None:
    root = tree(SHOP)
    commit(root)
    ended = here.good("build", "--cache-store", "localhost:1/none", "--cache-policy", "release", cwd=root)
    warnings = [line for line in ended.out.splitlines() if line.startswith("warning")]
    assert [w.split(" the cache ")[0] for w in warnings] == ["warning: reading", "warning: writing"]
    record = here.last_run(root)
    assert record["outcome"] == "done"
    assert all("connection refused" in c["error"] for c in record["caches"])


# ---- a folder


def test_a_folder_keeps_every_layer_once_and_fills_a_bare_builder(
    here: Gobake, tree: Tree, bare: Bare, tmp_path: Path
) -> None:
    root = tree({**SHOP, "gobake.yaml": "cache: {store: .gobake/cache, layers: {mode: max}}\n"})
    commit(root)
    here.good("build", cwd=root, env=on("main"))
    cold = here.last_run(root)
    assert all(not c["error"] for c in stored(cold, "export"))  # side by side, into one folder
    blobs = root / ".gobake/cache/layers/blobs/sha256"
    sizes = sum(blob.stat().st_size for blob in blobs.iterdir())
    assert 0 < sum(c["bytes"] for c in stored(cold, "export")) <= sizes
    assert (
        sum(f.stat().st_size for f in (root / ".gobake").rglob("*") if f.is_file() and not f.is_symlink()) < 2 * sizes
    )

    bare.empty()
    subprocess.run(["cp", "-a", str(root / ".gobake/cache"), str(tmp_path / "restored")], check=True)
    here.good("build", "--cache-store", str(tmp_path / "restored"), cwd=root, env=on("feature"))
    again = here.last_run(root)
    assert ran(again) == []
    assert {c["ref"].rpartition(".")[2] for c in stored(again, "import")} == {"main"}
    assert sum(c["bytes"] for c in stored(again, "export")) == 0


# ---- several nodes


def test_nodes_do_not_overwrite_each_others_layers(
    here: Gobake, tree: Tree, bare: Bare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree(ALL_STEPS)
    commit(root)
    monkeypatch.setenv("BUILDX_CONFIG", here.env["BUILDX_CONFIG"])
    words = ("build", "api", "--registry", f"{bare.engine.registry}/nodes")
    with remote("gobake-test-layers", tmp_path, None, bare.engine) as builder:
        here.good(*words, "--builder", builder, "--platform", BOTH, cwd=root, env=on("main"))
    record = here.last_run(root)
    assert len(record["nodes"]) == 2
    assert sorted(c["target"] for c in stored(record, "export")) == ["api-scratch", "api-scratch", "trace", "trace"]
    assert all(not c["error"] for c in stored(record, "export"))
    tags = bare.tags("nodes/shop-cache")
    assert [tag.split(".")[2] for tag in tags] == ["amd64", "arm64"] * 2
    layers = [bare.layers("nodes/shop-cache", tag) for tag in tags]
    assert all(layers)
    assert all(a - b and b - a for a, b in (layers[:2], layers[2:]))  # each has what the other lacks
