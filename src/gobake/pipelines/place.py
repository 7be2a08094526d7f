"""The file of a pipeline, which is read and written through no link of the tree."""

from __future__ import annotations

import errno
from pathlib import Path

from msgspec import Struct

from gobake.errors import Unwritable, UsageError
from gobake.files.nofollow import Inside
from gobake.pipelines.options import System

_LARGEST = 1 << 20  # bytes


class Place(Struct, frozen=True, kw_only=True):
    """Where a pipeline is kept."""

    folder: Inside
    name: str

    @classmethod
    def of(cls, system: System, top: Path) -> Place:
        """Return where a system looks for it in a repository."""
        *names, name = system.file.split("/")
        return cls(folder=Inside(top=top, names=tuple(names)), name=name)

    @classmethod
    def named(cls, file: Path) -> Place:
        """Return a place that the user named."""
        return cls(folder=Inside(top=file.parent), name=file.name)

    @property
    def path(self) -> Path:
        return self.folder.path / self.name

    def read(self) -> str | None:
        """Return the text that is there; None if there is none. Raises UsageError."""
        try:
            return self.folder.read(self.name, _LARGEST).decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise UsageError(f"{self.path} cannot be read: {_why(error)}") from None

    def write(self, text: str) -> None:
        """Replace what is there. Raises Unwritable."""
        try:
            self.folder.make()
            self.folder.write(self.name, text.encode("utf-8", "surrogateescape"))
        except (OSError, ValueError) as error:
            raise Unwritable(f"{self.path} cannot be written: {_why(error)}", remedy="-o - just prints it") from None


def _why(error: Exception) -> str:
    links = (errno.ELOOP, errno.ENOTDIR)
    if getattr(error, "errno", 0) in links:
        return "it is a link, or below one"
    return getattr(error, "strerror", None) or str(error)
