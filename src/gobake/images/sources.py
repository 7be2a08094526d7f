"""Where images are: an OCI layout, an archive of `docker save`, an engine, a registry."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from msgspec import Struct

from gobake import engine
from gobake.errors import UsageError
from gobake.files.nofollow import Inside
from gobake.foreign import checks, oci
from gobake.foreign.checks import Unfit
from gobake.foreign.oci import Descriptor
from gobake.images import image as images
from gobake.images import tar
from gobake.images.image import Blobs, Image, Packed
from gobake.images.streams import Readable
from gobake.images.tar import Entry, Kind, Reader
from gobake.model import Platform
from gobake.registry import Repository
from gobake.text.printable import one_line

_DOWNLOAD_SECONDS = 900.0
_LARGEST_LAYER = 2 << 30  # bytes that are downloaded
_SHOWN = 120
_IMAGE_NAME = "io.containerd.image.name"  # annotation of what `docker save` writes, since Docker 25
_INDEX, _LEGACY = "index.json", "manifest.json"


class Opened(Struct, frozen=True, kw_only=True):
    """An image with the blobs that it consists of."""

    image: Image
    blobs: Blobs

    def read(self, wanted: Mapping[str, Path] | None = None) -> images.Contents:
        """Read its layers; ``wanted``: files to copy out, by path in the image."""
        return images.read(self.blobs, self.image, wanted)

    def copy_out(self, path: str, file: Path) -> bool:
        """Copy a file out, reading no more layers than needed; False if there is none."""
        return images.copy_out(self.blobs, self.image, path, file)


# ---- an OCI layout


class _Layout:
    def __init__(self, folder: Path) -> None:
        self.name = one_line(str(folder), _SHOWN)
        self._top = Inside(top=folder)
        self._blobs = self._top / "blobs" / "sha256"

    def roots(self) -> tuple[Descriptor, ...]:
        return oci.index(self._top.read(_INDEX))

    def manifest(self, digest: str) -> bytes:
        return self.read(digest)

    def read(self, digest: str) -> bytes:
        return _checked(self._blobs.read(checks.hex_of(digest), checks.LONGEST_JSON), digest)

    @contextlib.contextmanager
    def stream(self, digest: str) -> Iterator[Readable]:
        with self._blobs.opened(checks.hex_of(digest)) as file:
            yield file


def layout(folder: Path, wanted: Platform | None) -> Opened:
    """Open the image in an OCI layout. Raises UsageError."""
    blobs = _Layout(folder)
    try:
        roots = blobs.roots()
    except (OSError, Unfit):
        raise UsageError(f"{blobs.name} is not an OCI layout: it has no readable {_INDEX}") from None
    return Opened(image=images.choose(blobs, roots, wanted), blobs=blobs)


def _checked(data: bytes, digest: str) -> bytes:
    if oci.digest_of(data) != digest:
        raise Unfit("does not match its digest")
    return data


# ---- an archive


class _Archive:
    """A tar archive of a layout, or of `docker save` before Docker 25. Its members are found once, by offset."""

    def __init__(self, file: Path, name: str) -> None:
        self.name = name
        self._file = file
        self._members: dict[str, Entry] = {}
        with file.open("rb") as opened:
            for entry in Reader(opened):
                if entry.kind in (Kind.FILE, Kind.LINK):
                    self._members[entry.path] = entry

    def has(self, member: str) -> bool:
        return member in self._members

    def member(self, name: str, largest: int = checks.LONGEST_JSON) -> bytes:
        with self.opened(name) as stream:
            data = stream.read(largest + 1)
        if len(data) > largest:
            raise Unfit(f"has more than {largest >> 20} MiB")
        return data

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[Readable]:
        """Open a member; a link to another one is followed once. Raises FileNotFoundError."""
        entry = self._members.get(name)
        if entry and entry.kind is Kind.LINK:
            entry = self._members.get(tar.normal(f"{name.rpartition('/')[0]}/{entry.target}"))
        if entry is None or entry.kind is not Kind.FILE:
            raise FileNotFoundError(name)
        with self._file.open("rb") as file:
            file.seek(entry.at)
            yield _Part(file, entry.size)

    def manifest(self, digest: str) -> bytes:
        return self.read(digest)

    def read(self, digest: str) -> bytes:
        return _checked(self.member(f"blobs/sha256/{checks.hex_of(digest)}"), digest)

    def stream(self, digest: str) -> contextlib.AbstractContextManager[Readable]:
        return self.opened(f"blobs/sha256/{checks.hex_of(digest)}")


class _Part:
    """A number of bytes of a file."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


class _Legacy:
    """The layers of an archive without an index, by their place in the list."""

    def __init__(self, archive: _Archive, layers: list[str]) -> None:
        self.name = archive.name
        self._archive, self._layers = archive, layers
        self._at = 0

    def manifest(self, digest: str) -> bytes:
        return self.read(digest)

    def read(self, digest: str) -> bytes:
        raise FileNotFoundError(digest)

    def stream(self, digest: str) -> contextlib.AbstractContextManager[Readable]:
        """The layers have no digests, and are read in order."""
        name = self._layers[self._at % len(self._layers)]
        self._at += 1
        return self._archive.opened(name)


