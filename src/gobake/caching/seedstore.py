"""Seeds in the cache store, a registry's repository or a folder: under tags of their own.

A folder is an OCI layout (https://specs.opencontainers.org/image-spec/image-layout/), which a CI's own cache store
carries from run to run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gobake import engine
from gobake.beside import begun
from gobake.caching import layout as layouts
from gobake.caching.seed import Seed, SeedKey, read_seed
from gobake.dataclass import dataclass
from gobake.errors import RegistryRefused

# Level 1 is a tenth larger than the default and takes half of its time; what is on the way here is read a few times.
PACKED = "compression=zstd,compression-level=1"


@dataclass(frozen=True, kw_only=True)
class Image:
    """What a store says of one image."""

    digest: str
    labels: Mapping[str, str]
    layers: tuple[int, ...]  # bytes as they lie there; 0 where it is not told
    blobs: tuple[str, ...]  # digests of the same; "" where it is not told


@dataclass(frozen=True, kw_only=True)
class SeedStore:
    """Where caches are kept."""

    place: str  # as the user wrote it
    folder: Path | None = None  # None: a registry

    @property
    def layout(self) -> Path:
        """The folder's OCI layout."""
        assert self.folder
        return self.folder / "seeds"

    def look(self, tag: str, seconds: float) -> Image | None:
        """The image under a tag, None where there is none. Raises RegistryRefused where that cannot be found out."""
        if self.folder is None:
            return _of_registry(f"{self.place}:{tag}", seconds)
        return _of_layout(self.layout, tag)

    def seed(self, tag: str, key: SeedKey, seconds: float) -> Seed | str | None:
        """The seed under a tag, None where there is no image, or why the image is no seed for ``key``. Raises
        RegistryRefused where that cannot be found out."""
        image = self.look(tag, seconds)
        if image is None:
            return None
        packed = sum(image.layers) or None
        # the first layer is the program that restores
        found = read_seed(tag, image.digest, len(image.layers) - 1, packed, image.labels, key)
        return replace(found, blobs=image.blobs) if isinstance(found, Seed) else found

    def context(self, image: str) -> str:
        """A named context for bake: the image of a digest, or of a tag."""
        if self.folder is None:
            return f"docker-image://{self.place}{'@' if image.startswith('sha256:') else ':'}{image}"
        return f"oci-layout://{self.layout}{'@' if image.startswith('sha256:') else ':'}{image}"

    def output(self, tag: str, packing: str = PACKED, *, kept: bool = False) -> str:
        """An output for bake that puts an image there, and nowhere else unless it is ``kept`` in the engine too."""
        if self.folder is None:
            nowhere_else = "" if kept else "store=false,unpack=false,"
            return f"type=image,name={self.place}:{tag},push=true,{nowhere_else}oci-mediatypes=true,{packing}"
        return f"type=oci,dest={self.layout},tar=false,name=seeds:{tag},oci-mediatypes=true,{packing}"

    def named(self, tag: str) -> str:
        return f"{self.place}:{tag}" if self.folder is None else f"{self.place} ({tag})"


def _of_registry(reference: str, seconds: float) -> Image | None:
    asked = begun(lambda: engine.inspect_image(reference, "", seconds))
    text = engine.inspect_image(reference, "{{json .}}", seconds)
    if text is None:
        return None
    try:
        told = json.loads(text)
        digest, image = str(told["manifest"]["digest"]), told.get("image") or {}
        raw = asked.result()
        if raw is None or digest != f"sha256:{hashlib.sha256(raw.encode()).hexdigest()}":  # moved in this moment
            raw = engine.inspect_image(f"{reference.rpartition(':')[0]}@{digest}", "", seconds)
        manifest = json.loads(raw or "{}")
    except (ValueError, KeyError, TypeError):
        raise RegistryRefused(f"{reference} is no image that can be read") from None
    return _image(digest, manifest, image)


def _of_layout(layout: Path, tag: str) -> Image | None:
    entry = layouts.tags(layout).get(tag)
    if entry is None:
        return None
    try:
        manifest = json.loads(layouts.blob(layout, entry["digest"]))
        config = json.loads(layouts.blob(layout, manifest["config"]["digest"]))
    except (ValueError, KeyError, TypeError):
        raise RegistryRefused(f"{tag} in {layout} is no image that can be read", remedy="delete the folder") from None
    return _image(entry["digest"], manifest, config)


def _image(digest: str, manifest: Mapping[str, Any], config: Mapping[str, Any]) -> Image:
    count = len((config.get("rootfs") or {}).get("diff_ids") or [])
    listed = manifest.get("layers") or [{}] * count
    return Image(
        digest=digest,
        labels=(config.get("config") or {}).get("Labels") or {},
        layers=tuple(int(layer.get("size") or 0) for layer in listed),
        blobs=tuple(str(layer.get("digest") or "") for layer in listed),
    )
