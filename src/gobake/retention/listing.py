"""What a repository holds, tag by tag, for `gobake registry ls`. Pure."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from gobake.retention.choose import Held
from gobake.retention.graph import Contents, Graph, Kind, Node


class Listed(Struct, frozen=True, kw_only=True):
    """A tag, or a manifest without one that nothing else needs."""

    tag: str  # "" for none
    digest: str
    kind: Kind
    made: float | None
    size: int  # bytes of all that it needs, as stored
    own: int  # of what nothing else needs: so much a prune would free


class Listing(Struct, frozen=True, kw_only=True):
    """One repository."""

    repository: str
    listed: tuple[Listed, ...]
    manifests: int
    size: int  # bytes of all of it, each blob once
    unread: tuple[str, ...]  # tags and digests, each with why


def listing(contents: Contents, held: Held) -> Listing:
    """List a repository. A blob that two tags need is in the bytes of both, and is owned by neither."""
    graph = Graph(contents)
    places = [*sorted(contents.tags.items()), *(("", digest) for digest in graph.tops())]
    needed = {digest: graph.bytes_of(graph.below(digest)) for digest in {digest for _, digest in places}}
    shared = Counter(blob for blobs in needed.values() for blob in blobs)
    names = Counter(digest for _, digest in places)
    found = []
    for tag, digest in places:
        blobs = needed[digest]
        node = contents.nodes.get(digest) or Node(digest=digest, kind=Kind.ARTIFACT)
        alone = names[digest] == 1
        found.append(
            Listed(
                tag=tag,
                digest=digest,
                kind=node.kind,
                made=held.times.get(digest, node.made),
                size=sum(blobs.values()),
                own=sum(size for blob, size in blobs.items() if shared[blob] == 1) if alone else 0,
            )
        )
    return Listing(
        repository=contents.name,
        listed=tuple(found),
        manifests=len(contents.nodes),
        size=sum(graph.bytes_of(contents.nodes).values()),
        unread=tuple(f"{name}: {why}" for name, why in sorted(contents.unread.items())),
    )
