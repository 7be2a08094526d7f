"""Manifests, indexes and configurations of images as others wrote them, read into values. Pure.

https://specs.opencontainers.org/image-spec/
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gobake.foreign import checks
from gobake.foreign.checks import Unfit

REF_NAME = "org.opencontainers.image.ref.name"
_LAYOUT_VERSIONS = ("1.0.0",)
_MOST_PARTS = 20_000  # of a manifest; engines stop at some hundred layers, a layer cache has more


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """What a manifest or an index says of a blob."""

    digest: str
    size: int = 0  # bytes; 0 where it is not told
    kind: str = ""  # media type
    annotations: Mapping[str, str] = field(default_factory=dict)
    platform: Mapping[str, str] = field(default_factory=dict)  # os, architecture, variant, where an index tells them

    @property
    def is_manifest(self) -> bool:
        """Whether it has parts itself."""
        return "manifest" in self.kind or "index" in self.kind

    @property
    def tag(self) -> str:
        """Its tag in a layout, "" for none. BuildKit 0.13 writes the whole reference, later ones the tag."""
        named = self.annotations.get(REF_NAME, "").rpartition(":")[2]
        return checks.tag(named) if named else ""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A manifest, or an index of manifests."""

    digest: str  # of its bytes
    kind: str = ""  # of what an artifact is; "" for an image
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()

    @property
    def parts(self) -> Iterator[Descriptor]:
        if self.config:
            yield self.config
        yield from self.layers
        yield from self.manifests


@dataclass(frozen=True, kw_only=True)
class Config:
    """An image's configuration, as far as a seed needs it."""

    labels: Mapping[str, str]
    created: str = ""
    layers: int = 0  # that it is made of


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def manifest(data: bytes) -> Manifest:
    """Raises Unfit."""
    found = checks.parsed_object(data)
    read = Manifest(
        digest=digest_of(data),
        kind=_word(found.get("artifactType")),
        config=_descriptor(found["config"]) if found.get("config") else None,
        layers=_descriptors(found.get("layers")),
        manifests=_descriptors(found.get("manifests")),
    )
    if read.config is None and not read.manifests and "manifests" not in found:
        raise Unfit("is not a manifest")
    return read


def index(data: bytes) -> tuple[Descriptor, ...]:
    """The index.json of a layout. Raises Unfit."""
    found = checks.parsed_object(data)
    if not isinstance(found.get("manifests"), list):
        raise Unfit("is not an index of manifests")
    return _descriptors(found["manifests"])


def config(data: bytes) -> Config:
    """Raises Unfit."""
    found = checks.parsed_object(data)
    inner = checks.mapping(found.get("config") or {})
    return Config(
        labels=checks.labels(inner.get("Labels")),
        created=_word(found.get("created")),
        layers=len(checks.items(checks.mapping(found.get("rootfs") or {}).get("diff_ids"))),
    )


def layout_version(data: bytes) -> str:
    """The oci-layout file of a layout. Raises Unfit."""
    version = checks.parsed_object(data).get("imageLayoutVersion")
    if version not in _LAYOUT_VERSIONS:
        raise Unfit("is not a layout of a version that gobake knows")
    return str(version)


def _descriptors(listed: object) -> tuple[Descriptor, ...]:
    found = checks.items(listed)
    if len(found) > _MOST_PARTS:
        raise Unfit(f"has more than {_MOST_PARTS} parts")
    return tuple(_descriptor(one) for one in found)


def _descriptor(value: Any) -> Descriptor:
    told = checks.mapping(value)
    return Descriptor(
        digest=checks.digest(told.get("digest")),
        size=checks.count(told.get("size")),
        kind=_word(told.get("mediaType")),
        annotations=checks.labels(told.get("annotations")),
        platform=checks.labels(told.get("platform")),
    )


def _word(value: object) -> str:
    return "" if value is None else checks.label(value)
