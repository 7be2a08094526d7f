"""Writes an image as an OCI layout in a folder, for programs that read one.

https://specs.opencontainers.org/image-spec/image-layout/
"""

from __future__ import annotations

import json
from pathlib import Path

from gobake.foreign import checks, oci
from gobake.foreign.oci import Descriptor
from gobake.images.image import Blobs, whole
from gobake.images.sources import Opened
from gobake.images.streams import Hashed
from gobake.model import Platform

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_PIECE = 1 << 20


def lay_out(opened: Opened, folder: Path) -> None:
    """Make a folder the layout of this image alone. Blobs that earlier images left there are used again.

    Raises UsageError, and RegistryRefused for a registry's.
    """
    blobs, digest = opened.blobs, opened.image.manifest
    place = folder / "blobs" / "sha256"
    with whole(blobs):
        place.mkdir(parents=True, exist_ok=True)
        data = blobs.manifest(digest)
        for part in oci.manifest(data).parts:
            _write(blobs, part, place)
        (place / checks.hex_of(digest)).write_bytes(data)
        root = {
            "mediaType": checks.parsed_object(data).get("mediaType") or _MANIFEST,
            "digest": digest,
            "size": len(data),
            "platform": _platform(opened.image.platform),
        }
        index = {"schemaVersion": 2, "manifests": [root]}
        (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', encoding="utf-8")


def _write(blobs: Blobs, part: Descriptor, place: Path) -> None:
    file = place / checks.hex_of(part.digest)
    if file.exists():
        return
    waiting = file.with_suffix(".part")
    with blobs.stream(part.digest) as stored, waiting.open("wb") as out:
        hashed = Hashed(stored)
        while piece := hashed.read(_PIECE):
            out.write(piece)
        hashed.require(part.digest)
    waiting.rename(file)


def _platform(platform: Platform) -> dict[str, str]:
    variant = {"variant": platform.variant} if platform.variant else {}
    return {"os": platform.os, "architecture": platform.arch, **variant}
