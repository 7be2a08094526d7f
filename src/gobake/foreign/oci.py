"""Parses untrusted manifests, indexes and image configurations into values. Pure.

https://specs.opencontainers.org/image-spec/
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from gobake.foreign import checks
from gobake.foreign.checks import Unfit

REF_NAME = "org.opencontainers.image.ref.name"
_LAYOUT_VERSIONS = ("1.0.0",)
_MOST_PARTS = 20_000  # of a manifest; engines allow a few hundred layers, a layer cache has more


class Descriptor(Struct, frozen=True, kw_only=True):
    """A reference to a blob in a manifest or index."""

    digest: str
    size: int = 0  # bytes; 0 if not given
    kind: str = ""  # media type
    annotations: Mapping[str, str] = {}
    platform: Mapping[str, str] = {}  # os, architecture, variant; empty if not given

    @property
    def is_manifest(self) -> bool:
        """Whether it refers to a manifest or an index."""
        return "manifest" in self.kind or "index" in self.kind

    @property
    def tag(self) -> str:
        """Its tag in a layout; "" for none. BuildKit 0.13 writes the whole reference, later versions the tag."""
        named = self.annotations.get(REF_NAME, "").rpartition(":")[2]
        return checks.tag(named) if named else ""


class Manifest(Struct, frozen=True, kw_only=True):
    """A manifest, or an index of manifests."""

    digest: str  # of its bytes
    kind: str = ""  # artifactType; "" for an image
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()
    subject: str = ""  # digest of the manifest that it is about, as of a signature
    annotations: Mapping[str, str] = {}

    @property
    def parts(self) -> Iterator[Descriptor]:
        """All blobs and manifests that it refers to."""
        if self.config:
            yield self.config
        yield from self.layers
        yield from self.manifests


class Config(Struct, frozen=True, kw_only=True):
    """An image's configuration, as far as a seed needs it."""

    labels: Mapping[str, str]
    created: str = ""
    layers: int = 0  # how many layers the image has


def digest_of(data: bytes) -> str:
    """Return the sha256 digest of the data."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def manifest(data: bytes) -> Manifest:
    """Parse a manifest or an index. Raises Unfit."""
    fields = checks.parsed_object(data)
    parsed = Manifest(
        digest=digest_of(data),
        kind=_word(fields.get("artifactType")),
        config=_descriptor(fields["config"]) if fields.get("config") else None,
        layers=_descriptors(fields.get("layers")),
        manifests=_descriptors(fields.get("manifests")),
        subject=_descriptor(fields["subject"]).digest if fields.get("subject") else "",
        annotations=checks.labels(fields.get("annotations")),
    )
    if parsed.config is None and not parsed.manifests and "manifests" not in fields:
        raise Unfit("is not a manifest")
    return parsed


def index(data: bytes) -> tuple[Descriptor, ...]:
    """Parse the index.json of a layout. Raises Unfit."""
    fields = checks.parsed_object(data)
    if not isinstance(fields.get("manifests"), list):
        raise Unfit("is not an index of manifests")
    return _descriptors(fields["manifests"])


def config(data: bytes) -> Config:
    """Parse an image configuration. Raises Unfit."""
    fields = checks.parsed_object(data)
    inner = checks.mapping(fields.get("config") or {})
    return Config(
        labels=checks.labels(inner.get("Labels")),
        created=_word(fields.get("created")),
        layers=len(checks.items(checks.mapping(fields.get("rootfs") or {}).get("diff_ids"))),
    )


def layout_version(data: bytes) -> str:
    """Parse the oci-layout file of a layout. Raises Unfit."""
    version = checks.parsed_object(data).get("imageLayoutVersion")
    if version not in _LAYOUT_VERSIONS:
        raise Unfit("has a layout version that gobake does not know")
    return str(version)


def _descriptors(listed: object) -> tuple[Descriptor, ...]:
    values = checks.items(listed)
    if len(values) > _MOST_PARTS:
        raise Unfit(f"has more than {_MOST_PARTS} parts")
    return tuple(_descriptor(value) for value in values)


def _descriptor(value: Any) -> Descriptor:
    fields = checks.mapping(value)
    return Descriptor(
        digest=checks.digest(fields.get("digest")),
        size=checks.count(fields.get("size")),
        kind=_word(fields.get("mediaType")),
        annotations=checks.labels(fields.get("annotations")),
        platform=checks.labels(fields.get("platform")),
    )


def _word(value: object) -> str:
    return "" if value is None else checks.label(value)
