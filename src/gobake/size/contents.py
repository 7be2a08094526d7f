"""What an image consists of, as it is recorded and compared: its layers, and the modules of its program."""

from __future__ import annotations

import contextlib
from pathlib import Path

from msgspec.structs import replace

from gobake.binary.anatomy import take_apart
from gobake.binary.elf import NoProgram
from gobake.images.sources import Opened
from gobake.runs.record import ContentsRecord, LayerRecord, ModuleRecord
from gobake.size.program import program_of
from gobake.size.values import ModuleSize, ProgramSize, SizeReport

MODULES = 100  # in a record, of each program
PACKAGES = 5  # in a record, of each module


def contents_of(report: SizeReport) -> ContentsRecord:
    """What a report tells."""
    layers = (
        LayerRecord(digest=layer.digest, instruction=layer.instruction, bytes=layer.stored_bytes)
        for layer in (report.image.layers if report.image else ())
    )
    return replace(of_program(report.program), layers=tuple(layers))


def of_program(
    program: ProgramSize | None, *, modules: int | None = None, packages: int | None = None
) -> ContentsRecord:
    """What is told of a program. ``modules``, ``packages``: how many at most; the largest are first."""
    found = program.modules if program else ()
    return ContentsRecord(
        program=program.bytes if program else None,
        modules=tuple(_module(module, packages) for module in found[:modules]),
        others=len(found[len(found) if modules is None else modules :]),
    )


def _module(module: ModuleSize, packages: int | None) -> ModuleRecord:
    return ModuleRecord(
        module=module.module,
        version=module.replaced or module.version,
        bytes=module.bytes,
        packages=tuple((one.package, one.bytes) for one in module.packages[:packages]),
    )


def by_functions(opened: Opened, path: str, scratch: Path) -> ContentsRecord:
    """What an image consists of at a fraction of the time of a report: its layers are listed, and of its program,
    which is in one of them, only the functions are counted.

    Raises UsageError and OSError.
    """
    file = scratch / f"program-{len(list(scratch.iterdir()))}"
    found = None
    if opened.copy_out(path, file):
        with contextlib.suppress(NoProgram):  # of another language, or packed
            found = program_of(take_apart(file, symbols=False), path)
        file.unlink()
    layers = (
        LayerRecord(digest=one.digest, instruction=one.instruction, bytes=one.size) for one in opened.image.layers
    )
    return replace(of_program(found, modules=MODULES, packages=PACKAGES), layers=tuple(layers))
