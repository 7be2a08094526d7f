"""Looks at the images of a run in the engine: each once, and each layer once. Known images are remembered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from gobake import memo
from gobake.binary.anatomy import take_apart
from gobake.binary.elf import NoProgram
from gobake.binary.libc import Libc, needed
from gobake.choosing.account import Built, Seen
from gobake.choosing.facts import KEPT, Settings, facts
from gobake.choosing.places import ModuleBytes, Program, largest, places
from gobake.choosing.times import packaging
from gobake.errors import UsageError
from gobake.foreign.checks import Unfit
from gobake.images import tree as trees
from gobake.images.sources import Opened, saved_by_engine
from gobake.images.tar import Kind, normal
from gobake.images.tree import Listed, Tree
from gobake.model import Platform, Project, Strategy, Target
from gobake.runs.record import RunRecord, SizeRecord, TargetRecord

_FACTS = 2  # raised when other facts are read of the same image
_LARGEST_PROGRAM = 2 << 30  # bytes


class Wanted(Struct, frozen=True, kw_only=True):
    """An image of a run to look at."""

    target: Target
    platform: Platform
    image: str  # its name in the engine
    record: TargetRecord

    @property
    def key(self) -> tuple[str, str]:
        """What tells one image from any other; the digest is "" if the builder did not tell it."""
        return (self.record.digest, str(self.platform))

    @property
    def size(self) -> SizeRecord:
        told = str(self.platform)
        return next((size for size in self.record.sizes if size.platform == told), SizeRecord(platform=told))


def wanted(targets: Sequence[Target], record: RunRecord, prefix: str, tag: str) -> list[Wanted]:
    """Return the images that a run made or found made."""
    by_name = {target.name: target for target in record.targets}
    return [
        Wanted(target=target, platform=platform, image=target.image(prefix, tag), record=by_name[target.name])
        for target in targets
        if target.name in by_name and not by_name[target.name].failure
        for platform in target.platforms
    ]


def gather(
    project: Project, images: Sequence[Wanted], records: Sequence[RunRecord], scratch: Path, *, modules: bool = False
) -> list[Built]:
    """Return what is known of the images. ``records``: newest first. ``modules``: also those of the programs.

    Raises UsageError and NoEngine.
    """
    seen = _seen(images, scratch, modules=modules)
    return [
        Built(
            service=one.target.service.name,
            strategy=one.target.strategy,
            platform=one.platform,
            image=one.image,
            base=project.base(one.target.service, one.target.strategy),
            compressed=one.size.compressed if one.size.compressed is not None else seen[at].stored,
            unpacked=one.size.uncompressed,
            seconds=packaging(
                records, one.target.name, str(one.platform), compiles=one.target.strategy is Strategy.SINGLE_STAGE
            ),
            seen=seen[at],
        )
        for at, one in enumerate(images)
    ]


# ---- what is in them


def _seen(images: Sequence[Wanted], scratch: Path, *, modules: bool) -> list[Seen]:
    known = {at: seen for at, one in enumerate(images) if (seen := _recalled(one, modules=modules))}
    new = [at for at in range(len(images)) if at not in known]
    if new:
        names = list(dict.fromkeys(images[at].image for at in new))
        saved = saved_by_engine(names, scratch)
        look = _Look(scratch, modules=modules)
        for at in new:
            known[at] = look.at(saved.opened(images[at].image, images[at].platform))
            if images[at].record.digest:
                memo.remember("image", images[at].key, _FACTS, msgspec.to_builtins(known[at]))
    return [known[at] for at in range(len(images))]


def _recalled(one: Wanted, *, modules: bool) -> Seen | None:
    if not one.record.digest:
        return None
    try:
        seen = msgspec.convert(memo.recall("image", one.key, _FACTS), Seen)
    except msgspec.ValidationError:
        return None
    return None if modules and seen.program and seen.program.modules is None else seen


class _Look:
    """Reads images of one archive; layers and programs that several of them have are read once."""

    def __init__(self, scratch: Path, *, modules: bool) -> None:
        self._file = scratch / "program"
        self._modules = modules
        self._layers: dict[str, Listed] = {}
        self._programs: dict[tuple[str, str], _Read] = {}

    def at(self, opened: Opened) -> Seen:
        """Raises UsageError."""
        image = opened.image
        for layer in image.layers:
            if layer.digest not in self._layers:
                self._layers[layer.digest] = trees.listed(opened.blobs, layer.digest, KEPT)
        layers = [self._layers[layer.digest] for layer in image.layers]
        try:
            tree = trees.merged(layers)
        except Unfit as error:
            raise UsageError(f"{opened.blobs.name} cannot be looked at: an image {error}") from None
        program, libc = self._program(opened, tree)
        return Seen(
            layers=image.layers,
            stored=image.stored if all(layer.compressed for layer in layers) else None,
            facts=facts(tree, dict(_kept(tree, layers)), Settings(user=image.user, env=image.env), libc),
            places=places(tree, program.path if program else None),
            program=program,
        )

    def _program(self, opened: Opened, tree: Tree) -> tuple[Program | None, Libc]:
        """Read the program that the image starts."""
        first = opened.image.entrypoint[:1]
        path = trees.resolved(tree, first[0]) if first else None
        node = tree.get(path) if path else None
        if path is None or node is None:
            return None, Libc(kind="")
        name = normal(node.target) if node.kind is Kind.HARD_LINK else path
        layer = tree[name].layer if name in tree else node.layer
        read = self._read(opened, opened.image.layers[layer].digest, name)
        if read is None:
            return None, Libc(kind="")
        return Program(path=name, layer=layer, bytes=read.bytes, modules=read.modules), read.libc

    def _read(self, opened: Opened, digest: str, name: str) -> _Read | None:
        key = (digest, name)
        if not digest or key not in self._programs:
            if not trees.copy(opened.blobs, digest, name, self._file, _LARGEST_PROGRAM):
                return None
            try:
                self._programs[key] = _Read(
                    bytes=self._file.stat().st_size,
                    libc=needed(self._file),
                    modules=_modules(self._file) if self._modules else None,
                )
            finally:
                self._file.unlink()
        return self._programs[key]


class _Read(Struct, frozen=True, kw_only=True):
    """What a program tells."""

    bytes: int
    libc: Libc
    modules: tuple[ModuleBytes, ...] | None


def _modules(file: Path) -> tuple[ModuleBytes, ...]:
    try:
        found = take_apart(file).by_module()
    except NoProgram:
        return ()
    return largest([ModuleBytes(module=m.path, version=m.version, bytes=size) for m, size in found.items()])


def _kept(tree: Tree, layers: Sequence[Listed]) -> Iterator[tuple[str, bytes]]:
    """Yield the contents of files that are there in the end, by path."""
    for path in KEPT:
        node = tree.get(path)
        content: Mapping[str, bytes] = layers[node.layer].contents if node else {}
        if path in content:
            yield path, content[path]
