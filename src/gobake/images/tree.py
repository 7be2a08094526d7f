"""The files of an image as a container sees them: the lists of its layers, one laid over the other.

A layer is listed once, however many images have it. Whatever a layer says, only names and numbers are taken from it.
https://specs.opencontainers.org/image-spec/layer/
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from gobake.foreign.checks import Unfit
from gobake.images.image import Blobs, above, whole
from gobake.images.streams import Hashed, unpacked
from gobake.images.tar import Entry, Kind, Reader, normal

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_LARGEST_KEPT = 32 << 20  # bytes of a file whose content is kept
_MOST_LINKS = 40  # that are followed, as Linux does
_MOST = 4_000_000  # files of an image


class Listed(Struct, frozen=True, kw_only=True):
    """What a layer contains."""

    entries: tuple[Entry, ...]
    contents: Mapping[str, bytes] = {}  # of the files that are kept, by path
    compressed: bool = False  # whether it is stored compressed


class Node(Struct, frozen=True, kw_only=True):
    """A file, folder or link."""

    kind: Kind
    size: int
    mode: int
    layer: int  # index of its layer
    target: str = ""  # of a link


Tree = Mapping[str, Node]  # by path, without a leading slash


def listed(blobs: Blobs, digest: str, keep: Collection[str] = ()) -> Listed:
    """List a layer. ``keep``: paths of small files whose contents are wanted.

    Raises UsageError, and RegistryRefused for a registry's.
    """
    entries, contents = [], dict[str, bytes]()
    with whole(blobs), blobs.stream(digest) as stored:
        hashed = Hashed(stored)
        plain, compressed = unpacked(hashed)
        reader = Reader(plain)
        for entry in reader:
            entries.append(entry)
            if entry.kind is Kind.FILE and entry.path in keep and entry.size <= _LARGEST_KEPT:
                contents[entry.path] = reader.read(entry.size)
        hashed.require(digest)
    return Listed(entries=tuple(entries), contents=contents, compressed=compressed)


def merged(layers: Sequence[Listed]) -> dict[str, Node]:
    """Lay the layers over each other, the lowest first. Raises Unfit for an image with too many files."""
    tree: dict[str, Node] = {}
    for number, layer in enumerate(layers):
        tree = _over(tree, layer.entries, number)
        if len(tree) > _MOST:
            raise Unfit(f"has more than {_MOST} files")
    return tree


def _over(below: Mapping[str, Node], entries: Sequence[Entry], number: int) -> dict[str, Node]:
    gone, emptied = set[str](), set[str]()  # paths; folders without what earlier layers have in them
    placed: dict[str, Node] = {}
    for entry in entries:
        folder, _, name = entry.path.rpartition("/")
        if name == _OPAQUE:
            emptied.add(folder)
        elif name.startswith(_WHITEOUT):
            gone.add(f"{folder}/{name.removeprefix(_WHITEOUT)}".lstrip("/"))
        elif entry.path:
            placed[entry.path] = _node(entry, placed, below, number)
    covering = gone | emptied | {path for path, node in placed.items() if node.kind is not Kind.FOLDER}
    kept = {
        path: node
        for path, node in below.items()
        if path not in gone and covering.isdisjoint(above(path)) and "" not in emptied
    }
    return kept | placed


def _node(entry: Entry, placed: Mapping[str, Node], below: Tree, number: int) -> Node:
    """A hard link is the file that it names: of this layer, or of one below."""
    size = entry.size
    if entry.kind is Kind.HARD_LINK:
        named = placed.get(normal(entry.target)) or below.get(normal(entry.target))
        size = named.size if named else 0
    return Node(kind=entry.kind, size=size, mode=entry.mode, layer=number, target=entry.target)


def resolved(tree: Tree, path: str) -> str | None:
    """Follow links in every part of a path, inside the image; None for a circle. What it names need not be there."""
    waiting = [part for part in path.split("/") if part][::-1]
    at: list[str] = []
    links = 0
    while waiting:
        part = waiting.pop()
        if part == "..":
            del at[-1:]
            continue
        if part in ("", "."):
            continue
        node = tree.get("/".join((*at, part)))
        if node is not None and node.kind is Kind.LINK:
            links += 1
            if links > _MOST_LINKS:
                return None
            if node.target.startswith("/"):
                at = []
            waiting += node.target.split("/")[::-1]
        else:
            at.append(part)
    return "/".join(at)


def copy(blobs: Blobs, digest: str, path: str, to: Path, largest: int) -> bool:
    """Write the content of a layer's file to a file of ours; False if the layer has none of that path and size.

    Raises UsageError, and RegistryRefused for a registry's.
    """
    found = False
    with whole(blobs), blobs.stream(digest) as stored:
        reader = Reader(unpacked(stored)[0])
        for entry in reader:
            if entry.path == path and entry.kind is Kind.FILE and entry.size <= largest:
                with to.open("wb") as file:
                    reader.copy(file)
                found = True
    return found
