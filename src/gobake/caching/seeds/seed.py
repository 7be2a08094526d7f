"""Seeds: OCI images with the content of Go's cache mounts, from which a builder's mounts start warm. Pure.

A seed belongs to a project, a Go version and the architecture that compiles; each branch has at most one in force.
Labels of the image describe it, so that one request reads them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from gobake.caching.store import tags
from gobake.foreign import checks
from gobake.foreign.checks import Unfit

_FORMAT = "3"  # of seeds; those of another format are ignored
LABEL = "dev.gobake.seed"
LARGEST_INDEX = 64 << 20  # bytes of a seed's index, packed or unpacked; a large seed's has a few
_DIGITS = 24  # of a sha256, in the tag of an index or a part


class SeedKey(Struct, frozen=True, kw_only=True):
    """What a seed belongs to."""

    project: str
    go: str  # X.Y, as in the tag of the golang image
    arch: str  # of the machine that compiles

    def tag(self, branch: str) -> str:
        """The tag of a branch's seed; ``branch`` must be a valid part of a tag."""
        return tags.fitted(f"seed-{self.project}-go{self.go}-{self.arch}-{branch}")


class Seed(Struct, frozen=True, kw_only=True):
    """One seed, as its store describes it."""

    tag: str
    digest: str  # of its manifest; a restore is pinned to it
    layers: int  # of cache files, in its own image
    compressed: int | None  # bytes to pull, without its other part; None unknown
    size: int  # bytes, unpacked
    go: str  # from `go version`: go1.26.6
    arch: str
    branch: str
    sums: str  # digest of the go.sum files at its save
    inputs: str  # digest of the compile's inputs; "" unknown
    index: str  # sha256 of its index
    saved: str  # RFC 3339
    project: str
    half: str = ""  # tag of the image with the other part of a large seed; "" for none
    half_programs: tuple[str, ...] = ()  # mounts whose binaries are in that part
    blobs: tuple[str, ...] = ()  # digests of all its own layers in the store

    @property
    def all_layers(self) -> int:
        """Number of layers of cache files, including its other part."""
        return self.layers + bool(self.half)


class SeedLabels(Struct, frozen=True, kw_only=True):
    """The labels of a new seed. `Seed` describes the fields."""

    key: SeedKey
    go: str
    branch: str
    sums: str
    inputs: str
    index: str
    saved: str
    size: int
    half: str = ""
    half_programs: tuple[str, ...] = ()

    @property
    def texts(self) -> dict[str, str]:
        """As in the image's configuration."""
        return {
            LABEL: _FORMAT,
            f"{LABEL}.project": self.key.project,
            f"{LABEL}.go": self.go,
            f"{LABEL}.arch": self.key.arch,
            f"{LABEL}.branch": self.branch,
            f"{LABEL}.sums": self.sums,
            f"{LABEL}.inputs": self.inputs,
            f"{LABEL}.index": self.index,
            f"{LABEL}.saved": self.saved,
            f"{LABEL}.size": str(self.size),
            f"{LABEL}.half": self.half,
            f"{LABEL}.half.programs": " ".join(self.half_programs),
        }


def index_tag(digest: str) -> str:
    """The tag of a seed's index, from its sha256."""
    return f"index-{digest[:_DIGITS]}"


def half_tag(seed: str, paths: Iterable[str]) -> str:
    """The tag of a seed's part with these units. It depends on the seed's tag too, so that main never restores what
    another branch wrote."""
    return f"half-{hashlib.sha256(chr(10).join([seed, *paths]).encode()).hexdigest()[:_DIGITS]}"


def read_seed(
    tag: str, digest: str, layers: int, compressed: int | None, labels: Mapping[str, str], key: SeedKey
) -> Seed | str:
    """The seed that an image's labels describe, or why it is not a seed for ``key``."""
    seed = describe(tag, digest, layers, compressed, labels)
    if seed is None:
        return "is not a seed of this version of gobake"
    if seed.project != key.project:
        return f"is a seed of the project {seed.project}"
    if seed.arch != key.arch:
        return f"is a seed of {seed.arch} machines"
    wanted = key.go.split(".")[:2]
    if seed.go.removeprefix("go").split(".")[: len(wanted)] != wanted:
        return f"is a seed of {seed.go}"
    return seed


def describe(tag: str, digest: str, layers: int, compressed: int | None, labels: Mapping[str, str]) -> Seed | None:
    """The seed that an image's labels describe, of any project; None if they describe none."""
    if labels.get(LABEL) != _FORMAT:
        return None
    index, part = labels.get(f"{LABEL}.index", ""), labels.get(f"{LABEL}.half", "")
    try:
        size = checks.number(labels.get(f"{LABEL}.size") or "0")
        if index:  # its first digits become a tag and a file name
            checks.digest(f"sha256:{index}")
        if part:
            checks.tag(part)
    except Unfit:
        return None
    return Seed(
        tag=tag,
        digest=digest,
        layers=layers,
        compressed=compressed,
        size=size,
        go=labels.get(f"{LABEL}.go", ""),
        arch=labels.get(f"{LABEL}.arch", ""),
        branch=labels.get(f"{LABEL}.branch", ""),
        sums=labels.get(f"{LABEL}.sums", ""),
        inputs=labels.get(f"{LABEL}.inputs", ""),
        index=index,
        saved=labels.get(f"{LABEL}.saved", ""),
        project=labels.get(f"{LABEL}.project", ""),
        half=part,
        half_programs=tuple(labels.get(f"{LABEL}.half.programs", "").split()),
    )


def best(seeds: Sequence[Seed], sums: str) -> Seed | None:
    """The first seed saved with the same go.sum, else the first; ``seeds``: of the own branch, the base branch and
    main, in this order."""
    return next((seed for seed in seeds if seed.sums == sums), seeds[0] if seeds else None)


def sums_digest(texts: Iterable[str]) -> str:
    """Digest of all go.sum files together, independent of the order of files and lines."""
    lines = sorted({line.strip() for text in texts for line in text.splitlines() if line.strip()})
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
