"""What each compile stage mounts: the whole build context, or only its module if modules are compiled separately.

The mounted content is part of a step's cache key, so an edit in one module reruns only that module's stage.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from gobake.context.admitted import admitted
from gobake.gotool.packages import GoTree
from gobake.model import Project
from gobake.recipe import words
from gobake.targets.matrix import Matrix

_MOST = 100  # mounts of one step; if more are needed, the whole tree is mounted


def binds(project: Project, matrix: Matrix, tree: GoTree, source: str) -> dict[str, tuple[str, ...]]:
    """Return the context mounts by build root.

    They are writable, because Go may complete go.work.sum; BuildKit discards the changes. Raises ProjectError as
    `admitted` does.
    """
    roots = sorted({str(target.service.build_root) for target in matrix.targets})
    whole = (words.mount("type=bind", f"target={source}", "rw"),)
    if len(roots) == 1:
        return {roots[0]: whole}
    read = {root: _read(project, _of(matrix, root), tree) for root in roots}
    every = set().union(*read.values())
    covers = {root: covering(read[root], every) for root in roots}
    return {
        root: tuple(words.mount("type=bind", f"source={path}", f"target={source}/{path}", "rw") for path in paths)
        if paths
        else whole
        for root, paths in covers.items()
    }


def _of(matrix: Matrix, root: str) -> Matrix:
    return replace(matrix, targets=tuple(t for t in matrix.targets if str(t.service.build_root) == root))


def _read(project: Project, matrix: Matrix, tree: GoTree) -> frozenset[str]:
    return frozenset(entry.path for entry in admitted(project, matrix, tree).sources)


def covering(wanted: Collection[str], every: Collection[str]) -> tuple[str, ...]:
    """Return the fewest files and folders that contain all ``wanted`` paths and no other path of ``every``.

    () if there are no other paths, or if there would be more than _MOST.
    """
    others = {above for path in every if path not in wanted for above in _trail(path)}
    if not others:
        return ()
    cover: dict[str, None] = {}
    for path in sorted(wanted):
        cover[next((above for above in _trail(path) if above not in others), path)] = None
    return tuple(cover) if len(cover) <= _MOST else ()


def _trail(path: str) -> Iterable[str]:
    """Return the parent folders of a path, outermost first, and the path itself."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
