"""Reads what a repository has: its tags, and all manifests that can be found from them, from records and referrers.

The distribution API lists no manifests, so an untagged one is found only if something names it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from gobake.caching.kept.contents import What, moment, parse_tag
from gobake.caching.seeds import seed as seeds
from gobake.errors import RegistryRefused
from gobake.foreign import oci
from gobake.foreign.checks import Unfit
from gobake.foreign.oci import Config, Descriptor, Manifest
from gobake.retention.graph import Contents, Kind, Node, about

_AT_ONCE = 8
_MOST = 200_000  # manifests
_MOST_BYTES = 256 << 20  # of all of them
_BUILDKIT_CACHE = "application/vnd.buildkit.cacheconfig."
_REFERENCE = "vnd.docker.reference.type"  # annotation of BuildKit's attestations in an index
_MADE = "buildkit/createdat"  # annotation of a layer in a cache manifest
_CREATED = "org.opencontainers.image.created"
_PART = re.compile(r"(?:index|half)-[0-9a-f]{24}")
_FIRST_TIME = 946_684_800.0  # 2000: earlier dates are those of reproducible builds
_RUN = "application/vnd.gobake.run."
_ABOUT = ("in-toto", "sigstore", "cosign", "spdx", "cyclonedx", "notary", "attest", "sbom", "provenance")


class Reads(Protocol):
    """A repository, as far as looking goes. Every method raises RegistryRefused."""

    def tags(self) -> tuple[str, ...]: ...
    def manifest_bytes(self, reference: str) -> bytes | None: ...
    def blob(self, digest: str) -> bytes: ...
    def referrers(self, digest: str) -> tuple[Descriptor, ...] | None: ...


class _Found(Struct, frozen=True, kw_only=True):
    """A manifest, and how large its text is."""

    manifest: Manifest
    size: int


def look(repository: Reads, name: str, candidates: Iterable[str]) -> Contents:
    """Return what is in a repository. ``candidates``: digests that may be there without a tag.

    Raises RegistryRefused if tags or referrers cannot be listed; a manifest that cannot be read becomes `unread`.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        looking = _Looking(repository, pool.map)
        tags = looking.tags()
        looking.follow([*(about(tag) for tag in tags if about(tag)), *candidates, *tags.values()])
        nodes = looking.nodes(tags)
    return Contents(name=name, tags=tags, nodes=nodes, referrers=looking.referrers, unread=looking.unread)


