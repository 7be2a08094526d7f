"""What would go with a module, and what holds it: the dominator tree against brute force, and against Go itself."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gobake.deps.graph import Graph, Paths, immediate_dominators, shortest

MODULES = ("m", "n", "a", "b", "c", "d", "")  # m and n are main modules, "" is the standard library
OWN = frozenset("mn")


@st.composite
def graphs(draw: Any) -> Graph:
    count = draw(st.integers(1, 10))
    names = [f"p{at}" for at in range(count)]
    modules = {"p0": "m", **{name: draw(st.sampled_from(MODULES)) for name in names[1:]}}
    imports = {name: tuple(draw(st.lists(st.sampled_from([*names, "gone"]), max_size=5))) for name in names}
    programs = ("p0", *(name for name in names[1:3] if modules[name] in OWN))
    return Graph(programs=programs, imports=imports, modules=modules, own=OWN)


def reached(graph: Graph, left_out: str = "") -> set[str]:
    """Brute force: follow all imports, but none of an own package to the module that is left out."""
    seen, todo = set[str](), list(graph.programs)
    while todo:
        path = todo.pop()
        if path in seen or path not in graph.imports:
            continue
        seen.add(path)
        own = path in graph.own_packages
        todo += [one for one in graph.imports[path] if not (own and left_out and graph.modules.get(one) == left_out)]
    return seen


@given(graphs())
def test_what_goes_is_what_no_path_reaches_any_more(graph: Graph) -> None:
    assert graph.packages == reached(graph)
    for module in {"a", "b", "c", "d"}:
        left = reached(graph, module)
        assert graph.gone_without(module) == graph.packages - left
        held = graph.held(module)
        assert bool(held) == bool(graph.members(module) & left)
        if held:
            assert held[0] in graph.programs
            assert graph.modules[held[-1]] == module
            assert all(after in graph.imports[before] for before, after in pairwise(held))
            assert not any(
                before in graph.own_packages and graph.modules[after] == module for before, after in pairwise(held)
            )


@given(graphs())
def test_a_direct_module_is_one_that_an_own_package_imports(graph: Graph) -> None:
    assert all(graph.gone_without(module) == frozenset() for module in "abcd" if module not in graph.direct)
    for module in graph.direct:
        assert graph.gone_without(module) >= graph.members(module) or graph.held(module)


def _all_shortest(graph: Graph, targets: set[str]) -> set[tuple[str, ...]]:
    """Brute force: every path, in the order of its length."""
    paths: list[tuple[str, ...]] = [(program,) for program in dict.fromkeys(graph.programs)]
    for _ in range(len(graph.imports)):
        found = {path for path in paths if path[-1] in targets}
        if found:
            return found
        paths = list(
            dict.fromkeys(
                (*path, one)
                for path in paths
                for one in graph.imports[path[-1]]
                if one in graph.imports and one not in path
            )
        )[:20_000]
    return set()


@given(graphs(), st.sets(st.sampled_from([f"p{at}" for at in range(10)]), min_size=1, max_size=3))
def test_shortest_paths_are_all_of_them(graph: Graph, targets: set[str]) -> None:
    wanted = _all_shortest(graph, targets)
    every = shortest(graph, targets, most=10_000)
    assert set(every.shown) == wanted
    assert every.count == len(wanted) == len(every.shown)
    few = shortest(graph, targets, most=2)
    assert few == Paths(shown=every.shown[:2], count=every.count)


@given(graphs())
def test_a_dominator_is_on_every_path(graph: Graph) -> None:
    root = "root"
    follow = {root: list(graph.programs), **{path: list(graph.imported(path)) for path in graph.imports}}
    found = immediate_dominators(root, follow)
    assert found.keys() == graph.packages
    for node, above in found.items():
        if above != root:
            blocked = {path: [one for one in ones if one != above] for path, ones in follow.items()}
            assert node not in immediate_dominators(root, blocked)


def test_a_package_of_a_main_module_that_only_a_dependency_imports_is_not_own() -> None:
    """`a` imports the main module's package `shared`, which imports `b`: leaving out `b` is not the reader's to do."""
    graph = Graph(
        programs=("m",),
        imports={"m": ("a",), "a": ("m/shared",), "m/shared": ("b",), "b": ()},
        modules={"m": "m", "m/shared": "m", "a": "a", "b": "b"},
        own=frozenset("m"),
    )
    assert graph.direct == {"a"}
    assert graph.gone_without("a") == {"a", "m/shared", "b"}
    assert graph.gone_without("b") == frozenset()
    assert graph.held("b") == ("m", "a", "m/shared", "b")


def test_modules_import_modules() -> None:
    graph = Graph(
        programs=("m",),
        imports={"m": ("a/x", "fmt"), "a/x": ("a/y", "b"), "a/y": ("fmt",), "b": (), "fmt": (), "c": ("b",)},
        modules={"m": "m", "a/x": "a", "a/y": "a", "b": "b", "c": "c"},
        own=frozenset("m"),
    )
    assert graph.module_imports == {"m": {"a"}, "a": {"b"}, "b": frozenset()}
    assert graph.members("c") == frozenset()  # nothing links it


def test_a_long_chain_needs_no_recursion() -> None:
    size = 3000
    imports = {f"p{at}": (f"p{at + 1}",) for at in range(size)}
    graph = Graph(
        programs=("p0",),
        imports=imports,
        modules={f"p{at}": "a" if at else "m" for at in range(size)},
        own=frozenset("m"),
    )
    assert len(graph.gone_without("a")) == size - 1
    assert shortest(graph, {f"p{size - 1}"}).count == 1
