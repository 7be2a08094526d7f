"""What an image consists of: its layers by instruction, with the files that each adds, changes and removes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from gobake.errors import RegistryRefused, UsageError
from gobake.foreign import checks, oci
from gobake.foreign.checks import Unfit
from gobake.foreign.oci import Descriptor, Manifest
from gobake.images import tar
from gobake.images.streams import Hashed, Readable, unpacked
from gobake.images.tar import Entry, Kind, Reader
from gobake.model import Platform
from gobake.text.printable import one_line

_ATTESTATION = "vnd.docker.reference.type"  # annotation of what is no image in an index
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_DEEPEST = 4  # indexes within indexes
_SHOWN = 200  # characters of an instruction
_MOST_FILES = 4_000_000
_LARGEST_COPY = 4 << 30  # bytes of a file that is copied out


class Blobs(Protocol):
    """Where the parts of an image are."""

    name: str  # for messages

    def manifest(self, digest: str) -> bytes:
        """Return a manifest or an index. Raises Unfit, OSError or a GobakeError."""

    def read(self, digest: str) -> bytes:
        """Return another small blob. Raises the same."""

    def stream(self, digest: str) -> contextlib.AbstractContextManager[Readable]:
        """Open a blob; it need not have been checked."""


class Packed(Struct, frozen=True, kw_only=True):
    """A layer as it is stored."""

    digest: str  # of the stored bytes
    size: int  # stored bytes
    instruction: str  # that made it; "" if unknown


class Image(Struct, frozen=True, kw_only=True):
    """An image of one platform, with the places of its layers."""

    platform: Platform
    manifest: str  # digest; "" in an archive without manifests
    stored: int | None  # bytes of manifest, configuration and layers, as a registry counts; None if not stored packed
    layers: tuple[Packed, ...]
    entrypoint: tuple[str, ...] = ()
    labels: Mapping[str, str] = {}
    user: str = ""  # "" is root
    env: Mapping[str, str] = {}


class File(Struct, frozen=True, kw_only=True):
    """A file of the image that a container sees."""

    size: int
    mode: int
    layer: int  # index of its layer


class Layer(Struct, frozen=True, kw_only=True):
    """A layer with what it does to the files below."""

    digest: str
    instruction: str
    stored: int  # bytes as stored
    compressed: bool = False  # whether they are stored compressed
    bytes: int = 0  # of the contents of its files
    added: int = 0  # files, also links
    changed: int = 0
    removed: int = 0
    wasted: int = 0  # bytes of its files that later layers replace or remove


class Contents(Struct, frozen=True, kw_only=True):
    """All layers of an image, and the files that are left in the end."""

    layers: tuple[Layer, ...]
    files: Mapping[str, File]  # by path, without a leading slash

    @property
    def bytes(self) -> int:
        """Of all files that a container sees."""
        return sum(file.size for file in self.files.values())

    @property
    def wasted(self) -> int:
        return sum(layer.wasted for layer in self.layers)


# ---- which image


def choose(blobs: Blobs, roots: tuple[Descriptor, ...], wanted: Platform | None) -> Image:
    """Choose the image for a platform. Raises UsageError if there is none, or several and none is wanted."""
    with whole(blobs):
        found = dict(_images(blobs, roots, 0))
    if wanted is not None and wanted in found:
        return found[wanted]
    there = ", ".join(map(str, sorted(found)))
    if not found:
        raise UsageError(f"{blobs.name} has no image")
    if wanted is not None:
        raise UsageError(f"{blobs.name} has no image for {wanted}", remedy=f"it has {there}")
    if len(found) > 1:
        raise UsageError(f"{blobs.name} has several platforms", remedy=f"choose one with --platform: {there}")
    return next(iter(found.values()))


def _images(blobs: Blobs, roots: tuple[Descriptor, ...], depth: int) -> Iterator[tuple[Platform, Image]]:
    for root in roots:
        if _ATTESTATION in root.annotations or depth > _DEEPEST:
            continue
        try:
            data = blobs.manifest(root.digest)
        except FileNotFoundError:
            if depth == 0:
                raise
            continue  # an engine that pulled one platform still has the index of all
        manifest = oci.manifest(data)
        if manifest.manifests:
            yield from _images(blobs, manifest.manifests, depth + 1)
        elif manifest.config and not manifest.kind:
            with contextlib.suppress(UsageError, FileNotFoundError):  # a platform that Go does not build for
                image = _image(blobs, manifest, len(data))
                yield image.platform, image


def _image(blobs: Blobs, manifest: Manifest, size: int) -> Image:
    assert manifest.config
    layers = manifest.layers
    told = configured(blobs.read(manifest.config.digest), len(layers))
    return Image(
        platform=told.platform,
        manifest=manifest.digest,
        stored=size + sum(part.size for part in manifest.parts),
        layers=tuple(
            Packed(digest=layer.digest, size=layer.size, instruction=instruction)
            for layer, instruction in zip(layers, told.instructions, strict=True)
        ),
        entrypoint=told.entrypoint,
        labels=told.labels,
        user=told.user,
        env=told.env,
    )


class Configured(Struct, frozen=True, kw_only=True):
    """What an image's configuration tells."""

    platform: Platform
    instructions: tuple[str, ...]  # by layer
    entrypoint: tuple[str, ...]
    labels: Mapping[str, str]
    user: str
    env: Mapping[str, str]


