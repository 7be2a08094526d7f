"""OCI layouts: which manifests a folder holds, by tag, and the blobs behind them.

https://specs.opencontainers.org/image-spec/image-layout/
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gobake.errors import RegistryRefused

_REF_NAME = "org.opencontainers.image.ref.name"


def tags(layout: Path) -> dict[str, Mapping[str, Any]]:
    """The descriptors of a layout by tag, none where there is no layout.

    Raises RegistryRefused for an index that cannot be read.
    """
    try:
        index = json.loads((layout / "index.json").read_bytes())
        named = [(tag_of(m), m) for m in index["manifests"]]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RegistryRefused(f"{layout / 'index.json'} cannot be read: {error}", remedy="delete the folder") from None
    return {tag: descriptor for tag, descriptor in named if tag}


def tag_of(descriptor: Mapping[str, Any]) -> str:
    """The tag of an entry of an index, "" for none. BuildKit 0.13 writes the whole reference, later ones the tag."""
    return str((descriptor.get("annotations") or {}).get(_REF_NAME, "")).rpartition(":")[2]


def blob(layout: Path, digest: str) -> bytes:
    """Raises RegistryRefused where it cannot be read."""
    file = blob_file(layout, digest)
    try:
        return file.read_bytes()
    except OSError as error:
        raise RegistryRefused(
            f"{file} cannot be read: {error.strerror}", remedy="delete the folder and save again"
        ) from None


def blob_file(layout: Path, digest: str) -> Path:
    algorithm, _, name = digest.partition(":")
    return layout / "blobs" / algorithm / name
