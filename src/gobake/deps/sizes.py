"""Bytes of packages in programs that were measured, and what of them belongs to a module. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct

from gobake.deps.built import Built
from gobake.deps.graph import Graph


class Gone(Struct, frozen=True, kw_only=True):
    """What a program would lose without a module."""

    packages: int  # of modules: builders may have another standard library
    bytes: int


class Program(Struct, frozen=True, kw_only=True):
    """A measured program."""

    package: str  # import path of its main package
    arch: str  # GOARCH
    packages: Mapping[str, int]  # bytes by import path
    without: Mapping[str, Gone] = {}  # what goes with modules, where the linker's part is known

    def is_of(self, built: Built, programs: Collection[str]) -> bool:
        """Whether it is one of these programs of a build."""
        return self.package in programs and built.platform.split("/")[1:2] == [self.arch]


def bytes_of(programs: Sequence[Program], builds: Sequence[Built], module: str) -> int | None:
    """Return the bytes of a module in the measured programs; None if none of them links it."""
    found = [
        sum(program.packages.get(path, 0) for path in graph.members(module))
        for program in programs
        for graph in _linking(program, builds, module)
    ]
    return sum(found) if found else None


def bytes_without(programs: Sequence[Program], builds: Sequence[Built], module: str) -> tuple[int | None, bool]:
    """Return the bytes that would go with a module, None if unknown, and whether it may be more.

    It may be more if only the packages are known: the linker drops what nothing else calls, too.
    """
    sizes, more = [], False
    for program in programs:
        for graph in _linking(program, builds, module):
            packages = graph.gone_without(module)
            known = program.without.get(module)
            if known and known.packages == sum(1 for path in packages if graph.modules.get(path)):
                sizes.append(known.bytes)
            else:
                sizes.append(sum(program.packages.get(path, 0) for path in packages))
                more = True
    return (sum(sizes), more) if sizes else (None, False)


def _linking(program: Program, builds: Sequence[Built], module: str) -> Iterator[Graph]:
    graphs = (
        built.by_service[name]
        for built in builds
        for name, commands in built.services.items()
        if program.is_of(built, commands)
    )
    graph = next(graphs, None)  # a program is that of one service, however often it is built
    if graph and graph.members(module):
        yield graph
