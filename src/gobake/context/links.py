"""Follows symbolic links of the tree as Go does, but only within the build context.

Paths are texts relative to the context, with `/` between the elements; "" is the context itself.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gobake.errors import ProjectError, Where


class Links:
    """The tree below one context; resolved folders are remembered."""

    def __init__(self, context: Path) -> None:
        self.context = os.path.realpath(context)
        self._folders: dict[str, str] = {"": self.context}

    def absolute(self, path: str) -> str:
        """Return the absolute path, without resolving links."""
        return os.path.join(self.context, path) if path else self.context

    def folder(self, path: str) -> str:
        """Return the real path of a folder. Raises ProjectError for a link out of the context."""
        real = self._folders.get(path)
        if real is None:
            above, name = os.path.split(path)
            place = os.path.join(self.folder(above), name)
            real = self.followed(path, place) if os.path.islink(place) else place
            self._folders[path] = real
        return real

    def file(self, path: str) -> str:
        """Return the real path of a file. Raises ProjectError for a link out of the context."""
        above, name = os.path.split(path)
        place = os.path.join(self.folder(above), name)
        return self.followed(path, place) if os.path.islink(place) else place

    def followed(self, path: str, place: str) -> str:
        """Return the target of a link at ``place``. A ProjectError names it ``path``."""
        end = os.path.realpath(place)
        if not self.holds(end):
            raise ProjectError(
                f"is a symbolic link that leads out of the build context {self.context}, to {end}",
                where=Where(file=Path(self.absolute(path))),
                remedy="replace it by a copy, or move its target into the project",
            )
        return end

    def leads_out(self, place: str) -> bool:
        """Whether the link's target is outside of the context."""
        return not self.holds(os.path.realpath(place))

    def holds(self, place: str) -> bool:
        """Whether a real path is in the context."""
        return place == self.context or place.startswith(self.context.rstrip("/") + "/")

    def inside(self, place: str) -> str:
        """Return a place in the context relative to it."""
        return "" if place == self.context else place[len(self.context.rstrip("/")) + 1 :]


def is_file(place: str) -> bool:
    """Whether it is a regular file, or a link to one; False if it cannot be accessed."""
    try:
        return stat.S_ISREG(os.stat(place).st_mode)
    except (OSError, ValueError):
        return False
