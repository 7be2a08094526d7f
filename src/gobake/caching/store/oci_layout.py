"""OCI layouts: which manifests a folder holds, by tag, and the blobs behind them.

https://specs.opencontainers.org/image-spec/image-layout/

A layout is a folder that others may have written: its files are reached without links, and a blob is what its digest
says or is refused.
"""

from __future__ import annotations

import contextlib
import errno
import stat
from typing import Any

from gobake.errors import RegistryRefused
from gobake.files.nofollow import Inside
from gobake.foreign import checks, oci
from gobake.foreign.checks import Unfit
from gobake.foreign.oci import Config, Descriptor, Manifest

INDEX = "index.json"
_VERSION = "oci-layout"


def index(layout: Inside) -> tuple[Descriptor, ...]:
    """What the layout's index names, nothing where there is no layout. Raises RegistryRefused."""
    try:
        data = layout.read(INDEX)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _unread(layout, INDEX, error, "delete the folder") from None
    try:
        _require_known(layout)
        return oci.index(data)
    except (OSError, Unfit) as error:
        raise _unread(layout, INDEX, error, "delete the folder") from None


def _require_known(layout: Inside) -> None:
    """Raises OSError or Unfit for a layout of another version. One that says none is read as the one that there is."""
    with contextlib.suppress(FileNotFoundError):
        oci.layout_version(layout.read(_VERSION, 4096))


def tags(layout: Inside) -> dict[str, Descriptor]:
    """The descriptors of a layout by tag, none where there is no layout. Raises RegistryRefused."""
    found = {}
    for descriptor in index(layout):
        if tag := tag_of(descriptor):
            found[tag] = descriptor
    return found


def tag_of(descriptor: Descriptor) -> str:
    """Its tag; "" for none, and for what is none."""
    try:
        return descriptor.tag
    except Unfit:
        return ""


def blobs(layout: Inside) -> Inside:
    """The folder of its blobs."""
    return layout / "blobs" / "sha256"


def blob(layout: Inside, digest: str, largest: int = checks.LONGEST_JSON) -> bytes:
    """Raises RegistryRefused where it cannot be read, or is another than its digest says."""
    return blob_in(blobs(layout), digest, largest)


def blob_in(folder: Inside, digest: str, largest: int = checks.LONGEST_JSON) -> bytes:
    """The same of a folder of blobs, which several layouts may have together."""
    try:
        name = checks.hex_of(digest)
        content = folder.read(name, largest)
    except (OSError, Unfit) as error:
        raise _unread(folder, digest, error, "delete the folder and save again") from None
    if oci.digest_of(content) != digest:
        raise RegistryRefused(f"{folder.path / name} is damaged", remedy="delete the folder and save again")
    return content


def manifest(layout: Inside, digest: str) -> Manifest:
    """Raises RegistryRefused."""
    try:
        return oci.manifest(blob(layout, digest))
    except Unfit as error:
        raise _unread(layout, digest, error, "delete the folder") from None


def config(layout: Inside, digest: str) -> Config:
    """Raises RegistryRefused."""
    try:
        return oci.config(blob(layout, digest))
    except Unfit as error:
        raise _unread(layout, digest, error, "delete the folder") from None


def require_plain(layout: Inside) -> None:
    """Raises OSError where a program that writes into the layout would be led elsewhere by a link."""
    for place in (layout, layout / "blobs", blobs(layout), layout / "ingest"):
        try:
            entries = place.entries()
        except FileNotFoundError:
            continue
        for name, status in entries.items():
            if stat.S_ISLNK(status.st_mode):
                raise OSError(errno.ELOOP, f"{name} is a link", str(place.path))


def _unread(folder: Inside, name: str, error: Any, remedy: str) -> RegistryRefused:
    reason = getattr(error, "strerror", None) or str(error)
    return RegistryRefused(f"{folder.path}: {name} cannot be read: {reason}", remedy=remedy)
