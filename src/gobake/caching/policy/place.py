"""The cache store: a registry repository or a folder that holds layer caches, seeds and history."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from gobake.errors import UsageError


class CacheStore(Struct, frozen=True, kw_only=True):
    """The place of all caches of a project: either a repository or a folder."""

    repository: str = ""  # such as ghcr.io/acme/shop-cache
    folder: Path | None = None  # absolute

    @property
    def shown(self) -> str:
        return str(self.folder) if self.folder else self.repository

    def reference(self, tag: str) -> str:
        """The image reference of a tag in a store that is a repository."""
        return f"{self.repository}:{tag}"


def parse_store(text: str, below: Path) -> CacheStore:
    """Parse a store, already checked against STORE of config/words.py; a folder begins with `.`, `/` or `~/`. Raises
    UsageError if the home folder of `~` is unknown."""
    if not text.startswith((".", "/", "~")):
        return CacheStore(repository=text)
    try:
        return CacheStore(folder=(below / Path(text).expanduser()).resolve())
    except RuntimeError:
        raise UsageError(f"{text}: the home folder is unknown", remedy="set HOME, or write the whole path") from None
