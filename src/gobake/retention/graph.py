"""One repository of a registry as a graph of manifests: what each is, and what a tag needs to be pulled whole. Pure.

A manifest needs those that it lists (platforms, nested indexes, attestations), those that are about it, and the one
that it is about itself. Those about it are told by the registry's referrers API, are in the index of the tag
`sha256-HEX` (the specification's way without that API), or have cosign's tags, `sha256-HEX.sig`. A seed also needs the
tags of its index and its other part.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from enum import StrEnum

from msgspec import Struct

_ABOUT = re.compile(r"sha256-([0-9a-f]{64})(?:\..+)?")


class Kind(StrEnum):
    """What a manifest is."""

    IMAGE = "image"  # also an index of images
    SEED = "seed"
    PART = "part"  # of a seed: its index, its other half
    CACHE = "cache"  # of layers
    RECORD = "record"  # of a run
    ATTESTATION = "attestation"  # BuildKit's, cosign's and other artifacts about an image
    ARTIFACT = "artifact"  # anything else


OF_CACHES = (Kind.SEED, Kind.CACHE, Kind.RECORD)


class Node(Struct, frozen=True, kw_only=True):
    """A manifest."""

    digest: str
    kind: Kind = Kind.IMAGE
    children: tuple[str, ...] = ()  # manifests that it lists
    blobs: tuple[tuple[str, int], ...] = ()  # (digest, bytes)
    size: int = 0  # of itself
    subject: str = ""  # digest of the manifest that it is about
    made: float | None = None  # seconds since the epoch; None unknown
    project: str | None = None  # owner of what gobake keeps; "" unknown, None for anything else
    parts: tuple[str, ...] | None = ()  # tags that a seed needs; None unknown


class Contents(Struct, frozen=True, kw_only=True):
    """What is known of a repository."""

    name: str
    tags: Mapping[str, str] = {}  # tag: digest
    nodes: Mapping[str, Node] = {}
    referrers: Mapping[str, tuple[str, ...]] = {}  # digest: those that the registry lists for it
    unread: Mapping[str, str] = {}  # tag or digest: why it could not be read

    def names(self) -> dict[str, list[str]]:
        """Return the tags of each digest."""
        found: dict[str, list[str]] = {}
        for tag, digest in sorted(self.tags.items()):
            found.setdefault(digest, []).append(tag)
        return found

    def attached(self) -> dict[str, list[str]]:
        """Return, for each digest, those that are about it."""
        found: dict[str, list[str]] = {digest: list(listed) for digest, listed in self.referrers.items()}
        for node in self.nodes.values():
            if node.subject:
                found.setdefault(node.subject, []).append(node.digest)
        for tag, digest in self.tags.items():
            if subject := about(tag):
                found.setdefault(subject, []).append(digest)
        return found


def about(tag: str) -> str:
    """Return the digest that a tag of referrers or signatures is about; "" for other tags."""
    match = _ABOUT.fullmatch(tag)
    return f"sha256:{match[1]}" if match else ""


class Graph:
    """Follows a repository's manifests."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self._attached = contents.attached()

    def needs(self, digest: str) -> Iterator[str]:
        """Yield the digests that one needs, but for the one that it is about."""
        node = self.contents.nodes.get(digest)
        if node:
            yield from node.children
            yield from filter(None, (self.contents.tags.get(tag) for tag in node.parts or ()))
        yield from self._attached.get(digest, ())

    def reach(self, roots: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Return each digest that roots need, themselves too, with the name of the first root that does.

        ``roots``: (digest, name).
        """
        found: dict[str, str] = {}
        for digest, name in roots:
            waiting = [digest]
            while waiting:
                one = waiting.pop()
                if one in found:
                    continue
                found[one] = name
                waiting += self.needs(one)
                node = self.contents.nodes.get(one)
                if node and node.subject:
                    waiting.append(node.subject)
        return found

    def below(self, digest: str) -> list[str]:
        """Return what a digest needs, itself first; without the one that it is about."""
        return list(self.above_first([(digest, "")], ()))

    def above_first(self, roots: Iterable[tuple[str, str]], without: Container[str]) -> dict[str, str]:
        """Return what roots need, each before all that it needs, with the name of a root that does.

        ``roots``: (digest, name). ``without``: digests that are left out, with what only they need.
        """
        ended: dict[str, str] = {}  # each after all that it needs
        begun: set[str] = set()
        for root, name in reversed(list(roots)):
            waiting = [(root, False)]
            while waiting:
                digest, done = waiting.pop()
                if done:
                    ended[digest] = name
                elif digest not in begun and digest not in without:
                    begun.add(digest)
                    waiting.append((digest, True))
                    waiting += [(below, False) for below in self.needs(digest)]
        return dict(reversed(ended.items()))

    def bytes_of(self, digests: Iterable[str]) -> dict[str, int]:
        """Return the sizes of manifests and of their blobs, by digest."""
        found: dict[str, int] = {}
        for digest in digests:
            if node := self.contents.nodes.get(digest):
                found |= dict(node.blobs)
                found[digest] = node.size
        return found

    def tops(self) -> list[str]:
        """Return the manifests without a tag that no other one needs."""
        named = set(self.contents.tags.values())
        needed = {below for digest in self.contents.nodes for below in self.needs(digest)}
        return [digest for digest in sorted(self.contents.nodes) if digest not in named and digest not in needed]
