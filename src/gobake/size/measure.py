"""Measures an image, an archive, a layout or a program: from a place to a report."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from gobake.binary.anatomy import Basis, stripped, take_apart
from gobake.binary.buildinfo import Packed
from gobake.binary.elf import NoProgram
from gobake.errors import UsageError
from gobake.images.image import Contents
from gobake.images.sources import Opened
from gobake.size.program import program_of
from gobake.size.twin import Linked
from gobake.size.values import ImageSize, LayerSize, ProgramSize, SizeReport
from gobake.size.without import without

ONLY_FUNCTIONS = (
    "the program is stripped: its functions still name their packages; strings, types and variables do not, "
    "and count for no module"
)


class Link(Protocol):
    """Links the twin of the program."""

    def __call__(self, *, shipped: bool) -> Linked:
        """``shipped``: also link the program as it ships, before it is packed."""


class Measured(Struct, frozen=True, kw_only=True):
    """A report, and the file of its program, which another basis may need again."""

    report: SizeReport
    file: Path | None = None
    linked: Linked | None = None  # the program linked again, if that was needed

    def by_functions(self) -> Measured:
        """The same with names from functions only, to be compared with a program that has no others."""
        program = self.report.program
        if self.file is None or program is None or program.basis == Basis.FUNCTIONS or program.packed_bytes:
            return self
        anatomy = take_apart(self.file, symbols=False)
        return replace(self, report=replace(self.report, program=program_of(anatomy, program.path)))

    def with_modules(self, link: Link) -> Measured:
        """The same with what would go with each module, for a program whose packages' bytes are known."""
        program = self.report.program
        if program is None or program.basis == Basis.FUNCTIONS:
            return self
        linked = self.linked or link(shipped=False)
        told = replace(program, without=without(linked.twin, linked.imports))
        return replace(self, report=replace(self.report, program=told), linked=linked)


def image(name: str, opened: Opened, path: str, scratch: Path, link: Link | None = None) -> Measured:
    """Measure an image. ``path``: of its program; "" for the one that it starts."""
    path = path or next(iter(opened.image.entrypoint), "")
    file = scratch / f"program-{len(list(scratch.iterdir()))}"
    contents = opened.read({path: file} if path.startswith("/") else {})
    program, linked, notes = None, None, tuple[str, ...]()
    if not path:
        notes = ("the image names no program that it starts",)
    elif not file.exists():
        notes = (f"the image has no file {path}",)
    else:
        program, linked, notes = _program(file, path, link)
    twin = linked.account if linked else None
    report = SizeReport(name=name, image=_image(opened, contents), program=program, twin=twin, notes=notes)
    return Measured(report=report, file=file if program else None, linked=linked)


def program(name: str, file: Path) -> Measured:
    """Measure a program. Raises UsageError for a file that is none."""
    try:
        anatomy = take_apart(file)
    except NoProgram as error:
        raise UsageError(f"{name} is {error}") from None
    notes = (ONLY_FUNCTIONS,) if anatomy.basis is Basis.FUNCTIONS else ()
    return Measured(report=SizeReport(name=name, image=None, program=program_of(anatomy, name), notes=notes), file=file)


def _program(file: Path, path: str, link: Link | None) -> tuple[ProgramSize | None, Linked | None, tuple[str, ...]]:
    try:
        if link is not None and stripped(file):
            return _by_twin(file, path, link(shipped=False))
        alone = take_apart(file)
    except Packed as error:
        if link is None:
            return None, None, (f"{path} is {error}; without its sources it is not taken apart",)
        return _packed(file, path, link(shipped=True))
    except NoProgram as error:
        return None, None, (f"{path} is {error}",)
    return program_of(alone, path), None, (ONLY_FUNCTIONS,) if alone.basis is Basis.FUNCTIONS else ()


def _by_twin(file: Path, path: str, linked: Linked) -> tuple[ProgramSize, Linked, tuple[str, ...]]:
    try:
        return program_of(take_apart(file, linked.twin), path), linked, ()
    except NoProgram as error:
        notes = (f"{path} is {error}: build the service again", ONLY_FUNCTIONS)
        return program_of(take_apart(file), path), linked, notes


def _packed(file: Path, path: str, linked: Linked) -> tuple[ProgramSize, Linked, tuple[str, ...]]:
    assert linked.shipped
    size = file.stat().st_size
    note = f"{path} is packed with UPX: what it unpacks to is taken apart, as it was linked again"
    return program_of(take_apart(linked.shipped, linked.twin), path, size), linked, (note,)


def _image(opened: Opened, contents: Contents) -> ImageSize:
    packed = any(layer.compressed for layer in contents.layers)
    return ImageSize(
        platform=str(opened.image.platform),
        digest=opened.image.manifest,
        compressed_bytes=opened.image.stored if packed else None,
        bytes=contents.bytes,
        wasted_bytes=contents.wasted,
        files=len(contents.files),
        layers=tuple(
            LayerSize(
                instruction=layer.instruction,
                digest=layer.digest,
                stored_bytes=layer.stored,
                bytes=layer.bytes,
                added=layer.added,
                changed=layer.changed,
                removed=layer.removed,
                wasted_bytes=layer.wasted,
            )
            for layer in contents.layers
        ),
    )
