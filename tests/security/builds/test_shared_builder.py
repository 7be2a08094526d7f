"""A builder that outlives its runs: what a pull request from a fork brings in or leaves there, main never meets."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gobake.caching.layers import oci_folder
from gobake.engine import cache_mounts
from tests.conftest import Gobake
from tests.engine.caches import edit, forget_mounts, make_bare, small_project
from tests.engine.conftest import docker
from tests.engine.test_cache_runs import MAIN, executed
from tests.engine.test_cache_verify import in_mount

EVIL = b"-----BEGIN CERTIFICATE-----\nRVZJTA==\n-----END CERTIFICATE-----\n"
FORK = MAIN | {
    "GITHUB_EVENT_NAME": "pull_request",
    "GITHUB_REF": "refs/pull/7/merge",
    "GITHUB_REF_NAME": "7/merge",
    "GITHUB_HEAD_REF": "topic",
    "GITHUB_BASE_REF": "main",
}
CERTIFICATES = ("out/etc/ssl/certs/ca-certificates.crt", "etc/ssl/certs/ca-certificates.crt")
LAYER_BYTES = 10 << 20  # more have those of base images alone


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    made = small_project(tmp_path)
    yield made
    for prefix in (made.name, f"untrusted-{made.name}", f"branch-{made.name}"):
        forget_mounts(prefix)


def build(gobake: Gobake, root: Path, env: dict[str, str], *words: str) -> dict[str, Any]:
    gobake.good("build", "one", "--platform", "linux/amd64", *words, cwd=root, env=env)
    return gobake.last_run(root)


def certificates(image: str) -> bytes:
    name = docker("create", image)
    try:
        copied = subprocess.run(
            ["docker", "cp", f"{name}:/etc/ssl/certs/ca-certificates.crt", "-"], capture_output=True, check=True
        )
        with tarfile.open(fileobj=io.BytesIO(copied.stdout)) as archive:
            file = archive.extractfile("ca-certificates.crt")
            assert file
            return file.read()
    finally:
        docker("rm", name)


def bake(root: Path, *settings: str) -> None:
    """Plain bake of the recipe that everybody can render."""
    words = ["docker", "buildx", "bake", "--file", "docker-bake.json", "--allow", "fs=/", "one-scratch"]
    words += [word for setting in ("platform=linux/amd64", *settings) for word in ("--set", f"*.{setting}")]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def tamper(layers: Path) -> None:
    """Another bundle of certificates in the layers that hold them, and every digest on the way to it made to fit."""
    blobs = layers / "blobs" / "sha256"
    replaced: dict[str, tuple[str, int]] = {}
    for file in list(blobs.iterdir()):
        if file.stat().st_size > LAYER_BYTES or not tarfile.is_tarfile(file):
            continue
        with tarfile.open(file) as archive:
            if not set(CERTIFICATES) & set(archive.getnames()):
                continue
            made = io.BytesIO()
            with tarfile.open(fileobj=made, mode="w") as other:
                for member in archive:
                    data = archive.extractfile(member) if member.isfile() else None
                    content = EVIL if member.name in CERTIFICATES else data.read() if data else b""
                    member.size = len(content)
                    other.addfile(member, io.BytesIO(content))
        replaced[file.name] = _put(blobs, made.getvalue())
    assert replaced, "no layer holds certificates"
    for _ in range(3):  # the configuration names layers, the manifest names it, and the index the manifest
        for file in [*(f for f in blobs.iterdir() if f.stat().st_size < 1 << 20), layers / "index.json"]:
            text = file.read_bytes()
            if not text.startswith(b"{") or not any(old.encode() in text for old in replaced):
                continue
            content = _renamed(json.loads(text), replaced)
            if file.name == "index.json":
                file.write_text(json.dumps(content))
            else:
                replaced[file.name] = _put(blobs, json.dumps(content).encode())


def _put(blobs: Path, content: bytes) -> tuple[str, int]:
    name = hashlib.sha256(content).hexdigest()
    (blobs / name).write_bytes(content)
    return name, len(content)


def _renamed(value: Any, replaced: dict[str, tuple[str, int]]) -> Any:
    if isinstance(value, list):
        return [_renamed(item, replaced) for item in value]
    if isinstance(value, str):
        name = value.removeprefix("sha256:")
        return f"sha256:{replaced[name][0]}" if name in replaced else value
    if not isinstance(value, dict):
        return value
    size = replaced.get(str(value.get("digest")).removeprefix("sha256:"))
    return {key: _renamed(item, replaced) for key, item in value.items()} | (
        {"size": size[1]} if size and "size" in value else {}
    )


def test_a_fork_that_imports_tampered_layers_gives_main_no_other_certificates(
    gobake: Gobake, root: Path, tmp_path: Path
) -> None:
    gobake.good("render", "--platform", "linux/amd64", cwd=root)
    make_bare()  # what is exported are results of steps that ran
    evil = tmp_path / "evil"
    exported = f"type=local,dest={evil},mode=max,compression=uncompressed,force-compression=true"
    bake(root, f"cache-to={exported}", "output=type=cacheonly")
    tamper(evil)
    store = tmp_path / "store"
    for target in ("one-scratch", "trace"):
        shutil.copytree(evil, oci_folder.layout(store, f"layers-{root.name}.{target}.amd64.main"))

    make_bare()  # the attack works: whoever imports these layers keeps the attacker's certificates
    bake(root, f"cache-from=type=local,src={evil}", "tags=evil:1")
    assert certificates("evil:1") == EVIL

    make_bare()
    build(gobake, root, FORK, "--cache-store", str(store))
    assert EVIL not in certificates("one:latest")
    record = build(gobake, root, MAIN)
    assert EVIL not in certificates("one:latest")
    ran = executed(record)
    assert any("certificates" in name for name in ran), ran
    assert any("compile" in name for name in ran), ran


def test_a_forks_dockerfile_of_a_base_cannot_write_into_mains_mounts(gobake: Gobake, root: Path) -> None:
    build(gobake, root, MAIN)
    mount = f"{root.name}-gobuild"
    (root / "base.Dockerfile").write_text(
        f"FROM alpine:3.22\nRUN --mount=type=cache,id={mount},target=/m touch /m/poisoned\n"
        f"RUN --mount=type=cache,id=../{mount},target=/m touch /m/poisoned\n"
        f"RUN --mount=type=cache,id=/{mount},target=/m touch /m/poisoned\n"
    )
    with (root / "gobake.yaml").open("a") as config:
        config.write("bases: {alpine: ./base.Dockerfile}\ndefaults: {strategy: alpine}\n")
    build(gobake, root, FORK)
    assert "poisoned" not in in_mount(mount, "ls /cache")
    assert in_mount(mount, "ls /cache").count("\n") > 10  # it is main's, which has compiled
    build(gobake, root, MAIN)  # the same file on main means main's own mounts
    assert "poisoned" in in_mount(mount, "ls /cache")


def base_with_trigger(image: str, mount: str, command: str) -> None:
    """A golang image whose trigger runs a command with a mount of somebody else's in /m."""
    words = f"FROM golang:1.26\nONBUILD RUN --mount=type=cache,id={mount},target=/m {command}\n"
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", image, "-"], input=words.encode(), check=True, capture_output=True
    )


