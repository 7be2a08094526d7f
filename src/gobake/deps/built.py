"""What one build links, as Go told it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from msgspec import Struct

from gobake.deps.costs import Compiled
from gobake.deps.graph import Graph
from gobake.gotool.linked import Linked


class Built(Struct, frozen=True, kw_only=True, dict=True):
    """What the programs of some services link on one platform, under one set of build options."""

    platform: str
    services: Mapping[str, tuple[str, ...]]  # the import paths of the programs, by service
    linked: Linked

    @cached_property
    def graph(self) -> Graph:
        """The graph of all its programs."""
        return self._graph(path for programs in self.services.values() for path in programs)

    @cached_property
    def by_service(self) -> Mapping[str, Graph]:
        return {name: self._graph(programs) for name, programs in self.services.items()}

    def _graph(self, programs: Iterable[str]) -> Graph:
        return Graph(
            programs=tuple(programs),
            imports={package.path: package.imports for package in self.linked.packages},
            modules={package.path: package.module for package in self.linked.packages},
            own=frozenset(module.path for module in self.linked.modules if module.main),
        )

    def compiled(self, packages: Iterable[str]) -> set[Compiled]:
        return {(self.platform, path) for path in packages}
