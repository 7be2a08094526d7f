"""OCI layouts: the manifests in a folder, by tag, and their blobs.

https://specs.opencontainers.org/image-spec/image-layout/

Others may have written the folder: gobake follows no links in it and refuses a blob that does not match its digest.
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
    """The descriptors in the layout's index; () if there is no layout. Raises RegistryRefused."""
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
    """Raises OSError or Unfit for a layout of another version. A layout without a version is accepted."""
    with contextlib.suppress(FileNotFoundError):
        oci.layout_version(layout.read(_VERSION, 4096))


def tags(layout: Inside) -> dict[str, Descriptor]:
    """The descriptors of a layout by tag; empty if there is no layout. Raises RegistryRefused."""
    found = {}
    for descriptor in index(layout):
        if tag := tag_of(descriptor):
            found[tag] = descriptor
    return found


def tag_of(descriptor: Descriptor) -> str:
    """The tag of a descriptor; "" for none, and for an invalid one."""
    try:
        return descriptor.tag
    except Unfit:
        return ""


def blobs(layout: Inside) -> Inside:
    """The folder of a layout's blobs."""
    return layout / "blobs" / "sha256"


def blob(layout: Inside, digest: str, largest: int = checks.LONGEST_JSON) -> bytes:
    """The content of a blob. Raises RegistryRefused if it is unreadable or does not match its digest."""
    return blob_in(blobs(layout), digest, largest)


def blob_in(folder: Inside, digest: str, largest: int = checks.LONGEST_JSON) -> bytes:
    """`blob` for a folder of blobs, which several layouts may share."""
    try:
        name = checks.hex_of(digest)
        content = folder.read(name, largest)
    except (OSError, Unfit) as error:
        raise _unread(folder, digest, error, "delete the folder and save again") from None
    if oci.digest_of(content) != digest:
        raise RegistryRefused(f"{folder.path / name} is damaged", remedy="delete the folder and save again")
    return content


def manifest(layout: Inside, digest: str) -> Manifest:
    """The manifest with a digest. Raises RegistryRefused."""
    try:
        return oci.manifest(blob(layout, digest))
    except Unfit as error:
        raise _unread(layout, digest, error, "delete the folder") from None


def config(layout: Inside, digest: str) -> Config:
    """The image configuration with a digest. Raises RegistryRefused."""
    try:
        return oci.config(blob(layout, digest))
    except Unfit as error:
        raise _unread(layout, digest, error, "delete the folder") from None


def require_plain(layout: Inside) -> None:
    """Raises OSError if a link would lead a program that writes to the layout elsewhere."""
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