def archive(file: Path, wanted: Platform | None, name: str = "") -> Opened:
    """Open the image in an archive. Raises UsageError and OSError."""
    name = name or one_line(str(file), _SHOWN)
    try:
        blobs = _Archive(file, name)
        if blobs.has(_INDEX):
            return Opened(image=images.choose(blobs, oci.index(blobs.member(_INDEX)), wanted), blobs=blobs)
        if blobs.has(_LEGACY):
            return _legacy(blobs, wanted)
    except Unfit as error:
        raise UsageError(f"{name} is not an archive of an image, or damaged: it {error}") from None
    except FileNotFoundError:
        raise UsageError(f"{name} is not complete: a part of it is missing") from None
    raise UsageError(f"{name} is not an archive of an image: it has neither {_INDEX} nor {_LEGACY}")


def _legacy(blobs: _Archive, wanted: Platform | None) -> Opened:
    listed = checks.items(checks.parsed(blobs.member(_LEGACY)))
    if len(listed) != 1:
        raise UsageError(f"{blobs.name} has {len(listed)} images", remedy="save one image")
    fields = checks.mapping(listed[0])
    layers = [tar.normal(checks.label(layer)) for layer in checks.items(fields.get("Layers"))]
    data = blobs.member(tar.normal(checks.label(fields.get("Config"))))
    told = images.configured(data, len(layers))
    if wanted not in (None, told.platform):
        raise UsageError(f"{blobs.name} has no image for {wanted}", remedy=f"it has {told.platform}")
    image = Image(
        platform=told.platform,
        manifest="",
        stored=None,
        layers=tuple(Packed(digest="", size=0, instruction=instruction) for instruction in told.instructions),
        entrypoint=told.entrypoint,
        labels=told.labels,
        user=told.user,
        env=told.env,
    )
    return Opened(image=image, blobs=_Legacy(blobs, layers))


# ---- an engine


def of_engine(reference: str, wanted: Platform | None, scratch: Path) -> Opened | None:
    """Open an image of the engine's store; None if it has none of that name. Raises NoEngine and UsageError.

    ``scratch``: a folder for the archive, which must live as long as the image is read.
    """
    file = scratch / f"image-{os.urandom(4).hex()}.tar"
    if not engine.save_images((reference,), file):
        return None
    return archive(file, wanted, name=one_line(reference, _SHOWN))


class Saved:
    """Images of the engine's store in one archive, which has the layers that they share once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._blobs = _Archive(file, "the engine's archive of images")
            self._roots = oci.index(self._blobs.member(_INDEX))
        except (Unfit, FileNotFoundError) as error:
            raise UsageError(f"what `docker save` writes cannot be read: {error}", remedy="use Docker 25") from None

    def opened(self, reference: str, wanted: Platform) -> Opened:
        """Open one of the images. Raises UsageError."""
        names = (reference, f"docker.io/{reference}", f"docker.io/library/{reference}")
        roots = tuple(root for root in self._roots if root.annotations.get(_IMAGE_NAME) in names)
        return Opened(image=images.choose(self._blobs, roots, wanted), blobs=self._blobs)


def saved_by_engine(references: Sequence[str], scratch: Path) -> Saved:
    """Take several images from the engine's store at once. Raises NoEngine and UsageError."""
    file = scratch / f"images-{os.urandom(4).hex()}.tar"
    if not engine.save_images(references, file):
        raise UsageError(
            "the engine does not have all images that were built", remedy="build again with nothing that deletes them"
        )
    return Saved(file)


# ---- a registry


class _Remote:
    def __init__(self, reference: str) -> None:
        self.name = one_line(reference, _SHOWN)
        named, _, digest = reference.partition("@")
        repository, colon, tag = named.rpartition(":")
        if not colon or "/" in tag:  # the colon of a port, or none
            repository, tag = named, "latest"
        self.reference = digest or tag
        self._repository = Repository(repository, seconds=_DOWNLOAD_SECONDS)

    def root(self) -> Descriptor | None:
        found = self._repository.manifest(self.reference)
        return Descriptor(digest=found.digest) if found else None

    def manifest(self, digest: str) -> bytes:
        body = self._repository.manifest_bytes(digest)
        if body is None:
            raise FileNotFoundError(digest)
        return body

    def read(self, digest: str) -> bytes:
        return self._repository.blob(digest)

    @contextlib.contextmanager
    def stream(self, digest: str) -> Iterator[Readable]:
        yield io.BytesIO(self._repository.blob(digest, _LARGEST_LAYER))


def of_registry(reference: str, wanted: Platform | None) -> Opened | None:
    """Open an image of a registry; None if there is none. Raises RegistryRefused and UsageError."""
    blobs = _Remote(reference)
    root = blobs.root()
    return Opened(image=images.choose(blobs, (root,), wanted), blobs=blobs) if root else None
