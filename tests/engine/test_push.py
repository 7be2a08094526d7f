"""Images are pushed by digest, tags come last, and those that never move stay."""

from __future__ import annotations

import hashlib
import json
import subprocess
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Gobake, commit
from tests.engine.caches import small_project
from tests.engine.conftest import docker
from tests.engine.test_builders import BOTH, remote

PLACE, COPIES = (f"{name}-{uuid.uuid4().hex[:8]}" for name in ("push", "copies"))  # a tag stays where it never moves
SETTINGS = """
provenance: min
push: {immutable: ["fixed*"]}
defaults: {compression: zstd, annotations: {"index:com.acme.index": i, "manifest:com.acme.manifest": m}}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = small_project(tmp_path_factory.mktemp("push"))
    with (made / "gobake.yaml").open("a") as file:
        file.write(SETTINGS)
    commit(made)
    return made


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """It is outside of the engine's own, so that it can push by digest."""
    with remote("by-digest", tmp_path_factory.mktemp("by-digest"), None) as name:
        yield name


@pytest.fixture(scope="module")
def pushed(root: Path, builder: str, world: Gobake, registry: str) -> dict[str, Any]:
    """What --images-file tells of a push to two places, for two platforms."""
    file = root.parent / "images.json"
    words = (
        "--registry",
        f"{registry}/{PLACE},{registry}/{COPIES}",
        "-t",
        "{{sha}}",
        "-t",
        "fixed",
        "-t",
        "{{version}}",
    )
    world.good("build", "--builder", builder, *words, "-p", BOTH, "--push", "--images-file", str(file), cwd=root)
    found = json.loads(file.read_text())
    assert isinstance(found, dict)
    return found


def tags(registry: str, repository: str) -> set[str]:
    with urllib.request.urlopen(f"http://{registry}/v2/{repository}/tags/list") as answer:
        return set(json.load(answer)["tags"])


def digest_of(reference: str) -> str:
    return f"sha256:{hashlib.sha256(text_of(reference)).hexdigest()}"


def text_of(reference: str) -> bytes:
    words = ("docker", "buildx", "imagetools", "inspect", "--raw", reference)
    return subprocess.run(words, check=True, capture_output=True).stdout


def raw(reference: str) -> dict[str, Any]:
    found = json.loads(text_of(reference))
    assert isinstance(found, dict)
    return found


def test_every_tag_in_every_registry_is_the_same_image(
    pushed: dict[str, Any], world: Gobake, root: Path, registry: str
) -> None:
    revision = world.last_run(root)["revision"]
    for repository in (f"{PLACE}/one", f"{PLACE}/two", f"{COPIES}/one", f"{COPIES}/two"):
        assert tags(registry, repository) == {revision[:7], "fixed"}  # the commit is no release
    for image in pushed["images"]:
        for name in image["names"]:
            assert digest_of(name) == image["digest"]
    assert len(pushed["images"]) == 2
    recorded = {target["service"]: target["pushed"] for target in world.last_run(root)["targets"]}
    assert recorded["one"][0] == pushed["images"][0]["reference"]


def test_annotations_are_on_the_manifests_and_on_the_index_alone(pushed: dict[str, Any], registry: str) -> None:
    index = raw(pushed["images"][0]["reference"])
    assert {k: v for k, v in index["annotations"].items() if "acme" in k} == {"com.acme.index": "i"}
    images = [entry for entry in index["manifests"] if entry["platform"]["os"] == "linux"]
    assert len(images) == 2
    for entry in images:
        manifest = raw(f"{registry}/{PLACE}/one@{entry['digest']}")
        assert {k: v for k, v in manifest["annotations"].items() if "acme" in k} == {"com.acme.manifest": "m"}
        # a layer that the builder had before, as the user's, stays as it was
        assert any(layer["mediaType"].endswith("zstd") for layer in manifest["layers"])
    attested = {
        entry["annotations"]["vnd.docker.reference.digest"] for entry in index["manifests"] if entry not in images
    }
    assert attested == {entry["digest"] for entry in images}


@pytest.mark.usefixtures("pushed")
def test_a_build_that_fails_moves_no_tag(world: Gobake, root: Path, builder: str, registry: str) -> None:
    before = tags(registry, f"{PLACE}/one")
    file = root / "cmd/two/main.go"
    text = file.read_text()
    file.write_text(text + "func broken() { return 1 }\n")
    try:
        words = ("--registry", f"{registry}/{PLACE}", "-t", "moved", "--push", "--fail-fast")
        assert world("build", "--builder", builder, *words, cwd=root).code == 4
    finally:
        file.write_text(text)
    assert tags(registry, f"{PLACE}/one") == before


def test_a_tag_that_never_moves_stays_for_the_same_image_and_refuses_another(
    pushed: dict[str, Any], world: Gobake, root: Path, builder: str, registry: str
) -> None:
    words = ("--builder", builder, "--registry", f"{registry}/{PLACE}", "-t", "fixed", "-p", BOTH, "--push")
    again = world.good("build", *words, cwd=root)  # the attestation is another one
    assert f"{registry}/{PLACE}/one:fixed stays as it is" in again.err
    readme = root / "README.md"
    readme.write_text("another commit\n")
    commit(root)
    runs = len(world.good("runs", "ls", "--format", "json", cwd=root).json["runs"])
    refused = world("build", *words, cwd=root)
    assert refused.code == 6
    assert f"{registry}/{PLACE}/one:fixed exists already and never moves" in refused.err
    assert len(world.good("runs", "ls", "--format", "json", cwd=root).json["runs"]) == runs
    digest = digest_of(f"{registry}/{PLACE}/one:fixed")
    assert digest == pushed["images"][0]["digest"]


def test_images_of_a_run_get_other_names_with_their_attestations(
    pushed: dict[str, Any], world: Gobake, root: Path, registry: str
) -> None:
    told = world.good(
        "push", pushed["run"], "-t", "v9", "--registry", f"{registry}/{PLACE}/released", "--format", "json", cwd=root
    ).json
    assert [image["names"] for image in told["images"]] == [
        [f"{registry}/{PLACE}/released/{s}:v9"] for s in ("one", "two")
    ]
    assert raw(f"{registry}/{PLACE}/released/one:v9") == raw(pushed["images"][0]["reference"])
    assert docker("run", "--rm", f"{registry}/{PLACE}/released/one:v9") == ""


def test_images_of_the_engine_are_pushed_later(world: Gobake, root: Path, registry: str) -> None:
    world.good("build", "one", cwd=root)
    assert "names no registry" in world("push", cwd=root).err
    told = world.good("push", "--registry", f"{registry}/{PLACE}/later", "-t", "v1", cwd=root).out
    (target,) = world.last_run(root)["targets"]
    assert told.splitlines() == [f"pushed {registry}/{PLACE}/later/one:v1@{target['digest']}"]
    assert tags(registry, f"{PLACE}/later/one") == {"v1"}
    assert f"{registry}/{PLACE}/later/one" not in docker("images", "--format", "{{.Repository}}")
