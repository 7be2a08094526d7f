"""All that is told of the dependencies of services: modules with their weight, and what holds them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from msgspec import Struct

from gobake.deps.built import Built
from gobake.deps.costs import Compiled, Cost, Costs
from gobake.deps.graph import Graph, Path, Paths, shortest
from gobake.deps.licences import Licences
from gobake.deps.purposes import MAJOR, Shared, shared
from gobake.deps.sizes import Program, bytes_of, bytes_without
from gobake.gotool.linked import LinkedModule
from gobake.gotool.tidy import Unneeded
from gobake.gotool.upgrades import Upgrade, Upgrades


class Replace(Struct, frozen=True, kw_only=True):
    """A replace line of a dependency's go.mod, which Go ignores."""

    of: str  # the module whose go.mod has it
    module: str
    version: str  # "" for all
    by: str


class Without(Struct, frozen=True, kw_only=True):
    """What goes when no own package imports a module any more."""

    packages: int
    standard: int  # of these, those of the standard library
    modules: tuple[str, ...]  # that go with it
    cost: Cost
    bytes: int | None  # in the measured programs, about; None: unknown
    more: bool  # it may be more bytes: what the linker keeps only for these packages is unknown


class Module(Struct, frozen=True, kw_only=True):
    """A module that services link, other than the main modules."""

    path: str
    version: str
    by: str  # what replaces it; "" if nothing does
    direct: bool  # an own package imports it
    packages: int
    services: tuple[str, ...]
    cost: Cost
    bytes: int | None  # in the measured programs; None: unknown
    licences: Licences
    imports: tuple[str, ...]  # modules that its packages import
    without: Without | None  # None: something else holds it
    held: Path  # import paths, from a program to the module; () if nothing else holds it
    needed_by: str  # the module that imports it on that path; "" if nothing else holds it
    upgrade: Upgrade | None  # None: unknown
    time: str  # of the version, RFC 3339; "" unknown


class Known(Struct, frozen=True, kw_only=True):
    """What others told of the modules."""

    costs: Costs
    licences: Callable[[LinkedModule, str], Licences]  # of a module, and the folder of one of its packages
    upgrades: Upgrades | None = None  # None: not asked
    unneeded: tuple[Unneeded, ...] = ()
    ignored: tuple[Replace, ...] = ()
    sizes: tuple[Program, ...] = ()


class Account(Struct, frozen=True, kw_only=True):
    """The dependencies of services."""

    project: str
    services: tuple[str, ...]
    platforms: tuple[str, ...]
    builds: tuple[Built, ...]
    modules: tuple[Module, ...]  # heaviest first
    own: tuple[str, ...]  # the main modules
    own_cost: Cost
    standard_packages: int
    standard_cost: Cost
    duplicates: tuple[tuple[str, ...], ...]  # paths of modules that differ in their major version only
    shared: tuple[Shared, ...]  # modules of one purpose
    known: Known
    imports: Mapping[str, tuple[str, ...]]  # modules that each service's own packages import


def account(project: str, builds: Sequence[Built], known: Known) -> Account:
    """Return the account of all modules that the builds link."""
    chosen: dict[tuple[str, str], list[tuple[Built, LinkedModule]]] = {}
    for built in builds:
        for module in built.linked.modules:
            if not module.main and built.graph.members(module.path):
                chosen.setdefault((module.path, module.version), []).append((built, module))
    modules = [_module(found, builds, known) for found in chosen.values()]
    own = {module.path for built in builds for module in built.linked.modules if module.main}
    standard = {one for built in builds for one in built.compiled(built.graph.members(""))}
    mine = {one for built in builds for path in own for one in built.compiled(built.graph.members(path))}
    return Account(
        project=project,
        services=tuple(sorted({name for built in builds for name in built.services})),
        platforms=tuple(sorted({built.platform for built in builds})),
        builds=tuple(builds),
        modules=tuple(sorted(modules, key=_weight)),
        own=tuple(sorted(own)),
        own_cost=known.costs.of(mine),
        standard_packages=len({path for _, path in standard}),
        standard_cost=known.costs.of(standard),
        duplicates=duplicates({path for path, _ in chosen}),
        shared=shared(_of_services(builds), _of_modules(modules)),
        known=known,
        imports=_of_services(builds),
    )


def _weight(module: Module) -> tuple[float, int, str, str]:
    return -(module.cost.seconds or 0.0), -module.packages, module.path, module.version