def configured(data: bytes, layers: int) -> Configured:
    """Read a configuration. Raises Unfit, and UsageError for a platform that Go does not build for."""
    fields = checks.parsed_object(data)
    words = (fields.get("os"), fields.get("architecture"), fields.get("variant"))
    platform = Platform.parse("/".join(checks.label(word) for word in words if word))
    history = [checks.mapping(step) for step in checks.items(fields.get("history"))]
    made = [_instruction(step.get("created_by")) for step in history if not step.get("empty_layer")]
    if len(made) != layers:
        made = [""] * layers  # tools may write any history
    inner = checks.mapping(fields.get("config") or {})
    entrypoint = checks.items(inner.get("Entrypoint"))
    return Configured(
        platform=platform,
        instructions=tuple(made),
        entrypoint=tuple(one_line(word, _SHOWN) for word in entrypoint if isinstance(word, str)),
        labels=checks.labels(inner.get("Labels")),
        user=one_line(_text(inner.get("User")), _SHOWN),
        env=_env(checks.items(inner.get("Env"))),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _env(words: Iterable[object]) -> dict[str, str]:
    settings = (_text(word).partition("=") for word in words)
    return {name: value for name, _, value in settings if name}


def _instruction(text: object) -> str:
    """As in a Dockerfile: without the shell of RUN, and without BuildKit's comment."""
    line = one_line(_text(text), _SHOWN)
    line = line.removeprefix("/bin/sh -c ").removeprefix("#(nop) ").strip()
    return line.removesuffix("# buildkit").strip()


# ---- what is in it


def read(blobs: Blobs, image: Image, wanted: Mapping[str, Path] | None = None) -> Contents:
    """Read all layers. ``wanted``: files to copy out, by path in the image: the last of each path counts.

    Raises UsageError, and RegistryRefused for a registry's.
    """
    state = _State(wanted or {})
    with whole(blobs):
        for number, layer in enumerate(image.layers):
            with blobs.stream(layer.digest) as stored:
                hashed = Hashed(stored)
                state.begin(number)
                plain, state.layers[-1].compressed = unpacked(hashed)
                reader = Reader(plain)
                for entry in reader:
                    state.apply(entry, reader)
                state.end()
                if layer.digest:
                    hashed.require(layer.digest)
    counted = zip(image.layers, state.layers, strict=True)
    layers = (
        Layer(
            digest=packed.digest,
            instruction=packed.instruction,
            stored=packed.size,
            compressed=count.compressed,
            bytes=count.bytes,
            added=count.added,
            changed=count.changed,
            removed=count.removed,
            wasted=count.wasted,
        )
        for packed, count in counted
    )
    return Contents(layers=tuple(layers), files=state.files)


def copy_out(blobs: Blobs, image: Image, path: str, file: Path) -> bool:
    """Copy the file of the topmost layer that has the path; the layers below are not read. False if none has it.

    Raises UsageError, and RegistryRefused for a registry's.
    """
    for layer in reversed(image.layers):
        state = _State({path: file})
        with whole(blobs), blobs.stream(layer.digest) as stored:
            hashed = Hashed(stored)
            state.begin(0)
            reader = Reader(unpacked(hashed)[0])
            for entry in reader:
                state.apply(entry, reader)
            if layer.digest:
                hashed.require(layer.digest)
        if file.exists():
            return True
    return False


class _Count:
    def __init__(self) -> None:
        self.compressed = False
        self.bytes = self.added = self.changed = self.removed = self.wasted = 0


class _State:
    """The files after each layer."""

    def __init__(self, wanted: Mapping[str, Path]) -> None:
        self._wanted = {tar.normal(path): file for path, file in wanted.items()}
        self.files: dict[str, File] = {}
        self.layers: list[_Count] = []
        self._emptied: set[str] = set()  # folders without what earlier layers have in them

    def begin(self, number: int) -> None:
        assert number == len(self.layers)
        self.layers.append(_Count())

    def apply(self, entry: Entry, reader: Reader) -> None:
        count, number = self.layers[-1], len(self.layers) - 1
        folder, _, name = entry.path.rpartition("/")
        if name == _OPAQUE:
            self._emptied.add(folder)
        elif name.startswith(_WHITEOUT):
            gone = f"{folder}/{name.removeprefix(_WHITEOUT)}".lstrip("/")
            if gone in self.files:
                self._drop(gone, removed=True)
            else:
                self._emptied.add(gone)
        elif entry.kind is not Kind.FOLDER and entry.path:
            if len(self.files) > _MOST_FILES:
                raise Unfit(f"has more than {_MOST_FILES} files")
            if entry.path in self.files:
                count.changed += 1
                self._drop(entry.path, removed=False)
            else:
                count.added += 1
            count.bytes += entry.size
            self.files[entry.path] = File(size=entry.size, mode=entry.mode, layer=number)
            self._copy(entry, reader)

    def _drop(self, path: str, *, removed: bool) -> None:
        file = self.files.pop(path)
        self.layers[file.layer].wasted += file.size
        self.layers[-1].removed += removed

    def end(self) -> None:
        """Remove what the layer hides of earlier ones: in one pass, since a hostile layer may hide anything."""
        number = len(self.layers) - 1
        if self._emptied:
            below = [path for path, file in self.files.items() if file.layer < number]
            for path in below:
                if "" in self._emptied or not self._emptied.isdisjoint(above(path)):
                    self._drop(path, removed=True)
        self._emptied.clear()

    def _copy(self, entry: Entry, reader: Reader) -> None:
        if entry.kind is Kind.FILE and entry.path in self._wanted and entry.size <= _LARGEST_COPY:
            with self._wanted[entry.path].open("wb") as file:
                reader.copy(file)


def above(path: str) -> Iterator[str]:
    """Yield the folders that a path is in."""
    at = path.rfind("/")
    while at > 0:
        yield path[:at]
        at = path.rfind("/", 0, at)


@contextlib.contextmanager
def whole(blobs: Blobs) -> Iterator[None]:
    """Turn what is wrong with an image into one line."""
    try:
        yield
    except Unfit as error:
        raise UsageError(f"{blobs.name} is damaged: a part of it {error}", remedy="get it again") from None
    except FileNotFoundError:
        raise UsageError(f"{blobs.name} is not complete: a part of it is missing", remedy="get it again") from None
    except RegistryRefused:
        raise
    except OSError as error:
        raise UsageError(f"{blobs.name} cannot be read: {error.strerror or error}") from None