class _Looking:
    """One look at a repository."""

    def __init__(self, repository: Reads, at_once: Callable[..., Iterable[Any]]) -> None:
        """``at_once``: asks for several, with their answers in the same order."""
        self._repository = repository
        self._at_once = at_once
        self._found: dict[str, _Found] = {}
        self._attestations: set[str] = set()
        self._lists_referrers = True
        self.referrers: dict[str, tuple[str, ...]] = {}
        self.unread: dict[str, str] = {}

    def tags(self) -> dict[str, str]:
        """Return the digest of each tag that can be read."""
        tags = self._repository.tags()
        found: dict[str, str] = {}
        for tag, one in zip(tags, self._at_once(self._read, tags), strict=True):
            if one:
                self._found[one.manifest.digest] = one
                found[tag] = one.manifest.digest
        return found

    def follow(self, digests: Iterable[str]) -> None:
        """Read manifests, those that they list, those that they are about, and those about them."""
        waiting, seen = list(dict.fromkeys(digests)), set[str]()
        while waiting:
            seen |= set(waiting)
            absent = [digest for digest in waiting if digest not in self._found]
            for digest, one in zip(absent, self._at_once(self._read, absent), strict=True):
                if one:
                    self._found[digest] = one
            there = [digest for digest in waiting if digest in self._found]
            following = [*self._listed(there), *self._about(there)]
            waiting = list(dict.fromkeys(digest for digest in following if digest not in seen))
            if len(seen) + len(waiting) > _MOST:
                raise RegistryRefused(f"there are more than {_MOST} manifests")
            if sum(one.size for one in self._found.values()) > _MOST_BYTES:
                raise RegistryRefused(f"its manifests have more than {_MOST_BYTES >> 20} MiB")

    def _listed(self, digests: Sequence[str]) -> Iterable[str]:
        for digest in digests:
            manifest = self._found[digest].manifest
            for part in _manifests(manifest):
                if part.annotations.get(_REFERENCE):
                    self._attestations.add(part.digest)
                yield part.digest
            if manifest.subject:
                yield manifest.subject

    def _about(self, digests: Sequence[str]) -> Iterable[str]:
        """Ask for the referrers of each, unless the registry does not know what that is."""
        asked = [digest for digest in digests if not _is_cache(self._found[digest].manifest)]
        if asked and self._lists_referrers:
            first = self._repository.referrers(asked[0])
            self._lists_referrers = first is not None
            answers = [first, *self._at_once(self._repository.referrers, asked[1:] if first is not None else ())]
            for digest, answer in zip(asked, answers, strict=False):
                if answer:
                    self.referrers[digest] = tuple(one.digest for one in answer)
                    yield from self.referrers[digest]

    def _read(self, reference: str) -> _Found | None:
        """Return a manifest; None if there is none, or if it cannot be read."""
        try:
            body = self._repository.manifest_bytes(reference)
            return _Found(manifest=oci.manifest(body), size=len(body)) if body is not None else None
        except (RegistryRefused, Unfit) as error:
            self.unread[reference] = str(error)
            return None

    # ---- what they are

    def nodes(self, tags: Mapping[str, str]) -> dict[str, Node]:
        names: dict[str, str] = {}
        for tag, digest in tags.items():
            names[digest] = max(names.get(digest, ""), tag if _told(tag) else "")
        tops = {*tags.values(), *(self._found.keys() - {d for f in self._found.values() for d in _digests(f.manifest)})}
        wanted = [digest for digest in tops if digest in self._found and not _is_cache(self._found[digest].manifest)]
        configs = dict(zip(wanted, self._at_once(self._config, wanted), strict=True))
        return {
            digest: self._node(one, names.get(digest, ""), configs.get(digest)) for digest, one in self._found.items()
        }

    def _config(self, digest: str) -> Config | None:
        """Return the configuration of an image, or of the first image of an index."""
        for _ in range(5):  # nested
            manifest = self._found[digest].manifest
            if manifest.config:
                if "config" not in manifest.config.kind and "image" not in manifest.config.kind:
                    return None  # of an artifact
                try:
                    return oci.config(self._repository.blob(manifest.config.digest))
                except (RegistryRefused, Unfit):
                    return None
            listed = [one.digest for one in _manifests(manifest) if one.digest in self._found]
            images = [one for one in listed if one not in self._attestations]
            if not images:
                return None
            digest = images[0]
        return None

    def _node(self, one: _Found, tag: str, config: Config | None) -> Node:
        manifest = one.manifest
        listed = _manifests(manifest)
        parts = [part for part in manifest.parts if part not in listed]
        node = Node(
            digest=manifest.digest,
            kind=self._kind(manifest, tag, config),
            children=tuple(part.digest for part in listed),
            blobs=tuple((part.digest, part.size) for part in parts),
            size=one.size,
            subject=manifest.subject,
            made=_made(manifest, config),
        )
        if node.kind is Kind.SEED:
            return _of_seed(node, tag, config)
        if node.kind in (Kind.CACHE, Kind.RECORD):
            if not tag.startswith((f"{What.LAYERS}-", f"{What.HISTORY}-")):
                return node  # of another program
            named = parse_tag(tag, What.LAYERS if node.kind is Kind.CACHE else What.HISTORY)
            return replace(node, project=named.project, made=named.made or node.made)
        return node

    def _kind(self, manifest: Manifest, tag: str, config: Config | None) -> Kind:
        if manifest.digest in self._attestations:
            return Kind.ATTESTATION
        if _is_cache(manifest):
            return Kind.CACHE
        if manifest.kind.startswith(_RUN):
            return Kind.RECORD
        if tag.startswith("seed-"):
            return Kind.SEED
        if _PART.fullmatch(tag):
            return Kind.PART
        word = f"{manifest.kind} {manifest.config.kind if manifest.config else ''}".lower()
        if about(tag) or manifest.subject or any(name in word for name in _ABOUT):
            return Kind.ATTESTATION
        return Kind.ARTIFACT if manifest.kind else Kind.IMAGE


def _of_seed(node: Node, tag: str, config: Config | None) -> Node:
    """Read a seed's labels. One that cannot be read may need any part; an image without them is none."""
    seed = seeds.describe(tag, node.digest, 0, None, config.labels if config else {})
    if seed is None and config and not any(label.startswith(seeds.LABEL) for label in config.labels):
        return replace(node, kind=Kind.IMAGE)
    if seed is None:
        return replace(node, parts=None, project="")
    needs = tuple(filter(None, (seeds.index_tag(seed.index) if seed.index else "", seed.half)))
    return replace(node, parts=needs, project=seed.project, made=moment(seed.saved) or node.made)


def _told(tag: str) -> bool:
    """Whether a tag says what its manifest is."""
    return bool(about(tag) or _PART.fullmatch(tag)) or tag.startswith(("seed-", "layers-", "history-"))


def _is_cache(manifest: Manifest) -> bool:
    """Whether it is BuildKit's cache: an image, or an index that lists layers instead of images."""
    configs = [manifest.config] if manifest.config else manifest.manifests
    return any(one.kind.startswith(_BUILDKIT_CACHE) for one in configs)


def _manifests(manifest: Manifest) -> list[Descriptor]:
    """What an index lists, but for the layers and the configuration of a cache. Without a media type it may be any."""
    return [one for one in manifest.manifests if one.is_manifest or not one.kind]


def _digests(manifest: Manifest) -> Iterable[str]:
    return (one.digest for one in _manifests(manifest))


def _made(manifest: Manifest, config: Config | None) -> float | None:
    """When an image was made, by its labels, else by the time of its configuration."""
    labels = config.labels if config else {}
    layers = [layer.annotations.get(_MADE, "") for layer in manifest.layers or manifest.manifests]
    times = [
        *layers,
        manifest.annotations.get(_CREATED, ""),
        labels.get(_CREATED, ""),
        config.created if config else "",
    ]
    known = [time for time in map(moment, times) if time is not None and time >= _FIRST_TIME]
    return max(known, default=None)
