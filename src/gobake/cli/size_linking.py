"""Links the program of a service with symbols, once `gobake size` needs it."""

from __future__ import annotations

import functools
from pathlib import Path

from msgspec.structs import replace

from gobake.cli.options import ProjectGiven, request
from gobake.cli.size_against import Shipped
from gobake.paths import cache_folder
from gobake.plan.discover import versions_of
from gobake.plan.project import identity
from gobake.run.modules import module_access
from gobake.size.twin import Linked, Twinning, link


class Linking:
    """How to link the program of a service."""

    def __init__(self, shipped: Shipped, given: ProjectGiven, tag: str, version: str, scratch: Path) -> None:
        """``version``: the one that was linked in."""
        self._shipped, self._given, self._tag, self._version, self._scratch = shipped, given, tag, version, scratch

    def __call__(self, *, shipped: bool) -> Linked:
        """``shipped``: also link the program as it ships, before it is packed."""
        return link(self.asked, self._scratch, shipped=shipped)

    @functools.cached_property
    def asked(self) -> Twinning:
        """What to link, and where."""
        opened = self._shipped.opened
        home = cache_folder() / identity(opened.project)
        access = module_access(opened, home, self._scratch)
        asked = replace(request(self._given), version=self._version)
        return Twinning(
            opened=opened,
            service=next(one for one in opened.project.services if one.name == self._shipped.service.name),
            platform=self._shipped.platform,
            builder=self._given.builder,
            secrets=access.secrets,
            variables=access.variables,
            values=versions_of(opened, asked, self._tag).values,
            home=home,
            redactor=access.redactor,
        )
