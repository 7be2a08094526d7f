"""Checks that programs have the stamped variables: the linker silently ignores missing ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gobake.config.spelling import meant
from gobake.config.values import Config
from gobake.errors import ConfigError
from gobake.gotool.packages import GoTree, Package
from gobake.model import Service, Stamp

# A string variable with its type or initial value, also inside `var ( ... )`
_DECLARED = re.compile(r'^\s*(?:var\s+)?((?:[A-Za-z_]\w*\s*,\s*)*[A-Za-z_]\w*)\s*(?:string\b|=\s*["`])', re.MULTILINE)


class Checked(Struct, frozen=True, kw_only=True):
    """Services without the stamps that do not apply."""

    services: tuple[Service, ...]
    notes: tuple[str, ...] = ()  # on stamps left out because their variable is missing


def checked(services: Iterable[Service], config: Config, tree: GoTree) -> Checked:
    """Drop stamps whose variable a service lacks. Those of `defaults` apply to the services that have the variable.

    Raises ConfigError for a variable that is probably misspelt, and for a package that does not exist.
    """
    services = tuple(services)
    if not any(service.stamps for service in services):
        return Checked(services=services)
    sources = _Sources(tree)
    results, missing = [], list[tuple[Stamp, Service]]()
    for service in services:
        kept = tuple(stamp for stamp in service.stamps if sources.has(service, stamp.variable))
        missing += [(stamp, service) for stamp in service.stamps if stamp not in kept]
        results.append(replace(service, stamps=kept))
    used = {stamp.variable for service in results for stamp in service.stamps}
    notes: dict[str, None] = {}
    for stamp, service in missing:
        if _place(config, service, stamp).startswith("services.") or stamp.variable not in used:
            notes[_left_out(config, service, stamp, sources)] = None
    return Checked(services=tuple(results), notes=tuple(notes))


def declared(service: Service, tree: GoTree) -> Callable[[str], bool]:
    """Return a function that tells whether the service's program has a variable; True if unknown."""
    sources = _Sources(tree)
    return lambda variable: sources.has(service, variable)


def _place(config: Config, service: Service, stamp: Stamp) -> str:
    """Return the key of gobake.yaml that sets a stamp."""
    long = (f"{above}.stamps.{stamp.variable}" for above in (f"services.{service.name}", "defaults"))
    short = (f"{above}.version_stamp" for above in (f"services.{service.name}", "defaults"))
    return next(key for key in (*long, *short, "defaults") if key in config.places or key == "defaults")


def _left_out(config: Config, service: Service, stamp: Stamp, sources: _Sources) -> str:
    """Return the note on a stamp without a variable. Raises ConfigError if another name was probably meant."""
    where = config.where_of(_place(config, service, stamp))
    package, _, name = stamp.variable.rpartition(".")
    if sources.package(service, package) is None:
        what = f"there is no package {package} in this project"
        raise ConfigError(what, where=where, remedy=meant(package, sources.packages))
    what = f"{package} of {service.name} has no variable {name}"
    near = meant(name, sources.names(service, package))
    if near.startswith("did you mean"):
        raise ConfigError(what, where=where, remedy=near)
    return f"{what}: the stamp is left out"


class _Sources:
    """The Go files of a project's packages, read on demand."""

    def __init__(self, tree: GoTree) -> None:
        self._tree = tree
        self._known = {package.import_path: package for package in tree.packages}
        self._modules = [module.path for build in tree.layout.builds for module in build.modules]
        self._texts: dict[str, str] = {}

    @property
    def packages(self) -> tuple[str, ...]:
        return ("main", *(path for path, package in self._known.items() if package.name != "main"))

    def package(self, service: Service, path: str) -> Package | None:
        return self._known.get(service.package if path == "main" else path)

    def has(self, service: Service, variable: str) -> bool:
        """Whether the variable exists; also True if unknown, as in packages of other modules or without known files."""
        path, _, name = variable.rpartition(".")
        package = self.package(service, path)
        if package is None:
            return not any(path == module or path.startswith(f"{module}/") for module in self._modules)
        return not package.files or bool(re.search(rf"\b{re.escape(name)}\b", self._text(package)))

    def names(self, service: Service, path: str) -> tuple[str, ...]:
        """Return the names of a package's string variables."""
        package = self.package(service, path)
        lists = _DECLARED.findall(self._text(package)) if package else []
        return tuple(dict.fromkeys(name.strip() for names in lists for name in names.split(",")))

    def _text(self, package: Package) -> str:
        if package.import_path not in self._texts:
            folder = self._tree.layout.context / package.directory
            files = (folder / name for name in package.files if name.endswith(".go"))
            self._texts[package.import_path] = "\n".join(map(_read, files))
        return self._texts[package.import_path]


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
