"""The cache store: a repository of a registry, or a folder. Layers, seeds and history lie side by side in it."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from gobake.errors import UsageError


class CacheStore(Struct, frozen=True, kw_only=True):
    """One place for all caches of a project."""

    repository: str = ""  # such as ghcr.io/acme/shop-cache
    folder: Path | None = None  # absolute

    @property
    def shown(self) -> str:
        return str(self.folder) if self.folder else self.repository

    def reference(self, tag: str) -> str:
        """The image reference of a tag in a registry's store."""
        return f"{self.repository}:{tag}"


def parse_store(text: str, below: Path) -> CacheStore:
    """What was written, which has the form of config/words.py STORE already: a folder begins with `.`, `/` or `~/`.
    Raises UsageError where there is no home that `~` could mean."""
    if not text.startswith((".", "/", "~")):
        return CacheStore(repository=text)
    try:
        return CacheStore(folder=(below / Path(text).expanduser()).resolve())
    except RuntimeError:
        raise UsageError(f"{text}: nobody knows where ~ is", remedy="set HOME, or write the whole path") from None
