"""What a program would lose without each module that its own packages import, if nothing else needs it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gobake.binary import buildinfo, sections
from gobake.binary.buildinfo import STD, GoInfo
from gobake.binary.reach import Reach
from gobake.deps.graph import Graph
from gobake.size.values import WithoutModule

_OWN = "(devel)"  # the version of a workspace's modules


def without(program: Path, imports: Mapping[str, frozenset[str]]) -> tuple[WithoutModule, ...]:
    """Return the modules that would go, the heaviest first.

    ``program``: with symbols. ``imports``: of all its packages. Raises NoProgram and OSError.
    """
    elf = sections.read(memoryview(program.read_bytes()))
    graph = _graph(buildinfo.read(elf), imports)
    reach = Reach(elf)
    found = []
    for module in sorted(graph.direct):
        if not graph.held(module):
            gone = graph.gone_without(module)
            found.append(
                WithoutModule(
                    module=module,
                    packages=len(gone),
                    standard_packages=sum(not graph.modules[path] for path in gone),
                    bytes=reach.bytes_without(gone),
                )
            )
    return tuple(sorted(found, key=lambda one: (-one.bytes, one.module)))


def _graph(info: GoInfo, imports: Mapping[str, frozenset[str]]) -> Graph:
    module_of = buildinfo.modules_of(info)
    own = {module.path for module in info.modules if module.version == _OWN and not module.replaced}
    paths = {path: module_of(path).path for path in imports}
    return Graph(
        programs=(info.package,),
        imports={path: tuple(sorted(others)) for path, others in imports.items()},
        modules={path: "" if module == STD else module for path, module in paths.items()},
        own=frozenset(own | ({info.main.path} if info.main else set())),
    )
