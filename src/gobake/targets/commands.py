"""Finds the commands that go into the image of a service."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from gobake.config.running import BinaryConfig
from gobake.config.service import ServiceConfig
from gobake.errors import ConfigError
from gobake.gotool.packages import Package
from gobake.model import Program


def commands(service: ServiceConfig, find: Callable[[ServiceConfig], Package]) -> tuple[Package, tuple[Program, ...]]:
    """Return the main package of a service, and the programs that `binaries` adds to it.

    ``find`` returns the main package that a service names, by `package` or by its own name. Raises ConfigError if there
    is none, if two programs have the same name, or if no single `go build` reaches all of them.
    """
    if not service.binaries:
        return find(service), ()
    if service.package is not None:
        raise ConfigError(
            "`binaries` already names the package", where=service.where_of("package"), remedy="remove `package`"
        )
    first, *others = (find(_alone(service, number)) for number in range(len(service.binaries)))
    more: list[Program] = []
    for number, (package, entry) in enumerate(zip(others, service.binaries[1:], strict=True), start=1):
        name = entry.name or package.binary
        where = service.where_of(f"binaries.{number}")
        if name in (service.name, *(program.name for program in more)):
            raise ConfigError(
                f"two programs in the image of {service.name} are named {name}",
                where=where,
                remedy=f"rename one: `{{package: {entry.package}, name: ...}}`",
            )
        if package.build_root != first.build_root:
            raise ConfigError(
                f"{package.import_path} and {first.import_path} are in modules without a common go.work",
                where=where,
                remedy="add a go.work that uses both, or make each a service",
            )
        more.append(Program(name=name, package=package.import_path, binary=package.binary, directory=package.directory))
    return first, tuple(more)


def _alone(service: ServiceConfig, number: int) -> ServiceConfig:
    """Return an entry of `binaries` as a service of its own, so that errors name the entry's place."""
    assert service.binaries
    entry: BinaryConfig = service.binaries[number]
    named = "/" not in entry.package and not entry.package.startswith(".")
    where = service.where_of(f"binaries.{number}")
    return replace(
        service,
        name=entry.package if named else service.name,
        package=None if named else entry.package,
        where=where,
        places={**service.places, "package": where},
    )
