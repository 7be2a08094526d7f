"""What grew between two reports, by module and package, and whether that is within the limits. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from gobake.config.gates import MostGrowth
from gobake.insight import growth
from gobake.insight.growth import Grown
from gobake.runs.record import ContentsRecord
from gobake.size.contents import contents_of
from gobake.size.values import SizeReport

_WHOLE = ("symbols", "twin")  # bases that name the owner of nearly every byte


class Side(Struct, frozen=True, kw_only=True):
    """What is compared: an image, a program, or what the record of a run tells of an image."""

    name: str
    image: int | None  # bytes; None for a program alone
    program: int | None  # bytes; None: unknown
    contents: ContentsRecord
    functions: bool  # whether the names in the program are those of functions only

    @property
    def bytes(self) -> int:
        return (self.program or 0) if self.image is None else self.image


def side_of(report: SizeReport) -> Side:
    """What a report tells."""
    program = report.program
    return Side(
        name=report.name,
        image=report.bytes if report.image else None,
        program=(program.packed_bytes or program.bytes) if program else None,
        contents=contents_of(report),
        functions=program is not None and program.basis not in _WHOLE,
    )


def grown(before: Side, now: Side) -> Grown:
    """Compare two sides: images if both have one, and by module if both have a program."""
    both = before.image is not None and now.image is not None
    sizes = [side.bytes if both or side.program is None else side.program for side in (before, now)]
    told = [side.contents if both else replace(side.contents, layers=()) for side in (before, now)]
    if not alike(before, now):
        told = [replace(contents, program=None) for contents in told]
    return growth.grown(before.name, (sizes[0], sizes[1]), told[0], told[1])


def alike(before: Side, now: Side) -> bool:
    """Whether the names in both programs come from the same kind of evidence, so that their modules can be compared."""
    if before.contents.program is None or now.contents.program is None:
        return False
    return before.functions == now.functions


class Document(SizeReport, frozen=True, kw_only=True):
    """The JSON document of `gobake size`."""

    schema: Literal[1] = 1
    against: Grown | None = None  # with --against


def document(report: SizeReport, change: Grown | None) -> Document:
    """The document of a report."""
    return Document(
        name=report.name,
        image=report.image,
        program=report.program,
        twin=report.twin,
        notes=report.notes,
        choices=report.choices,
        against=change,
    )


# ---- limits


class SizeLimits(Struct, frozen=True, kw_only=True):
    """What a report must meet; None: no limit."""

    largest: int | None = None  # bytes
    growth: MostGrowth | None = None


def excess(limits: SizeLimits, now: Side, change: Grown | None) -> int | None:
    """Return by how many bytes the first limit that is not met is exceeded; None if all are met."""
    if limits.largest is not None and now.bytes > limits.largest:
        return now.bytes - limits.largest
    if change is not None and limits.growth is not None:
        allowed = limits.growth.allowed(change.before_bytes)
        if change.bytes > allowed:
            return change.bytes - allowed
    return None
