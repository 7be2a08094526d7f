"""What `gobake registry prune` leaves of images that were really pushed: every kept tag pulls, with its attestation."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from gobake.registry import Repository
from harness.pushing import OCI_INDEX, OCI_MANIFEST, Pusher
from tests.conftest import Gobake, commit
from tests.engine.conftest import docker

PLATFORMS = ("linux/amd64", "linux/arm64")
MAIN = "package main\n\nfunc main() {{ println({word!r}) }}\n"


@pytest.fixture(scope="module")
def place(registry: str) -> str:
    return f"{registry}/prune-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, world: Gobake, place: str) -> Path:
    """Two tags of two platforms with provenance, signatures of both, a seed, a layer cache and records."""
    root = tmp_path_factory.mktemp("pruned")
    name = place.rpartition("/")[2]
    (root / "cmd/api").mkdir(parents=True)
    (root / "go.mod").write_text("module example.com/tiny\n\ngo 1.26\n")
    (root / "gobake.yaml").write_text(
        f"name: {name}\nregistry: {place}\nprovenance: min\ncache: {{store: {place}/cache}}\n"
    )
    for tags in (("v1",), ("v2", "latest")):
        (root / "cmd/api/main.go").write_text(MAIN.format(word=tags[0]).replace("'", '"'))
        commit(root)
        words = [word for tag in tags for word in ("--tag", tag)]
        world.good("build", "--trust", "--push", "--platform", ",".join(PLATFORMS), *words, *RELEASE, cwd=root)
    for tag in ("v1", "v2"):
        sign(place, tag)
    return root


RELEASE = ("--cache-policy", "release")


def sign(place: str, tag: str) -> None:
    """A signature as cosign tags it, and an SBOM in the index that the specification has for registries like this."""
    host, _, path = f"{place}/api".partition("/")
    pusher, subject = Pusher(host), Repository(f"{place}/api").current(tag)
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": pusher.blob(path, b"{}"), "size": 2}
    body = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": empty, "layers": [empty]}
    about = {"subject": {"mediaType": OCI_INDEX, "digest": subject, "size": 1}, "artifactType": "application/spdx+json"}
    sbom = pusher.manifest(path, f"sbom-{tag}", {**body, **about}, OCI_MANIFEST)
    listed = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [sbom]}
    pusher.manifest(path, subject.replace(":", "-"), listed, OCI_INDEX)
    pusher.manifest(path, f"{subject.replace(':', '-')}.sig", {**body, "annotations": {"of": tag}}, OCI_MANIFEST)


def pulls(image: str) -> None:
    """Both platforms are there with all layers, and their attestations."""
    subprocess.run(["docker", "image", "rm", "-f", image], capture_output=True, check=False)
    for platform in PLATFORMS:
        docker("pull", "-q", "--platform", platform, image)
    provenance = json.loads(docker("buildx", "imagetools", "inspect", image, "--format", "{{json .Provenance}}"))
    assert set(provenance) == set(PLATFORMS)
    assert all("SLSA" in text for text in provenance.values())


def manifests(repository: Repository, reference: str) -> set[str]:
    """All manifests that an image lists; None of them may be missing."""
    found = repository.manifest(reference)
    assert found, reference
    return {found.digest}.union(*(manifests(repository, one.digest) for one in found.manifests))


def prune(world: Gobake, root: Path, *words: str) -> dict[str, Any]:
    ended = world.good("registry", "prune", "--trust", "--format", "json", *words, cwd=root)
    found: dict[str, Any] = json.loads(ended.out)
    return found


def test_every_tag_is_listed_as_what_it_is(world: Gobake, project: Path, place: str) -> None:
    found = json.loads(world.good("registry", "ls", "--trust", "--format", "json", cwd=project).out)
    images, caches = found["repositories"]
    kinds = {one["tag"]: one["kind"] for one in images["tags"]}
    assert {kinds[tag] for tag in ("v1", "v2", "latest")} == {"image"}
    assert {kind for tag, kind in kinds.items() if tag.startswith("sha256-")} == {"attestation"}
    assert {one["kind"] for one in caches["tags"]} == {"seed", "part", "cache", "record"}
    assert all(one["bytes"] >= one["own_bytes"] >= 0 for one in images["tags"])


def test_a_run_of_late_and_a_deployment_hold_the_old_tag(
    world: Gobake, project: Path, tmp_path: Path, place: str
) -> None:
    (tmp_path / "compose.yaml").write_text(f"services: {{api: {{image: {place}/api:v1}}}}\n")
    deployed = ("--keep-runs", "0m", "--deployed", str(tmp_path / "compose.yaml"))
    for words in ((), deployed):
        held = prune(world, project, "--tags", "v1", "--dry-run", *words)
        assert [one["deleted"] for one in held["repositories"]] == [[], []]


def test_every_kept_tag_still_pulls_on_both_platforms(world: Gobake, project: Path, place: str) -> None:
    repository = Repository(f"{place}/api")
    kept, old = manifests(repository, "v2"), repository.current("v1")
    words = ("--tags", "v1", "--tags", "sbom-v1", "--keep-runs", "0m")
    planned = prune(world, project, *words, "--dry-run")
    assert repository.current("v1") == old
    done = prune(world, project, *words, "--yes")
    assert planned["repositories"] == done["repositories"]
    deleted = {one["digest"]: one for of in done["repositories"] for one in of["deleted"]}
    assert sorted(one["kind"] for one in deleted.values()) == ["attestation"] * 5 + ["image"] * 3
    assert kept.isdisjoint(deleted)
    assert not any(repository.current(digest) for digest in deleted)
    tags = set(repository.tags())
    newest = repository.current("v2").replace(":", "-")
    assert tags == {"v2", "latest", "sbom-v2", newest, f"{newest}.sig"}
    for tag in ("v2", "latest"):
        assert manifests(repository, tag) == kept
        pulls(f"{place}/api:{tag}")
    assert len(Repository(f"{place}/cache").tags()) >= 5  # caches go by their age


def test_caches_go_by_their_age_and_a_seed_with_its_parts(world: Gobake, project: Path, place: str) -> None:
    repository = Repository(f"{place}/cache")
    done = prune(world, project, f"{place}/cache", "--older-than", "1w", "--yes")
    assert done["repositories"][0]["deleted"] == []
    assert any(tag.startswith("seed-") for tag in repository.tags())
    gone = prune(world, project, f"{place}/cache", "--older-than", "0m", "--keep", "history-*", "--yes")
    kinds = {one["kind"] for one in gone["repositories"][0]["deleted"]}
    assert kinds == {"seed", "part", "cache"}
    assert {tag.partition("-")[0] for tag in repository.tags()} <= {"history", "index"}  # of an earlier save, of today