def _module(found: Sequence[tuple[Built, LinkedModule]], builds: Sequence[Built], known: Known) -> Module:
    module = found[0][1]
    path = module.path
    members = {one for built, _ in found for one in built.graph.members(path)}
    services = {
        name for built, _ in found for name, graph in built.by_service.items() if not members.isdisjoint(graph.packages)
    }
    held, needed_by = _held(path, [built.graph for built, _ in found])
    imports = {other for built, _ in found for other in built.graph.module_imports.get(path, ())}
    own = {one.path for built, _ in found for one in built.linked.modules if one.main}
    folder = next((p.folder for built, _ in found for p in built.linked.packages if p.module == path and p.folder), "")
    told = known.upgrades.of.get(asked_version(module)) if known.upgrades else None
    return Module(
        path=path,
        version=module.version,
        by=module.by,
        direct=any(path in built.graph.direct for built, _ in found),
        packages=len(members),
        services=tuple(sorted(services)),
        cost=known.costs.of({one for built, _ in found for one in built.compiled(built.graph.members(path))}),
        bytes=bytes_of(known.sizes, builds, path),
        licences=known.licences(module, folder),
        imports=tuple(sorted(imports - own)),
        without=None if held else _without(path, builds, known),
        held=held,
        needed_by=needed_by,
        upgrade=told,
        time=module.time or (told.time if told else ""),
    )


def _held(module: str, graphs: Sequence[Graph]) -> tuple[Path, str]:
    """Return a path that holds a module, and the module that imports it there."""
    for graph in graphs:
        if way := graph.held(module):
            before = (graph.modules[path] for path in reversed(way) if graph.modules[path] != module)
            return way, next(before, "")
    return (), ""


def asked_version(module: LinkedModule | Module) -> tuple[str, str]:
    """Return the path and version that a proxy knows of a module: those of its replacement; "" for a folder."""
    if not module.by:
        return module.path, module.version
    path, _, version = module.by.rpartition("@")
    return (path, version) if path and not module.by.startswith((".", "/")) else ("", "")


def _without(path: str, builds: Sequence[Built], known: Known) -> Without:
    gone: set[Compiled] = set()
    left: set[Compiled] = set()
    modules: dict[str, str] = {}
    for built in builds:
        here = built.graph.gone_without(path)
        gone |= built.compiled(here)
        left |= built.compiled(built.graph.packages - here)
        modules |= {one: built.graph.modules.get(one, "") for one in built.graph.packages}
    gone -= left
    stay = {modules[one] for _, one in left}
    paths = {one for _, one in gone}
    size, more = bytes_without(known.sizes, builds, path)
    return Without(
        packages=len(paths),
        standard=sum(not modules[one] for one in paths),
        modules=tuple(sorted({modules[one] for one in paths} - stay - {"", path})),
        cost=known.costs.of(gone),
        bytes=size,
        more=more,
    )


def _of_services(builds: Sequence[Built]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for built in builds:
        for name, graph in built.by_service.items():
            found.setdefault(name, set()).update(graph.direct)
    return {name: tuple(sorted(modules)) for name, modules in sorted(found.items())}


def _of_modules(modules: Iterable[Module]) -> dict[str, set[str]]:
    """Return the modules that each module imports, in any of its versions."""
    found: dict[str, set[str]] = {}
    for module in modules:
        found.setdefault(module.path, set()).update(module.imports)
    return found


def duplicates(paths: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return the groups of module paths that differ in their major version only."""
    ordered = sorted(paths, key=lambda path: (MAJOR.sub("", path), path))
    groups = (tuple(group) for _, group in groupby(ordered, key=lambda path: MAJOR.sub("", path)))
    return tuple(group for group in groups if len(group) > 1)


# ---- why


class Why(Struct, frozen=True, kw_only=True):
    """How one service reaches a module or package."""

    service: str
    platform: str
    paths: Paths


def names(found: Account) -> set[str]:
    """Return the names of all modules and packages that are linked."""
    packages = {path for built in found.builds for path in built.graph.packages}
    return packages | {module.path for module in found.modules}


def why(found: Account, name: str, most: int) -> tuple[Why, ...]:
    """Return the shortest import paths from each service that links it; the same ones of further platforms once."""
    answers: list[Why] = []
    for built in found.builds:
        for service, graph in built.by_service.items():
            if targets := _targets(graph, name):
                paths = shortest(graph, targets, most=most)
                if not any(one.service == service and one.paths == paths for one in answers):
                    answers.append(Why(service=service, platform=built.platform, paths=paths))
    return tuple(sorted(answers, key=lambda one: (one.service, one.platform)))


def _targets(graph: Graph, name: str) -> frozenset[str]:
    """Return the packages of a module of that name, else the package; a module's own package is among its packages."""
    return graph.members(name) if name and graph.members(name) else frozenset({name} & graph.packages)
