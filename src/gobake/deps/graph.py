"""The graph of the packages that programs link: what holds each of them, and what goes when a module goes.

Leaving a module out means that no own package imports its packages any more. Own packages are those of the main modules
that the programs reach through own packages alone: one that is there only because a dependency imports it goes with
that dependency. Pure: knows import paths and modules, not where they come from.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TypeVar

from msgspec import Struct

Path = tuple[str, ...]  # import paths, from a program to what it is about


class _Gate(Struct, frozen=True):
    """Stands between the own packages and the packages of a module that they import."""

    module: str


_ROOT = _Gate("")  # stands above the programs
_Node = str | _Gate
_N = TypeVar("_N")
_Passing = Callable[[str, str], bool]  # whether an import counts


class Graph(Struct, frozen=True, kw_only=True, dict=True):
    """Packages of one build: programs, their imports, and the module of each package ("" for Go's own)."""

    programs: tuple[str, ...]  # import paths of the main packages
    imports: Mapping[str, tuple[str, ...]]  # of every package; paths that are no keys are ignored
    modules: Mapping[str, str]
    own: frozenset[str]  # the main modules

    @cached_property
    def own_packages(self) -> frozenset[str]:
        """The own packages that are reached through own packages alone."""
        return frozenset(self._reached(self.programs, lambda path: self.modules.get(path, "") in self.own))

    @cached_property
    def packages(self) -> frozenset[str]:
        """All packages that the programs reach."""
        return frozenset(self._reached(self.programs, lambda _: True))

    def imported(self, path: str) -> Iterator[str]:
        """Yield the imports of a package that are in the graph."""
        return (one for one in self.imports.get(path, ()) if one in self.imports)

    def members(self, module: str) -> frozenset[str]:
        """Return the linked packages of a module."""
        return self._members.get(module, frozenset())

    @cached_property
    def _members(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for path in self.packages:
            found.setdefault(self.modules.get(path, ""), set()).add(path)
        return {module: frozenset(paths) for module, paths in found.items()}

    @cached_property
    def direct(self) -> frozenset[str]:
        """The modules that own packages import, other than their own."""
        return frozenset(
            module
            for path in self.own_packages
            for one in self.imported(path)
            if (module := self.modules.get(one, "")) and one not in self.own_packages
        )

    @cached_property
    def module_imports(self) -> dict[str, frozenset[str]]:
        """Return the modules that packages of each linked module import, other than itself."""
        found: dict[str, set[str]] = {}
        for path in self.packages:
            module = self.modules.get(path, "")
            others = {self.modules.get(one, "") for one in self.imported(path)} - {module, ""}
            if module:
                found.setdefault(module, set()).update(others)
        return {module: frozenset(others) for module, others in found.items()}

    def gone_without(self, module: str) -> frozenset[str]:
        """Return the packages that no program reaches once no own package imports the module."""
        gate = _Gate(module)
        return frozenset(one for one in self._below.get(gate, ()) if isinstance(one, str))

    def held(self, module: str) -> Path:
        """Return a shortest path that reaches the module although no own package imports it; () if there is none."""
        members = self.members(module)
        if module in self.direct:
            if members <= self.gone_without(module):
                return ()
            return self._nearest(members, self._not_direct(module))
        nearest = min(members, key=lambda one: (len(self._ways[one]), one), default="")
        return self._ways[nearest] if nearest else ()

    def _nearest(self, targets: Collection[str], passing: _Passing) -> Path:
        """Return the first of the shortest paths to the targets by imports that count; () if there is none."""
        front = sorted({path for path in self.programs if path in self.imports})
        before: dict[str, str] = dict.fromkeys(front, "")
        while front:
            if found := next((path for path in front if path in targets), ""):
                way = [found]
                while way[-1]:
                    way.append(before[way[-1]])
                return tuple(reversed(way[:-1]))
            following = []
            for path in front:
                for one in self.imported(path):
                    if one not in before and passing(path, one):
                        before[one] = path
                        following.append(one)
            front = sorted(following)
        return ()

    @cached_property
    def _ways(self) -> dict[str, Path]:
        """A shortest path to each package."""
        ways: dict[str, Path] = {path: (path,) for path in sorted(self.programs) if path in self.imports}
        todo = list(ways)
        for path in todo:
            for one in self.imported(path):
                if one not in ways:
                    ways[one] = (*ways[path], one)
                    todo.append(one)
        return ways

    # ---- the dominator tree

    @cached_property
    def _below(self) -> Mapping[_Node, Collection[_Node]]:
        """What each gate dominates: all that goes when its module goes."""
        nodes: dict[_Node, list[_Node]] = {_ROOT: list(self.programs)}
        for path in self.packages:
            nodes[path] = []
            for one in self.imported(path):
                module = self.modules.get(one, "")
                if path in self.own_packages and module and one not in self.own_packages:
                    gate = _Gate(module)
                    nodes[path].append(gate)
                    nodes.setdefault(gate, []).append(one)
                else:
                    nodes[path].append(one)
        dominators = immediate_dominators(_ROOT, nodes)
        below: dict[_Node, list[_Node]] = {}
        for node, above in dominators.items():
            below.setdefault(above, []).append(node)
        return {gate: list(_all_below(gate, below)) for gate in nodes if isinstance(gate, _Gate)}

    def _not_direct(self, module: str) -> _Passing:
        return lambda path, one: not (path in self.own_packages and self.modules.get(one, "") == module)

    def _reached(self, starts: Iterable[str], wanted: Callable[[str], bool]) -> set[str]:
        seen = {path for path in starts if path in self.imports}
        todo = list(seen)
        while todo:
            for one in self.imported(todo.pop()):
                if one not in seen and wanted(one):
                    seen.add(one)
                    todo.append(one)
        return seen


class Paths(Struct, frozen=True, kw_only=True):
    """The shortest paths to a module or package."""

    shown: tuple[Path, ...]  # in the order of their names
    count: int  # of all


def shortest(graph: Graph, targets: Collection[str], *, most: int = 1) -> Paths:
    """Return the shortest paths from the programs to the nearest of the targets, at most ``most`` of them."""
    starts = [path for path in graph.programs if path in graph.imports]
    levels = dict.fromkeys(starts, 0)
    before: dict[str, list[str]] = {path: [] for path in starts}
    front, level = sorted(starts), 0
    while front and not any(path in targets for path in front):
        level += 1
        following: dict[str, None] = {}
        for path in front:
            for one in dict.fromkeys(graph.imported(path)):
                if levels.setdefault(one, level) == level:
                    before.setdefault(one, []).append(path)
                    following[one] = None
        front = sorted(following)
    reached = [path for path in front if path in targets]
    ways: dict[str, int] = {}
    for path in sorted(levels, key=lambda one: levels[one]):
        ways[path] = sum(ways[one] for one in before[path]) or 1
    shown: list[Path] = []
    for path in reached:
        for found in _backwards(path, before):
            if len(shown) == most:
                break
            shown.append(found)
    return Paths(shown=tuple(shown), count=sum(ways[path] for path in reached))


def _backwards(target: str, before: Mapping[str, Sequence[str]]) -> Iterator[Path]:
    todo: list[Path] = [(target,)]
    while todo:
        path = todo.pop()
        if not before[path[0]]:
            yield path
        todo += [(one, *path) for one in sorted(before[path[0]], reverse=True)]


def immediate_dominators(root: _N, follow: Mapping[_N, Sequence[_N]]) -> dict[_N, _N]:
    """Return the immediate dominator of each node that the root reaches, but the root.

    Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm": the dominators of a node are where those of its
    predecessors meet, until nothing changes.
    """
    order = _postorder(root, follow)
    number = {node: at for at, node in enumerate(order)}
    before: list[list[int]] = [[] for _ in order]
    for node in order:
        for one in follow.get(node, ()):
            before[number[one]].append(number[node])
    top = len(order) - 1
    above = [-1] * len(order)
    above[top] = top
    changed = True
    while changed:
        changed = False
        for at in range(top - 1, -1, -1):
            met = -1
            for earlier in before[at]:
                if above[earlier] >= 0:
                    met = earlier if met < 0 else _meeting(earlier, met, above)
            if above[at] != met:
                above[at], changed = met, True
    return {order[at]: order[above[at]] for at in range(top)}


def _meeting(one: int, other: int, above: Sequence[int]) -> int:
    while one != other:
        while one < other:
            one = above[one]
        while other < one:
            other = above[other]
    return one


def _postorder(root: _N, follow: Mapping[_N, Sequence[_N]]) -> list[_N]:
    order: list[_N] = []
    seen = {root}
    todo = [(root, iter(follow.get(root, ())))]
    while todo:
        node, rest = todo[-1]
        following = next((one for one in rest if one not in seen), None)
        if following is None:
            order.append(node)
            todo.pop()
        else:
            seen.add(following)
            todo.append((following, iter(follow.get(following, ()))))
    return order


def _all_below(node: _N, below: Mapping[_N, Sequence[_N]]) -> Iterator[_N]:
    todo = list(below.get(node, ()))
    while todo:
        one = todo.pop()
        yield one
        todo += below.get(one, ())
