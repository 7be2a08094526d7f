"""What each compile stage mounts of the build context: all of it, or, where modules are compiled apart, its own module.

A step's key is the content of what it mounts, so that an edit in one module runs that module's stage alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from gobake.context.admitted import admitted
from gobake.gotool.packages import GoTree
from gobake.model import Project
from gobake.recipe import words
from gobake.targets.matrix import Matrix

_MOST = 100  # mounts of one step; a tree that would need more is mounted as a whole


def binds(project: Project, matrix: Matrix, tree: GoTree, source: str) -> dict[str, tuple[str, ...]]:
    """The mounts of the context by build root. They can be written to, and what is written is thrown away: Go completes
    a go.work.sum. Raises ProjectError as `admitted` does."""
    roots = sorted({str(target.service.build_root) for target in matrix.targets})
    whole = (words.mount("type=bind", f"target={source}", "rw"),)
    if len(roots) == 1:
        return {roots[0]: whole}
    read = {root: _read(project, _of(matrix, root), tree) for root in roots}
    every = set().union(*read.values())
    found = {root: covering(read[root], every) for root in roots}
    return {
        root: tuple(words.mount("type=bind", f"source={path}", f"target={source}/{path}", "rw") for path in paths)
        if paths
        else whole
        for root, paths in found.items()
    }


def _of(matrix: Matrix, root: str) -> Matrix:
    return replace(matrix, targets=tuple(t for t in matrix.targets if str(t.service.build_root) == root))


def _read(project: Project, matrix: Matrix, tree: GoTree) -> frozenset[str]:
    return frozenset(entry.path for entry in admitted(project, matrix, tree).sources)


def covering(wanted: Collection[str], every: Collection[str]) -> tuple[str, ...]:
    """The fewest files and folders that hold all ``wanted`` paths and no other of ``every``; () where that is the
    folder that they all lie in, or too many."""
    others = {above for path in every if path not in wanted for above in _trail(path)}
    if not others:
        return ()
    found: dict[str, None] = {}
    for path in sorted(wanted):
        found[next((above for above in _trail(path) if above not in others), path)] = None
    return tuple(found) if len(found) <= _MOST else ()


def _trail(path: str) -> Iterable[str]:
    """The folders that a path lies in, from the outermost on, and itself."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
