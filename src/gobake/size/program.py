"""A program as a value of the report: its modules, packages and kinds."""

from __future__ import annotations

from collections import Counter

from gobake.binary import buildinfo
from gobake.binary.anatomy import Anatomy
from gobake.binary.buildinfo import Module
from gobake.binary.kinds import Kind
from gobake.size.values import EmbeddedFile, KindSize, ModuleSize, PackageSize, ProgramSize


def program_of(anatomy: Anatomy, path: str, packed: int | None = None) -> ProgramSize:
    """Sum up a program. ``packed``: the size of the file if UPX packed it."""
    return ProgramSize(
        path=path,
        bytes=anatomy.size,
        packed_bytes=packed,
        arch=anatomy.arch,
        go=anatomy.info.go,
        package=anatomy.info.package,
        basis=anatomy.basis,
        bss=anatomy.bss,
        modules=_modules(anatomy),
        kinds=tuple(KindSize(kind=kind, bytes=size) for kind, size in anatomy.by_kind().items()),
        embedded=tuple(
            EmbeddedFile(name=part.name, package=part.package, bytes=part.size)
            for part in anatomy.parts
            if part.kind is Kind.EMBEDDED
        ),
    )


def _modules(anatomy: Anatomy) -> tuple[ModuleSize, ...]:
    module_of = buildinfo.modules_of(anatomy.info)
    packages: dict[Module, Counter[str]] = {}
    for part in anatomy.parts:
        module = module_of(part.package) if part.package else Module(path="")
        packages.setdefault(module, Counter())[part.package] += part.size
    found = [
        ModuleSize(
            module=module.path,
            version=module.version,
            replaced=module.replaced,
            bytes=sum(sizes.values()),
            packages=tuple(PackageSize(package=name, bytes=size) for name, size in sizes.most_common() if name),
        )
        for module, sizes in packages.items()
    ]
    return tuple(sorted(found, key=lambda module: (-module.bytes, module.module)))
