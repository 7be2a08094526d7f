"""The sizes of images, from the engine's own store or a registry; None or missing if unavailable."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from gobake.engine import api
from gobake.engine.builder import docker_command, not_started, refusal
from gobake.engine.imagetools import inspect_image
from gobake.errors import GobakeError, NoEngine
from gobake.foreign import oci
from gobake.foreign.checks import Unfit
from gobake.http import HttpError
from gobake.model import Platform
from gobake.proc import command
from gobake.proc.command import CommandError, Late, NotStarted

_API_SECONDS = 20.0
_SAVE_SECONDS = 600.0
_NOT_THERE = re.compile(r"(?i)no such image|not found|does not exist|invalid reference format")


class ImageSize(Struct, frozen=True, kw_only=True):
    """Bytes of one platform's image; None: unknown."""

    platform: Platform
    compressed: int | None
    uncompressed: int | None


def image_sizes(names: Sequence[str]) -> dict[str, tuple[ImageSize, ...]]:
    """Return sizes of images in the engine's store by name, for each platform.

    Source: Engine API 1.47, GET /images/json?manifests=1. Older engines do not report them; the result is then empty.
    """
    try:
        filters = quote(json.dumps({"reference": list(names)}))
        answer = _api(f"/v1.47/images/json?manifests=1&filters={filters}")
    except (OSError, ValueError, CommandError, HttpError, GobakeError):
        return {}
    if not isinstance(answer, list):
        return {}
    wanted = set(names)
    found: dict[str, tuple[ImageSize, ...]] = {}
    for image in answer:
        sizes = tuple(_manifest_sizes(image.get("Manifests") or []))
        for name in image.get("RepoTags") or []:
            if name in wanted:
                found[name] = sizes
    return found


def _manifest_sizes(manifests: list[dict[str, Any]]) -> Iterator[ImageSize]:
    for manifest in manifests:
        if manifest.get("Kind") != "image" or not manifest.get("Available"):
            continue
        data = manifest.get("ImageData") or {}
        told = data.get("Platform") or {}
        try:
            platform = _platform(told)
        except GobakeError:
            continue
        content = (manifest.get("Size") or {}).get("Content")
        unpacked = (data.get("Size") or {}).get("Unpacked")
        yield ImageSize(platform=platform, compressed=content, uncompressed=unpacked or None)


def _platform(told: Mapping[str, Any]) -> Platform:
    """Convert an OCI platform object. Raises UsageError for a platform that gobake does not build for."""
    return Platform.parse("/".join(filter(None, (told.get("os"), told.get("architecture"), told.get("variant")))))


def _api(path: str) -> Any:
    """Send one GET of the Engine API over the docker client's connection, whatever DOCKER_HOST or context."""
    with command.plugged([docker_command(), "system", "dial-stdio"], env=os.environ) as plug:
        return api.ask(plug, path, _API_SECONDS)


def save_images(references: Sequence[str], file: Path) -> bool:
    """Write images of the engine's store to a tar archive; False if the store lacks one of these names.

    Raises NoEngine.
    """
    words = [docker_command(), "save", "--output", str(file), *references]
    try:
        done = command.run(words, env=os.environ, seconds=_SAVE_SECONDS)
    except NotStarted as error:
        raise not_started(words[0], error) from None
    except Late:
        raise NoEngine(f"`docker save {references[0]}` did not end within {_SAVE_SECONDS:g} s") from None
    if done.code == 0:
        return True
    if _NOT_THERE.search(done.err):
        return False
    raise refusal(done.err, ("save", *references))


def registry_digest(reference: str) -> str:
    """Return the digest that the engine on the docker client's socket finds for an image, without a login.

    It asks the registry, or a mirror that it knows; "" if it finds none or cannot be asked.
    https://docs.docker.com/reference/api/engine: DistributionInspect
    """
    answer = api.get(f"/v1.44/distribution/{quote(reference, safe='')}/json", _API_SECONDS)
    found = answer.get("Descriptor") if isinstance(answer, dict) else None
    return str(found.get("digest") or "") if isinstance(found, dict) else ""


def remote_sizes(reference: str) -> tuple[ImageSize, ...]:
    """Return compressed sizes of a pushed image from the registry's manifests; () if unavailable."""
    try:
        index = _manifest(reference)
        repository = re.sub(r"@.*|:[^:/]*$", "", reference)
        found = []
        for entry in index.manifests:
            if entry.platform.get("os") != "linux":
                continue
            manifest = _manifest(f"{repository}@{entry.digest}")
            total = sum(part.size for part in manifest.parts) + entry.size
            found.append(ImageSize(platform=_platform(entry.platform), compressed=total, uncompressed=None))
        return tuple(found)
    except (GobakeError, Unfit):
        return ()


def _manifest(reference: str) -> oci.Manifest:
    """Raises Unfit, and what `inspect_image` raises."""
    return oci.manifest((inspect_image(reference, "", _API_SECONDS) or "").encode())
