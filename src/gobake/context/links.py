"""Symbolic links of the tree, followed as Go follows them: to what lies inside of the build context.

Paths are texts relative to the context with `/` between the elements, "" for the context itself.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gobake.errors import ProjectError, Where


class Links:
    """The tree below one context. What was found out about a folder is not looked for again."""

    def __init__(self, context: Path) -> None:
        self.context = os.path.realpath(context)
        self._folders: dict[str, str] = {"": self.context}

    def absolute(self, path: str) -> str:
        return os.path.join(self.context, path) if path else self.context

    def folder(self, path: str) -> str:
        """Where a folder really lies. Raises ProjectError where a link leads out of the context."""
        found = self._folders.get(path)
        if found is None:
            above, name = os.path.split(path)
            place = os.path.join(self.folder(above), name)
            found = self.followed(path, place) if os.path.islink(place) else place
            self._folders[path] = found
        return found

    def file(self, path: str) -> str:
        """Where a file really lies. Raises as `folder`."""
        above, name = os.path.split(path)
        place = os.path.join(self.folder(above), name)
        return self.followed(path, place) if os.path.islink(place) else place

    def followed(self, path: str, place: str) -> str:
        """The end of a link at ``place``, named ``path`` in the message of a ProjectError."""
        end = os.path.realpath(place)
        if not self.holds(end):
            raise ProjectError(
                f"is a symbolic link that leads out of the build context {self.context}, to {end}",
                where=Where(file=Path(self.absolute(path))),
                remedy="put a copy in its place, or move what it leads to into the project",
            )
        return end

    def leads_out(self, place: str) -> bool:
        return not self.holds(os.path.realpath(place))

    def holds(self, place: str) -> bool:
        return place == self.context or place.startswith(self.context.rstrip("/") + "/")

    def inside(self, place: str) -> str:
        """A place in the context as a path of it."""
        return "" if place == self.context else place[len(self.context.rstrip("/")) + 1 :]


def is_file(place: str) -> bool:
    """A regular file, by way of links too. What cannot be looked at is none."""
    try:
        return stat.S_ISREG(os.stat(place).st_mode)
    except (OSError, ValueError):
        return False
