"""An index of parts is what BuildKit writes for all of them at once: checked against what it wrote."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gobake.foreign.checks import Unfit
from gobake.foreign.oci import digest_of
from gobake.model import Platform
from gobake.pushing.index import Part, index_of

AMD64, ARM64 = Platform(os="linux", arch="amd64"), Platform(os="linux", arch="arm64")
ARMV7 = Platform(os="linux", arch="arm", variant="v7")
# of a build for two platforms, with `provenance: min`
WHOLE = """{
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.index.v1+json",
  "manifests": [
    {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "sha256:41195300e405db37d071e1b719a428413f50a5ee92ff376653f9aa489618a28d",
      "size": 939,
      "platform": {
        "architecture": "amd64",
        "os": "linux"
      }
    },
    {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "sha256:f9069fc1b0a1156a3050f809fc09fb1778d7670ecc426481200d6d720944be31",
      "size": 939,
      "platform": {
        "architecture": "arm64",
        "os": "linux"
      }
    },
    {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "sha256:6f701c1ccfd0a4b09e43dbc300ba50727f882d2ac6c6e20206329a72f916b90e",
      "size": 566,
      "annotations": {
        "vnd.docker.reference.digest": "sha256:41195300e405db37d071e1b719a428413f50a5ee92ff376653f9aa489618a28d",
        "vnd.docker.reference.type": "attestation-manifest"
      },
      "platform": {
        "architecture": "unknown",
        "os": "unknown"
      }
    },
    {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "sha256:104358924dd0d16b34cb0a420586279e6b852f9f751d68653159e0fada32063c",
      "size": 566,
      "annotations": {
        "vnd.docker.reference.digest": "sha256:f9069fc1b0a1156a3050f809fc09fb1778d7670ecc426481200d6d720944be31",
        "vnd.docker.reference.type": "attestation-manifest"
      },
      "platform": {
        "architecture": "unknown",
        "os": "unknown"
      }
    }
  ],
  "annotations": {
    "org.opencontainers.image.created": "2026-11-30T07:30:13Z",
    "org.opencontainers.image.title": "a \\u003c b \\u0026 c"
  }
}"""


def of_whole(*places: int) -> bytes:
    """An index with some of the manifests."""
    manifests = json.loads(WHOLE)["manifests"]
    found = {"schemaVersion": 2, "manifests": [manifests[at] for at in places]}
    return json.dumps(found).encode()


def image(name: str, **more: Any) -> bytes:
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": f"sha256:{'a' * 64}", "size": 1}
    kind = "application/vnd.oci.image.manifest.v1+json"
    fields = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [], "annotations": {"name": name}}
    return json.dumps({**fields, **more}).encode()


def test_parts_with_attestations_make_the_very_index_of_one_build() -> None:
    annotations = json.loads(WHOLE)["annotations"]
    parts = [Part(platforms=(ARM64,), text=of_whole(1, 3)), Part(platforms=(AMD64,), text=of_whole(0, 2))]
    assert index_of(parts, annotations).decode() == WHOLE
    both = Part(platforms=(AMD64, ARM64), text=of_whole(0, 1, 2, 3))
    assert index_of([both], annotations).decode() == WHOLE


def test_images_without_an_index_are_described_by_their_bytes() -> None:
    texts = {ARMV7: image("v7"), AMD64: image("amd64")}
    parts = [Part(platforms=(platform,), text=text) for platform, text in texts.items()]
    found = json.loads(index_of(parts, {}))
    assert "annotations" not in found
    assert [(m["digest"], m["size"], m["platform"]) for m in found["manifests"]] == [
        (digest_of(texts[AMD64]), len(texts[AMD64]), {"architecture": "amd64", "os": "linux"}),
        (digest_of(texts[ARMV7]), len(texts[ARMV7]), {"architecture": "arm", "os": "linux", "variant": "v7"}),
    ]


def test_annotations_of_descriptors_are_beside_the_digests_of_the_images() -> None:
    notes = {AMD64: {"note": "common"}, ARM64: {"note": "Graviton"}}
    parts = [
        Part(platforms=(ARM64,), text=of_whole(1, 3), annotations=notes),
        Part(platforms=(AMD64,), text=image("amd64"), annotations=notes),
    ]
    manifests = json.loads(index_of(parts, {}))["manifests"]
    assert [m["annotations"].get("note") for m in manifests] == ["common", "Graviton", None]
    assert list(manifests[0]) == ["mediaType", "digest", "size", "annotations", "platform"]


@pytest.mark.parametrize(
    "part",
    [
        Part(platforms=(AMD64,), text=of_whole(1, 3)),
        Part(platforms=(AMD64,), text=of_whole(0, 1)),
        Part(platforms=(AMD64, ARM64), text=of_whole(0)),
        Part(platforms=(AMD64,), text=of_whole(0, 0)),
        Part(platforms=(AMD64, ARM64), text=image("one")),
        Part(platforms=(AMD64,), text=image("artifact", mediaType="text/plain")),
        Part(platforms=(AMD64,), text=b"{}"),
        Part(platforms=(AMD64,), text=b"["),
    ],
)
def test_what_is_not_an_image_of_its_platforms_is_refused(part: Part) -> None:
    with pytest.raises(Unfit):
        index_of([part], {})
