"""The index of images that were built apart, byte for byte as BuildKit writes it for all of them at once. Pure.

moby/buildkit, exporter/containerimage/writer.go: first the images in the order of their platforms, then what attests
them, as Go's encoding/json indents it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from gobake.foreign import checks, oci
from gobake.foreign.checks import Unfit
from gobake.model import Platform

KIND = "application/vnd.oci.image.index.v1+json"
_KINDS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
_KEYS = ("mediaType", "digest", "size", "annotations", "platform")  # of a descriptor, in Go's order
_ESCAPED = ("<", ">", "&", "\u2028", "\u2029")  # by Go, also in texts


class Part(Struct, frozen=True, kw_only=True):
    """What was pushed at once: the manifest of one platform, or an index of several, or of images and attestations."""

    platforms: tuple[Platform, ...]
    text: bytes
    annotations: Mapping[Platform, Mapping[str, str]] = {}  # of the descriptors of its images


def index_of(parts: Sequence[Part], annotations: Mapping[str, str]) -> bytes:
    """Return the text of the index of all parts. Raises Unfit for a part that is not of its platforms."""
    images: list[tuple[Platform, dict[str, Any]]] = []
    others: list[dict[str, Any]] = []
    for part in parts:
        found, attestations = _opened(part)
        images += found
        others += attestations
    images.sort(key=lambda image: image[0])
    order = {image["digest"]: at for at, (_, image) in enumerate(images)}
    others.sort(key=lambda other: order.get(_subject(other), len(order)))
    index: dict[str, Any] = {"schemaVersion": 2, "mediaType": KIND}
    index["manifests"] = [*(image for _, image in images), *others]
    if annotations:
        index["annotations"] = dict(sorted(annotations.items()))
    text = json.dumps(index, indent=2, ensure_ascii=False)
    for sign in _ESCAPED:
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text.encode()


def _opened(part: Part) -> tuple[list[tuple[Platform, dict[str, Any]]], list[dict[str, Any]]]:
    """Return the descriptors of the images, with their platforms, and of the attestations."""
    manifest, fields = oci.manifest(part.text), checks.parsed_object(part.text)
    if "manifests" not in fields:
        kind = fields.get("mediaType", _KINDS[0])
        if kind not in _KINDS or len(part.platforms) != 1:
            raise Unfit(_strange(part))
        (platform,) = part.platforms
        one = {"mediaType": kind, "digest": manifest.digest, "size": len(part.text), "platform": _names(platform)}
        return [(platform, _annotated(part, platform, one))], []
    images, others = [], []
    by_names: dict[tuple[tuple[str, str], ...], Platform] = {
        tuple(_names(platform).items()): platform for platform in part.platforms
    }
    for known, found in zip(manifest.manifests, checks.items(fields["manifests"]), strict=True):
        descriptor = {key: found[key] for key in _KEYS if key in found}
        names = {key: known.platform[key] for key in ("architecture", "os", "variant") if known.platform.get(key)}
        if names.get("os") == "unknown":
            others.append(descriptor)
        elif tuple(names.items()) in by_names:
            platform = by_names.pop(tuple(names.items()))
            images.append((platform, _annotated(part, platform, descriptor)))
        else:
            raise Unfit(_strange(part))
    if by_names:
        raise Unfit(_strange(part))
    return images, others


def _annotated(part: Part, platform: Platform, descriptor: dict[str, Any]) -> dict[str, Any]:
    annotations = {**descriptor.get("annotations", {}), **part.annotations.get(platform, {})}
    found = descriptor | ({"annotations": dict(sorted(annotations.items()))} if annotations else {})
    return {key: found[key] for key in _KEYS if key in found}


def _strange(part: Part) -> str:
    return f"is not an image of {', '.join(map(str, part.platforms))}"


def _subject(attestation: Mapping[str, Any]) -> object:
    annotations = attestation.get("annotations")
    return annotations.get("vnd.docker.reference.digest") if isinstance(annotations, dict) else None


def _names(platform: Platform) -> dict[str, str]:
    variant = {"variant": platform.variant} if platform.variant else {}
    return {"architecture": platform.arch, "os": platform.os, **variant}
