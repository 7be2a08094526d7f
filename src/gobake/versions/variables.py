"""Whether a program has the variables that are stamped: the linker says nothing of one that it does not find."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from gobake.config import Config
from gobake.config.spelling import meant
from gobake.errors import ConfigError
from gobake.golang import GoTree, Package
from gobake.model import Service, Stamp

# A string variable with its type or its first value; also inside of `var ( ... )`
_DECLARED = re.compile(r'^\s*(?:var\s+)?((?:[A-Za-z_]\w*\s*,\s*)*[A-Za-z_]\w*)\s*(?:string\b|=\s*["`])', re.MULTILINE)


def checked(services: Iterable[Service], config: Config, tree: GoTree) -> tuple[Service, ...]:
    """The services less those stamps of `defaults` whose variable they do not have.

    Raises ConfigError for a service's own stamp without a variable, and for one of `defaults` that no service has.
    """
    services = tuple(services)
    if not any(service.stamps for service in services):
        return services
    sources = _Sources(tree)
    found, missing, used = [], dict[Stamp, Service](), set[str]()
    for service in services:
        lacking = [stamp for stamp in service.stamps if not sources.has(service, stamp.variable)]
        for stamp in lacking:
            if _place(config, service, stamp).startswith("services."):
                raise _refused(config, service, stamp, sources)
            missing.setdefault(stamp, service)
        kept = tuple(stamp for stamp in service.stamps if stamp not in lacking)
        used |= {stamp.variable for stamp in kept}
        found.append(replace(service, stamps=kept))
    for stamp, service in missing.items():
        if stamp.variable not in used:
            raise _refused(config, service, stamp, sources)
    return tuple(found)


def _place(config: Config, service: Service, stamp: Stamp) -> str:
    """The key that asks for a stamp."""
    long = (f"{above}.stamps.{stamp.variable}" for above in (f"services.{service.name}", "defaults"))
    short = (f"{above}.version_stamp" for above in (f"services.{service.name}", "defaults"))
    return next(key for key in (*long, *short, "defaults") if key in config.places or key == "defaults")


def _refused(config: Config, service: Service, stamp: Stamp, sources: _Sources) -> ConfigError:
    where = config.where_of(_place(config, service, stamp))
    package, _, name = stamp.variable.rpartition(".")
    if sources.package(service, package) is None:
        what = f"there is no package {package} in this project"
        return ConfigError(what, where=where, remedy=meant(package, sources.packages))
    names = sources.names(service, package)
    remedy = meant(name, names) if names else f"declare it: var {name} string"
    return ConfigError(f"{package} of {service.name} has no variable {name}", where=where, remedy=remedy)


class _Sources:
    """The Go files of a project's packages, read as they are asked for."""

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
        """True also for what cannot be told: packages of other modules, and those whose files are not known."""
        path, _, name = variable.rpartition(".")
        package = self.package(service, path)
        if package is None:
            return not any(path == module or path.startswith(f"{module}/") for module in self._modules)
        return not package.files or bool(re.search(rf"\b{re.escape(name)}\b", self._text(package)))

    def names(self, service: Service, path: str) -> tuple[str, ...]:
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