@pytest.mark.parametrize("env", [FORK, MAIN], ids=["fork", "main"])
def test_a_base_image_with_triggers_is_refused_and_writes_nothing_into_mains_mounts(
    gobake: Gobake, root: Path, tmp_path: Path, env: dict[str, str]
) -> None:
    build(gobake, root, MAIN)
    mount = f"{root.name}-gobuild"
    image = f"triggers-{root.name}:1"
    base_with_trigger(image, mount, "sleep 5 && touch /m/poisoned")
    for _ in range(2):
        ended = gobake("build", "one", "--platform", "linux/amd64", "--base", f"go={image}", cwd=root, env=env)
        assert ended.code == 4, ended.err
        assert f"error: the base image {image} has ONBUILD triggers" in ended.err
        assert "Traceback" not in ended.err
    assert "poisoned" not in in_mount(mount, "ls /cache")


def test_a_fork_cannot_outrun_the_refusal_of_a_trigger(gobake: Gobake, root: Path) -> None:
    """Where a trigger is over before the build is stopped, it has written into mounts that main never reads."""
    build(gobake, root, MAIN)
    mount = f"{root.name}-gobuild"
    image = f"quick-{root.name}:1"
    base_with_trigger(image, mount, "touch /m/poisoned")
    for _ in range(5):
        assert gobake("build", "one", "--base", f"go={image}", cwd=root, env=FORK).code == 4
        edit(root)
    assert "poisoned" not in in_mount(mount, "ls /cache")


def test_a_branch_that_nobody_has_agreed_to_begins_with_mains_seed_and_leaves_mains_mounts_alone(
    gobake: Gobake, root: Path, registry: str
) -> None:
    store = ("--cache-store", f"{registry}/acme/{root.name}-cache")
    build(gobake, root, MAIN, *store)
    in_mount(f"{root.name}-gobuild", "touch /cache/of-main")
    edit(root)
    topic = MAIN | {"GITHUB_REF": "refs/heads/topic", "GITHUB_REF_NAME": "topic"}
    record = build(gobake, root, topic, *store)
    assert [seed["action"] for seed in record["seeds"]] == ["restored"]
    assert {path for work in record["go"] for path, _ in work["compiled"]} == {"example.com/small/cmd/one"}
    ids = {mount.id for mount in cache_mounts() or ()}
    assert f"branch-{root.name}-gobuild" in ids
    assert "of-main" not in in_mount(f"branch-{root.name}-gobuild", "ls /cache")
    main = build(gobake, root, MAIN)
    assert any("compile" in name for name in executed(main))  # the same sources, and its own step
    nothing = build(gobake, root, MAIN)
    assert executed(nothing) == []
