"""Seeds: OCI images that hold what Go's cache mounts held, so that a builder's own mounts can start warm. Pure.

A seed belongs to a project, a Go version and the architecture that compiles; of each branch's lineage one is in force.
What it is stands in labels of its configuration, which one request brings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from gobake.caching.store import tags
from gobake.foreign import checks
from gobake.foreign.checks import Unfit

_FORMAT = "3"  # of seeds: what is of another is passed over
_LABEL = "dev.gobake.seed"
LARGEST_INDEX = 64 << 20  # bytes of a seed's index, packed or unpacked: that of a large seed has a few
_DIGITS = 24  # of a sha256, in the tag of an index or of a half


class SeedKey(Struct, frozen=True, kw_only=True):
    """What a seed is made for."""

    project: str
    go: str  # X.Y, as in the tag of the golang image
    arch: str  # of the machine that compiles

    def tag(self, branch: str) -> str:
        """The tag of the seed in force for a branch; ``branch`` is a valid part of a tag already."""
        return tags.fitted(f"seed-{self.project}-go{self.go}-{self.arch}-{branch}")


class Seed(Struct, frozen=True, kw_only=True):
    """One seed, as its store describes it."""

    tag: str
    digest: str  # of its manifest: what is restored is pinned by it
    layers: int  # of cache files, in its own image
    compressed: int | None  # bytes to pull, without those of its half; None is unknown
    size: int  # bytes, unpacked
    go: str  # what `go version` said: go1.26.6
    arch: str
    branch: str
    sums: str  # digest of the go.sum files that it was saved with
    inputs: str  # digest of what the compile was made from; "" unknown
    index: str  # sha256 of its index
    saved: str  # RFC 3339
    project: str
    half: str = ""  # tag of the image that holds the other half of a large seed; "" where there is none
    half_programs: tuple[str, ...] = ()  # mounts whose programs are in that half
    blobs: tuple[str, ...] = ()  # digests of all its own layers as they lie in the store

    @property
    def all_layers(self) -> int:
        """With that of its other half."""
        return self.layers + bool(self.half)


class SeedLabels(Struct, frozen=True, kw_only=True):
    """What a seed that is written says of itself. See `Seed` for what each means."""

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
        """As they stand in the image's configuration."""
        return {
            _LABEL: _FORMAT,
            f"{_LABEL}.project": self.key.project,
            f"{_LABEL}.go": self.go,
            f"{_LABEL}.arch": self.key.arch,
            f"{_LABEL}.branch": self.branch,
            f"{_LABEL}.sums": self.sums,
            f"{_LABEL}.inputs": self.inputs,
            f"{_LABEL}.index": self.index,
            f"{_LABEL}.saved": self.saved,
            f"{_LABEL}.size": str(self.size),
            f"{_LABEL}.half": self.half,
            f"{_LABEL}.half.programs": " ".join(self.half_programs),
        }


def index_tag(digest: str) -> str:
    """Where the index of a seed lies, by its sha256."""
    return f"index-{digest[:_DIGITS]}"


def half_tag(seed: str, paths: Iterable[str]) -> str:
    """Where the half of a seed with these units lies. It is named after the seed's tag too: what main restores is never
    what another branch has written."""
    return f"half-{hashlib.sha256(chr(10).join([seed, *paths]).encode()).hexdigest()[:_DIGITS]}"


def read_seed(
    tag: str, digest: str, layers: int, compressed: int | None, found: Mapping[str, str], key: SeedKey
) -> Seed | str:
    """The seed that an image's labels describe, or why it is none for ``key``."""
    seed = describe(tag, digest, layers, compressed, found)
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


def describe(tag: str, digest: str, layers: int, compressed: int | None, found: Mapping[str, str]) -> Seed | None:
    """The seed that an image's labels describe, whosever it is; None where they describe none."""
    if found.get(_LABEL) != _FORMAT:
        return None
    index, half = found.get(f"{_LABEL}.index", ""), found.get(f"{_LABEL}.half", "")
    try:
        size = checks.number(found.get(f"{_LABEL}.size") or "0")
        if index:  # the first digits of it become a tag, and a file's name
            checks.digest(f"sha256:{index}")
        if half:
            checks.tag(half)
    except Unfit:
        return None
    return Seed(
        tag=tag,
        digest=digest,
        layers=layers,
        compressed=compressed,
        size=size,
        go=found.get(f"{_LABEL}.go", ""),
        arch=found.get(f"{_LABEL}.arch", ""),
        branch=found.get(f"{_LABEL}.branch", ""),
        sums=found.get(f"{_LABEL}.sums", ""),
        inputs=found.get(f"{_LABEL}.inputs", ""),
        index=index,
        saved=found.get(f"{_LABEL}.saved", ""),
        project=found.get(f"{_LABEL}.project", ""),
        half=half,
        half_programs=tuple(found.get(f"{_LABEL}.half.programs", "").split()),
    )


def best(seeds: Sequence[Seed], sums: str) -> Seed | None:
    """Of the seeds of one's own branch, the base branch and main, in this order: the first that was saved with the same
    go.sum, else the first."""
    return next((seed for seed in seeds if seed.sums == sums), seeds[0] if seeds else None)


def sums_digest(texts: Iterable[str]) -> str:
    """Of all go.sum files together, whatever the order of files and lines."""
    lines = sorted({line.strip() for text in texts for line in text.splitlines() if line.strip()})
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
