"""Cache stores as BuildKit and gobake leave them, made by hand."""

from __future__ import annotations

import gzip
import hashlib
import json
import time
from pathlib import Path
from typing import Any

from gobake.caching.layers import oci_folder as layers
from gobake.caching.seeds import seed as seeds
from gobake.caching.seeds.seed import SeedKey
from gobake.caching.seeds.units import CacheFile, Kind, write_index

PROJECT = "example-com-hello"
INDEX = write_index([CacheFile(kind=Kind.OBJECT, path=f"gobuild/00/{'0' * 64}-d", size=1000, day=20_000)])
INDEX_DIGEST = hashlib.sha256(INDEX.encode()).hexdigest()
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def put(blobs: Path, content: bytes) -> dict[str, Any]:
    """A blob; its descriptor."""
    digest = hashlib.sha256(content).hexdigest()
    (blobs / "sha256").mkdir(parents=True, exist_ok=True)
    (blobs / "sha256" / digest).write_bytes(content)
    return {"digest": f"sha256:{digest}", "size": len(content)}


def seed_image(blobs: Path, branch: str, *, days: float = 1) -> dict[str, Any]:
    key = SeedKey(project=PROJECT, go="1.26", arch="amd64")
    saved = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - days * 86_400))
    labels = seeds.SeedLabels(
        key=key, go="go1.26.0", branch=branch, sums="s", inputs="", index=INDEX_DIGEST, saved=saved, size=1000
    ).texts
    config = {"created": saved, "config": {"Labels": labels}, "rootfs": {"diff_ids": ["sha256:1", "sha256:2"]}}
    described = [put(blobs, b"the program that restores"), put(blobs, f"objects of {branch}".encode())]
    manifest = {"mediaType": MANIFEST, "config": put(blobs, json.dumps(config).encode()), "layers": described}
    return {"mediaType": MANIFEST, **put(blobs, json.dumps(manifest).encode())}


def seed_tag(branch: str) -> str:
    return SeedKey(project=PROJECT, go="1.26", arch="amd64").tag(branch)


def layer_tag(branch: str) -> str:
    return f"layers-{PROJECT}.hello-scratch.amd64.{branch}"


def make(store: Path, branches: tuple[str, ...] = ("main", "topic")) -> Path:
    """Branches, each with a seed and a cache of layers."""
    layout = store / "seeds"
    layout.mkdir(parents=True)
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    named = []
    for branch in branches:
        annotated = {"org.opencontainers.image.ref.name": seed_tag(branch)}
        named.append(seed_image(layout / "blobs", branch) | {"annotations": annotated})
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": named}))
    (layout / f"{seeds.index_tag(INDEX_DIGEST)}.txt").write_text(INDEX)
    layers.prepare(store, map(layer_tag, branches))
    for branch in branches:
        ran = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 86_400))
        blobs = store / "layers/blobs"
        one = put(blobs, gzip.compress(f"a layer of {branch}".encode())) | {"annotations": {"buildkit/createdat": ran}}
        manifest = {"config": put(blobs, b"{}"), "layers": [one]}
        described = put(blobs, json.dumps(manifest).encode()) | {"annotations": {}}
        place = layers.layout(store, layer_tag(branch))
        (place / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        (place / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described]}))
    return store
