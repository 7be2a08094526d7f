"""Bytes of packages in programs that were measured, and what of them belongs to a module. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from msgspec import Struct

from gobake.deps.built import Built
from gobake.deps.graph import Graph


class Program(Struct, frozen=True, kw_only=True):
    """A measured program."""

    package: str  # import path of its main package
    arch: str  # GOARCH
    packages: Mapping[str, int]  # bytes by import path

    def is_of(self, built: Built, programs: Collection[str]) -> bool:
        """Whether it is one of these programs of a build."""
        return self.package in programs and built.platform.split("/")[1:2] == [self.arch]


def bytes_of(
    programs: Sequence[Program], builds: Sequence[Built], module: str, wanted: Callable[[Graph], Collection[str]]
) -> int | None:
    """Return the bytes of some packages in the measured programs that link a module; None if none of them does."""
    found = [
        sum(program.packages.get(path, 0) for path in wanted(graph))
        for program in programs
        for graph in _linking(program, builds, module)
    ]
    return sum(found) if found else None


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
