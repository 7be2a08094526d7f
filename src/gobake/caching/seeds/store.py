"""Seeds in the cache store, a registry repository or a folder, each under its own tag.

The folder is an OCI layout (https://specs.opencontainers.org/image-spec/image-layout/), which a CI's own cache can
carry from run to run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gobake import engine
from gobake.caching.policy.place import CacheStore
from gobake.caching.seeds.seed import Seed, SeedKey, read_seed
from gobake.caching.store import oci_layout as layouts
from gobake.errors import RegistryRefused
from gobake.files.nofollow import Inside
from gobake.foreign import checks, oci
from gobake.foreign.checks import Unfit
from gobake.foreign.oci import Config, Manifest
from gobake.proc import futures
from gobake.registry import Repository

# Level 1 is a tenth larger than the default and takes half its time; a seed is read only a few times.
PACKED = "compression=zstd,compression-level=1"
_NAMING_SECONDS = 20.0


class Image(Struct, frozen=True, kw_only=True):
    """An image, as its store describes it."""

    digest: str
    labels: Mapping[str, str]
    layers: tuple[int, ...]  # bytes of each, as stored; 0 unknown
    blobs: tuple[str, ...]  # digest of each; "" unknown


class SeedStore(CacheStore, frozen=True, kw_only=True):
    """A cache store as the place of seeds."""

    @property
    def place(self) -> str:
        """The name in messages."""
        return self.shown

    @property
    def layout(self) -> Path:
        """The folder's OCI layout."""
        return self.inside.path

    @property
    def inside(self) -> Inside:
        """The folder's OCI layout, for reading and writing."""
        assert self.folder
        return Inside(top=self.folder) / "seeds"

    def look(self, tag: str, seconds: float) -> Image | None:
        """The image of a tag, or in a registry of a digest; None if there is none.

        Raises RegistryRefused if the store cannot be read.
        """
        if self.folder is None:
            return _of_registry(f"{self.place}{'@' if tag.startswith('sha256:') else ':'}{tag}", seconds)
        return _of_layout(self.inside, tag)

    def seed(self, tag: str, key: SeedKey, seconds: float) -> Seed | str | None:
        """The seed of a tag, None if there is no image, or why the image is not a seed for ``key``. Raises
        RegistryRefused if the store cannot be read."""
        image = self.look(tag, seconds)
        if image is None:
            return None
        packed = sum(image.layers) or None
        # the first layer is the restoring program
        found = read_seed(tag, image.digest, len(image.layers) - 1, packed, image.labels, key)
        return replace(found, blobs=image.blobs) if isinstance(found, Seed) else found

    def context(self, image: str) -> str:
        """The named context for bake of an image, given by digest or tag."""
        if self.folder is None:
            return f"docker-image://{self.place}{'@' if image.startswith('sha256:') else ':'}{image}"
        return f"oci-layout://{self.layout}{'@' if image.startswith('sha256:') else ':'}{image}"

    def output(self, tag: str, packing: str = PACKED, *, kept: bool = False) -> str:
        """The output for bake that writes an image to the store, and with ``kept`` into the engine too.

        ``tag``: "" for none, in a registry: the image is known by its digest alone.
        """
        if self.folder is None and not tag:
            words = "push=true,push-by-digest=true,name-canonical=true,store=false,unpack=false,oci-mediatypes=true"
            return f"type=image,name={self.place},{words},{packing}"
        if self.folder is None:
            nowhere_else = "" if kept else "store=false,unpack=false,"
            return f"type=image,name={self.place}:{tag},push=true,{nowhere_else}oci-mediatypes=true,{packing}"
        return f"type=oci,dest={self.layout},tar=false,name=seeds:{tag},oci-mediatypes=true,{packing}"

    def name(self, digest: str, tag: str, builder: str) -> None:
        """Give an image in a registry a tag. Raises RegistryRefused, NoEngine, NoBuildx."""
        try:
            Repository(self.place, seconds=_NAMING_SECONDS).tag(digest, [tag])
        except RegistryRefused:  # the builder may have other certificates, or an engine's permission to use http
            engine.name_image([f"{self.place}:{tag}"], [f"{self.place}@{digest}"], builder, {})

    def named(self, tag: str) -> str:
        return f"{self.place}:{tag}" if self.folder is None else f"{self.place} ({tag})"


def _of_registry(reference: str, seconds: float) -> Image | None:
    raw_manifest = futures.start(lambda: engine.inspect_image(reference, "", seconds))
    text = engine.inspect_image(reference, "{{json .}}", seconds)
    if text is None:
        return None
    try:
        inspected = checks.parsed_object(text.encode())
        digest = checks.digest(checks.mapping(inspected.get("manifest")).get("digest"))
        config = oci.config(json.dumps(inspected.get("image") or {}).encode())
        raw = raw_manifest.result()
        if raw is None or digest != oci.digest_of(raw.encode()):  # the tag moved between the two requests
            raw = engine.inspect_image(f"{reference.rpartition(':')[0]}@{digest}", "", seconds)
        manifest = oci.manifest((raw or "").encode())
    except Unfit:
        raise RegistryRefused(f"{reference} is not a readable image") from None
    if manifest.digest != digest:
        raise RegistryRefused(f"{reference} does not match its digest")
    return _image(digest, manifest, config)


def _of_layout(layout: Inside, tag: str) -> Image | None:
    entry = layouts.tags(layout).get(tag)
    if entry is None:
        return None
    manifest = layouts.manifest(layout, entry.digest)
    if manifest.config is None:
        raise RegistryRefused(f"{tag} in {layout.path} is not an image", remedy="delete the folder")
    return _image(entry.digest, manifest, layouts.config(layout, manifest.config.digest))


def _image(digest: str, manifest: Manifest, config: Config) -> Image:
    """The image of a manifest; if it names no layers, the configuration has at least their number."""
    return Image(
        digest=digest,
        labels=config.labels,
        layers=tuple(layer.size for layer in manifest.layers) or (0,) * config.layers,
        blobs=tuple(layer.digest for layer in manifest.layers) or ("",) * config.layers,
    )
