"""Other places to build and to send to: a registry, remote builders, several nodes, a second data-root."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import harness
from harness.relay import Relay
from tests.conftest import Gobake, Tree, commit
from tests.engine.conftest import docker

BOTH = "linux/amd64,linux/arm64"
HELLO = {
    "go.mod": "module example.com/hello\n\ngo 1.26\n",
    "main.go": 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("hello") }\n',
}


@pytest.fixture(scope="module")
def second() -> Iterator[harness.Engine]:
    """Another engine with a data-root of its own, of the same suite."""
    suite = os.environ.get("GOBAKE_ENGINE_SUITE", "sid")
    yield harness.up(suite, "second", force_private=True, fresh=True)
    harness.down("second", purge=True)


@contextmanager
def remote(name: str, folder: Path, *engines: harness.Engine | None) -> Iterator[str]:
    """A builder of the `remote` driver; one node an engine (None: the session's own), each for one platform."""
    relays = [Relay(folder / f"{n}.sock", engine.env if engine else {}) for n, engine in enumerate(engines)]
    try:
        for number, relay in enumerate(relays):
            relay.start()
            platform = ["--platform", BOTH.split(",")[number]] if len(engines) > 1 else []
            append = ["--append"] if number else []
            docker("buildx", "create", "--name", name, "--driver", "remote", *append, *platform, f"unix://{relay.path}")
        yield name
    finally:
        subprocess.run(["docker", "buildx", "rm", "--force", name], capture_output=True, check=False)
        for relay in relays:
            relay.stop()


@pytest.mark.smoke
def test_pushed_images_can_be_pulled(gobake: Gobake, tree: Tree, registry: str) -> None:
    root = tree(HELLO)
    gobake.good("all", "-s", "scratch,alpine", "--platform", BOTH, "--registry", f"{registry}/team", "--push", cwd=root)
    index = json.loads(docker("buildx", "imagetools", "inspect", "--raw", f"{registry}/team/hello:latest"))
    assert [m["platform"]["architecture"] for m in index["manifests"]] == ["amd64", "arm64"]
    first = f"{registry}/team/hello@{index['manifests'][0]['digest']}"
    if os.environ["GOBAKE_ENGINE_SUITE"] != "trixie":  # bake of buildx 0.13 leaves annotations out; labels are there
        manifest = json.loads(docker("buildx", "imagetools", "inspect", "--raw", first))
        assert manifest["annotations"]["org.opencontainers.image.title"] == "hello"
        assert index["annotations"]["org.opencontainers.image.title"] == "hello"
    digest = next(t["digest"] for t in gobake.last_run(root)["targets"] if t["strategy"] == "scratch")
    assert docker("run", "--rm", f"{registry}/team/hello@{digest}") == "hello"
    docker("buildx", "imagetools", "inspect", f"{registry}/team/hello:latest-alpine")


def test_a_build_pushes_only_the_tag_that_was_asked_for_and_tells_the_digest(
    gobake: Gobake, tree: Tree, registry: str, tmp_path: Path
) -> None:
    name, file = f"{registry}/plainly/hello", tmp_path / "images.json"
    words = ("--registry", f"{registry}/plainly", "--tag", "v1", "--push", "--metadata-file", str(file))
    ended = gobake.good("build", *words, cwd=tree(HELLO))
    with urllib.request.urlopen(f"http://{registry}/v2/plainly/hello/tags/list") as answer:
        assert json.load(answer)["tags"] == ["v1"]
    told = json.loads(file.read_text())["hello-scratch"]
    assert told["image.name"] == f"{name}:v1"
    assert f"pushed {name}:v1@{told['containerimage.digest']}" in ended.out.splitlines()
    assert docker("run", "--rm", f"{name}@{told['containerimage.digest']}") == "hello"


def test_a_push_that_the_registry_refuses(gobake: Gobake, tree: Tree) -> None:
    ended = gobake("build", "--registry", "localhost:1/team", "--push", cwd=tree(HELLO))
    assert ended.code == 6
    assert "Traceback" not in ended.err


def test_a_remote_builder_pushes(gobake: Gobake, tree: Tree, registry: str, tmp_path: Path) -> None:
    root = tree(HELLO)
    with remote("gobake-test-remote", tmp_path, None) as builder:
        kept = gobake.good("build", "--builder", builder, "--platform", BOTH, cwd=root)
        assert "--push or --load" in kept.out
        gobake.good(
            "build", "--builder", builder, "--platform", BOTH, "--registry", f"{registry}/remote", "--push", cwd=root
        )
    record = gobake.last_run(root)
    assert record["driver"] == "remote"
    sizes = record["targets"][0]["sizes"]
    assert [s["platform"] for s in sizes] == BOTH.split(",")
    assert all(s["compressed"] > 100_000 and s["uncompressed"] is None for s in sizes)
    assert docker("run", "--rm", f"{registry}/remote/hello:latest") == "hello"


def test_a_builder_with_two_nodes(
    gobake: Gobake, tree: Tree, registry: str, tmp_path: Path, second: harness.Engine
) -> None:
    root = tree(HELLO)
    with remote("gobake-test-nodes", tmp_path, None, second) as builder:
        gobake.good(
            "build", "--builder", builder, "--platform", BOTH, "--registry", f"{registry}/nodes", "--push", cwd=root
        )
    assert len(gobake.last_run(root)["nodes"]) == 2
    for platform in BOTH.split(","):
        assert docker("run", "--rm", "--platform", platform, f"{registry}/nodes/hello:latest") == "hello"


def test_builders_are_created_with_limits_and_mirrors_and_build(
    gobake: Gobake, tree: Tree, registry: str, tmp_path: Path
) -> None:
    name, relay = "gobake-test-new", Relay(tmp_path / "new.sock", {})
    relay.start()
    try:
        gobake.good("builder", "create", name, "--keep", "20GB", cwd=tmp_path)
        said = docker("buildx", "inspect", name)  # buildx has read the settings as BuildKit does
        assert 'maxUsedSpace = "20GB"' in said
        assert f'mirrors = ["{registry}"]' in said
        assert 'network="host"' in said
        remote = ("--driver", "remote", "--node", f"unix://{relay.path}")
        assert "exists, with 1 node" in gobake("builder", "create", name, *remote, cwd=tmp_path).err
        gobake.good("builder", "create", name, *remote, "--force", cwd=tmp_path)
        gobake.good("build", "--builder", name, cwd=tree(HELLO))
    finally:
        subprocess.run(["docker", "buildx", "rm", "--force", name], capture_output=True, check=False)
        relay.stop()


def test_two_engines_make_the_same_images(gobake: Gobake, tree: Tree, second: harness.Engine) -> None:
    """Every index digest is equal; single-stage is not promised, since it holds a toolchain run's own traces."""
    config = "defaults: {files: ['settings.txt:/etc/x/settings.txt'], workdir: /etc/x}\n"
    root = tree(HELLO | {"settings.txt": "x", "gobake.yaml": config})
    commit(root)
    words = ("all", "-s", "alpine,debian-slim,distroless,distalpine,scratch,upx", "--platform", BOTH)
    gobake.good(*words, cwd=root)
    first = {t["name"]: t["digest"] for t in gobake.last_run(root)["targets"]}
    os.utime(root / "settings.txt", (1, 1))
    # the base images must have the same names, so the second engine reads them from the first one's registry
    gobake.good(*words, cwd=root, env={**second.env, "GOBAKE_BASE": os.environ["GOBAKE_BASE"]})
    again = {t["name"]: t["digest"] for t in gobake.last_run(root)["targets"]}
    assert len(first) == 6
    assert first == again
