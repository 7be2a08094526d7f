"""What grew between two reports, by module and package, and whether that is within the limits. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from gobake.size.values import ModuleSize, SizeReport

_WHOLE = ("symbols", "twin")  # bases that name the owner of nearly every byte


class Growth(Struct, frozen=True, kw_only=True):
    """A module in two programs."""

    module: str  # "" for what belongs to none
    version: str  # "" if it is gone
    before: str  # its version then; "" if it is new
    bytes: int  # more than before; negative for less
    packages: tuple[tuple[str, int], ...] = ()  # what changed most in it, first


class Grown(Struct, frozen=True, kw_only=True):
    """The difference of two reports."""

    name: str  # of the report before
    bytes: int  # of the images, or of the programs
    before_bytes: int
    modules: tuple[Growth, ...] = ()  # those that changed, what grew most first

    @property
    def culprit(self) -> Growth | None:
        """The module that grew most; what belongs to none only where no module grew."""
        more = [one for one in self.modules if one.bytes > 0]
        return next((one for one in more if one.module), more[0] if more else None)


def grown(before: SizeReport, now: SizeReport) -> Grown:
    """Compare two reports; images if both have one, and by module if both have a program."""
    both = before.image is not None and now.image is not None
    sizes = [r.bytes if both or not r.program else (r.program.packed_bytes or r.program.bytes) for r in (before, now)]
    modules: tuple[Growth, ...] = ()
    if before.program and now.program and alike(before, now):
        modules = _modules(before.program.modules, now.program.modules)
    return Grown(name=before.name, bytes=sizes[1] - sizes[0], before_bytes=sizes[0], modules=modules)


def alike(before: SizeReport, now: SizeReport) -> bool:
    """Whether the names in both programs come from the same kind of evidence, so that their modules can be compared."""
    if before.program is None or now.program is None:
        return False
    return (before.program.basis in _WHOLE) == (now.program.basis in _WHOLE)


def _modules(before: tuple[ModuleSize, ...], now: tuple[ModuleSize, ...]) -> tuple[Growth, ...]:
    then = {module.module: module for module in before}
    here = {module.module: module for module in now}
    found = []
    for name in sorted(then.keys() | here.keys()):
        old, new = then.get(name), here.get(name)
        change = Growth(
            module=name,
            version=_version(new),
            before=_version(old),
            bytes=(new.bytes if new else 0) - (old.bytes if old else 0),
            packages=_packages(old, new),
        )
        if change.bytes or change.version != change.before:
            found.append(change)
    return tuple(sorted(found, key=lambda change: (-change.bytes, change.module)))


def _version(module: ModuleSize | None) -> str:
    return (module.replaced or module.version) if module else ""


def _packages(old: ModuleSize | None, new: ModuleSize | None) -> tuple[tuple[str, int], ...]:
    sizes = {one.package: -one.bytes for one in (old.packages if old else ())}
    for one in new.packages if new else ():
        sizes[one.package] = sizes.get(one.package, 0) + one.bytes
    changed = [(name, size) for name, size in sizes.items() if size]
    return tuple(sorted(changed, key=lambda pair: (-abs(pair[1]), pair[0])))


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
        against=change,
    )


# ---- limits


class SizeLimits(Struct, frozen=True, kw_only=True):
    """What a report must meet; None: no limit."""

    largest: int | None = None  # bytes
    growth: int | None = None  # bytes more than before
    growth_share: float | None = None  # of the bytes before


def excess(limits: SizeLimits, now: SizeReport, change: Grown | None) -> int | None:
    """Return by how many bytes the first limit that is not met is exceeded; None if all are met."""
    if limits.largest is not None and now.bytes > limits.largest:
        return now.bytes - limits.largest
    if change is not None:
        allowed = limits.growth
        if limits.growth_share is not None:
            allowed = int(limits.growth_share * change.before_bytes)
        if allowed is not None and change.bytes > allowed:
            return change.bytes - allowed
    return None
