"""Entries of cache-from and cache-to, as in buildx (util/buildflags/cache.go, CacheOptionsEntry)."""

from __future__ import annotations

from pathlib import PurePath

from msgspec import Struct


class CacheEntry(Struct, frozen=True, kw_only=True):
    """A backend and its attributes; its text is buildx's `type=registry,ref=...`."""

    type: str  # registry, local, gha, s3, azblob, inline
    attributes: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, kind: str, /, **attributes: str) -> CacheEntry:
        """Create an entry."""
        return cls(type=kind, attributes=tuple(attributes.items()))

    @classmethod
    def parse(cls, text: str) -> CacheEntry:
        """Parse an entry. Raises KeyError without a type."""
        given = dict(part.partition("=")[::2] for part in text.split(","))
        return cls.of(given.pop("type"), **given)

    def __str__(self) -> str:
        return ",".join([f"type={self.type}", *(f"{key}={value}" for key, value in self.attributes)])

    def get(self, key: str) -> str:
        """Return an attribute; "" if not given."""
        return dict(self.attributes).get(key, "")

    @property
    def name(self) -> str:
        """The name of its cache: a reference, a folder's name, a scope or a manifest's name."""
        if self.type == "registry":
            return self.get("ref")
        if self.type == "local":
            return PurePath(self.get("src") or self.get("dest")).name
        return self.get("scope") or self.get("name") or self.type


INLINE = CacheEntry(type="inline")  # cache-to within the image
