"""Finds the module of each service: every module has its own tags, and so its own version."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from msgspec.structs import replace

from gobake.config.stamps import ARGUMENTS
from gobake.gotool.modules import Layout, Module
from gobake.model import Service

VERSION = ARGUMENTS["version"]  # the version of the project's root module


def with_modules(services: Iterable[Service], layout: Layout) -> tuple[Service, ...]:
    """Return the services with their modules and version variables.

    The module in the project's root (or the repository) uses `VERSION`, every other one VERSION_ and its folder.
    """
    named = [(service, _module(service, layout)) for service in services]
    others = sorted({m.directory for _, m in named if m and m.directory != layout.root})
    variables: dict[str, str] = {}
    for folder in map(str, others):
        slug = re.sub("[^A-Z0-9]+", "_", os.path.relpath(folder, layout.root).upper()).strip("_")
        name, number = f"{VERSION}_{slug}".rstrip("_"), 2
        while name in variables.values():
            name, number = f"{VERSION}_{slug}_{number}", number + 1
        variables[folder] = name
    return tuple(_with(service, module, layout, variables) for service, module in named)


def _with(service: Service, module: Module | None, layout: Layout, variables: dict[str, str]) -> Service:
    if module is None:
        return service
    return replace(
        service,
        module=module.path,
        module_directory=PurePosixPath(os.path.relpath(module.directory, layout.context)),
        version_variable=variables.get(str(module.directory), VERSION),
    )


def _module(service: Service, layout: Layout) -> Module | None:
    """Return the innermost main module around the service's package, or None."""
    folder = layout.context / service.directory
    mains = [m for build in layout.builds for m in build.mains if folder.is_relative_to(m.directory)]
    return max(mains, key=lambda m: len(m.directory.parts), default=None)
