"""The commands that go into the image of one service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gobake.config.values import BinaryConfig, ServiceConfig
from gobake.errors import ConfigError
from gobake.gotool.packages import Package
from gobake.model import Program


def commands(service: ServiceConfig, find: Callable[[ServiceConfig], Package]) -> tuple[Package, tuple[Program, ...]]:
    """The main package of a service, and those that `binaries` adds to it.

    ``find``: the main package that a service names, by `package` or by its own name. Raises ConfigError where there is
    none, where two programs would have one name, or where no single `go build` reaches all of them.
    """
    if not service.binaries:
        return find(service), ()
    if service.package is not None:
        raise ConfigError(
            "`binaries` names the package already", where=service.where_of("package"), remedy="take `package` away"
        )
    first, *others = (find(_alone(service, number)) for number in range(len(service.binaries)))
    more: list[Program] = []
    for number, (package, said) in enumerate(zip(others, service.binaries[1:], strict=True), start=1):
        name = said.name or package.binary
        where = service.where_of(f"binaries.{number}")
        if name in (service.name, *(program.name for program in more)):
            raise ConfigError(
                f"two programs would be called {name} in the image of {service.name}",
                where=where,
                remedy=f"give one a name: `{{package: {said.package}, name: ...}}`",
            )
        if package.build_root != first.build_root:
            raise ConfigError(
                f"{package.import_path} and {first.import_path} are of modules without a common go.work",
                where=where,
                remedy="make a go.work that uses both, or a service of each",
            )
        more.append(Program(name=name, package=package.import_path, binary=package.binary, directory=package.directory))
    return first, tuple(more)


def _alone(service: ServiceConfig, number: int) -> ServiceConfig:
    """A binary as if it were a service: its errors are placed where it is written."""
    assert service.binaries
    said: BinaryConfig = service.binaries[number]
    named = "/" not in said.package and not said.package.startswith(".")
    where = service.where_of(f"binaries.{number}")
    return replace(
        service,
        name=said.package if named else service.name,
        package=None if named else said.package,
        where=where,
        places={**service.places, "package": where},
    )
