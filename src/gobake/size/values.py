"""The result of `gobake size`, which is also its JSON document."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gobake.errors import UsageError
from gobake.foreign import checks
from gobake.foreign.checks import Unfit

_LONGEST = 64 << 20  # bytes of a document
Count = Annotated[int, Meta(ge=0, le=1 << 53)]


class PackageSize(Struct, frozen=True, kw_only=True):
    """Bytes of a package in the program."""

    package: str
    bytes: Count


class ModuleSize(Struct, frozen=True, kw_only=True):
    """Bytes of a module in the program."""

    module: str  # "" for what belongs to none: debug information, headers
    version: str
    bytes: Count
    replaced: str = ""
    packages: tuple[PackageSize, ...] = ()  # the largest first


class KindSize(Struct, frozen=True, kw_only=True):
    """Bytes of a kind in the program."""

    kind: str
    bytes: Count


class EmbeddedFile(Struct, frozen=True, kw_only=True):
    """A file that //go:embed put into the program."""

    name: str
    package: str
    bytes: Count


class WithoutModule(Struct, frozen=True, kw_only=True):
    """What a program would lose if its own packages did not import a module that nothing else needs."""

    module: str
    packages: Count  # that go with it, its own among them
    standard_packages: Count  # of these, those of the standard library
    bytes: Count  # about: with what the linker keeps only for these packages


class ProgramSize(Struct, frozen=True, kw_only=True):
    """A Go program taken apart. Modules and kinds each add up to its bytes."""

    path: str  # in the image, or of the file
    bytes: Count  # of the program as Go linked it
    packed_bytes: Count | None  # of the file if UPX packed it
    arch: str
    go: str
    package: str
    basis: str  # where the names come from: symbols, twin or functions
    bss: Count  # bytes that are zero at the start, and not in the file
    modules: tuple[ModuleSize, ...]
    kinds: tuple[KindSize, ...]
    embedded: tuple[EmbeddedFile, ...] = ()
    without: tuple[WithoutModule, ...] | None = None  # the heaviest first; None: not asked, or unknown


class LayerSize(Struct, frozen=True, kw_only=True):
    """A layer of the image."""

    instruction: str
    digest: str
    stored_bytes: Count  # compressed, unless the image is stored unpacked
    bytes: Count  # of its files
    added: Count
    changed: Count
    removed: Count
    wasted_bytes: Count  # of its files that later layers replace or remove


class ImageSize(Struct, frozen=True, kw_only=True):
    """An image taken apart."""

    platform: str
    digest: str  # of its manifest; "" in an archive without manifests
    compressed_bytes: Count | None  # manifest, configuration and layers; None if it is stored unpacked
    bytes: Count  # of the files that a container sees
    wasted_bytes: Count
    files: Count
    layers: tuple[LayerSize, ...]


class Twin(Struct, frozen=True, kw_only=True):
    """How the program with symbols was linked."""

    seconds: float
    packages: Count
    compiled: Count  # packages that had to be compiled for it


class Saving(Struct, frozen=True, kw_only=True):
    """What a choice makes of the program. Sizes are None if it does not build."""

    name: str  # as --choices names it; "" for the program as it ships
    change: str  # in words
    bytes: Count | None
    compressed_bytes: Count | None  # packed with gzip, as layers are
    seconds: float
    packages: Count
    compiled: Count  # packages that had to be compiled for it
    error: str = ""  # the first one; "" if it builds


class Savings(Struct, frozen=True, kw_only=True):
    """What the choices about a service's program save or cost."""

    shipped: Saving  # as it ships, linked again
    same: bool  # whether that is the program in the image, byte for byte
    choices: tuple[Saving, ...]
    further_tags: tuple[str, ...] = ()  # of the sources, that were not measured


class SizeReport(Struct, frozen=True, kw_only=True):
    """What `gobake size` tells."""

    name: str
    image: ImageSize | None
    program: ProgramSize | None
    twin: Twin | None = None
    notes: tuple[str, ...] = ()
    choices: Savings | None = None  # with --choices

    @property
    def bytes(self) -> int:
        """What limits and growth are about: the compressed image if it is known, or else the bytes of its files."""
        if self.image is None:
            return (self.program.packed_bytes or self.program.bytes) if self.program else 0
        return self.image.bytes if self.image.compressed_bytes is None else self.image.compressed_bytes


def decoded(file: Path) -> SizeReport:
    """Read a report that `gobake size --format json` wrote. Raises UsageError and OSError."""
    data = file.read_bytes()
    try:
        told = checks.parsed_object(data, _LONGEST)
        return msgspec.convert(told, SizeReport)
    except (Unfit, msgspec.ValidationError):
        raise UsageError(f"{file} is not a report of `gobake size --format json`") from None
