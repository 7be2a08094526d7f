"""The images of a service side by side: what each weighs, what a node pulls of it, and what it holds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from gobake.choosing.advice import Advice, Weight, advise
from gobake.choosing.facts import Facts
from gobake.choosing.places import Place, Program
from gobake.choosing.scanners import Scanned, Scanner
from gobake.choosing.times import Seconds
from gobake.images.image import Packed
from gobake.model import Platform, Strategy
from gobake.needs.needs import Need
from gobake.starting.measure import Measured

# Layers of an image that is not built on another begin with the first of these; recipe/stages.py writes them.
_FIRST_OWN = "COPY /out/ /"
_FIRST_OWN_OF_SINGLE_STAGE = "WORKDIR /src"


class Base(Struct, frozen=True, kw_only=True):
    """The image that another one is built on."""

    name: str  # a reference, or ./path of a Dockerfile; "" if there is none
    layers: int | None  # None: unknown
    bytes: int | None  # of its layers, as stored; None: unknown


class Seen(Struct, frozen=True, kw_only=True):
    """An image in the engine."""

    layers: tuple[Packed, ...]
    stored: int | None  # bytes of manifest, configuration and layers, as a registry counts; None: not stored packed
    facts: Facts
    places: tuple[Place, ...] = ()
    program: Program | None = None


class Whose(StrEnum):
    """What else has a layer."""

    BASE = "base"  # a node that has the base
    SHARED = "shared"  # one that has the images that the strategy made of the other services
    OWN = "own"  # nothing
    UNKNOWN = "unknown"  # where the base ends is not known


class Built(Struct, frozen=True, kw_only=True):
    """An image that a run made, or found made."""

    service: str
    strategy: Strategy
    platform: Platform
    image: str  # its name
    base: str
    compressed: int | None  # of the record; None: unknown
    unpacked: int | None
    seconds: Seconds
    seen: Seen
    scans: tuple[Scanned, ...] = ()
    measured: Measured | None = None  # by starting it; None: nobody asked for it


class Row(Struct, frozen=True, kw_only=True):
    """An image beside the others."""

    built: Built
    base: Base
    beside_base: int | None  # bytes that a node pulls which has the base
    beside_others: (
        int | None
    )  # and the images that the strategy made of the other services; None: unknown, or no others
    whose: tuple[Whose, ...] = ()  # each layer

    @property
    def strategy(self) -> Strategy:
        return self.built.strategy

    @property
    def facts(self) -> Facts:
        return self.built.seen.facts


class Choice(Struct, frozen=True, kw_only=True):
    """The images of a service for a platform."""

    service: str
    platform: Platform
    rows: tuple[Row, ...]
    advice: Advice | None = None


class Comparison(Struct, frozen=True, kw_only=True):
    """All choices of a project."""

    project: str
    run: str  # id of the run that built the images
    choices: tuple[Choice, ...]
    left_out: tuple[str, ...] = ()  # a sentence for each strategy that a service cannot have
    absent: tuple[Scanner, ...] | None = None  # scanners that this machine does not have; None: nothing was scanned

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(choice.service for choice in self.choices))

    @property
    def platforms(self) -> tuple[Platform, ...]:
        return tuple(sorted({choice.platform for choice in self.choices}))


def choices(images: Sequence[Built]) -> tuple[Choice, ...]:
    """Return the choices, in the order of services and platforms; strategies are in their own order."""
    found: dict[tuple[str, Platform], list[Row]] = {}
    for built in images:
        found.setdefault((built.service, built.platform), []).append(_row(built, images))
    order = list(Strategy)
    return tuple(
        Choice(service=service, platform=platform, rows=tuple(sorted(rows, key=lambda row: order.index(row.strategy))))
        for (service, platform), rows in found.items()
    )


def _row(built: Built, images: Iterable[Built]) -> Row:
    others = [
        other.seen
        for other in images
        if (other.strategy, other.platform) == (built.strategy, built.platform) and other.service != built.service
    ]
    base = base_of(built)
    known = base.layers is not None
    below = {layer.digest for layer in built.seen.layers[: base.layers or 0]}
    shared = below | {layer.digest for other in others for layer in other.layers}
    return Row(
        built=built,
        base=base,
        beside_base=pulled(built.seen, below) if known else None,
        beside_others=pulled(built.seen, shared) if others else None,
        whose=tuple(_whose(layer.digest, below, shared, known=known) for layer in built.seen.layers),
    )


def _whose(digest: str, below: set[str], shared: set[str], *, known: bool) -> Whose:
    if digest in below:
        return Whose.BASE
    if digest in shared:
        return Whose.SHARED
    return Whose.OWN if known else Whose.UNKNOWN


def pulled(seen: Seen, there: set[str]) -> int | None:
    """Return the bytes that a node pulls which has some layers: the others, manifest and configuration."""
    if seen.stored is None:
        return None
    return seen.stored - sum(layer.size for layer in seen.layers if layer.digest in there)


def base_of(built: Built) -> Base:
    """Return the base with the layers that are its own: those below the first one that the recipe adds."""
    if not built.base:
        return Base(name="", layers=0, bytes=0)
    count = _layers_of_base(built.strategy, [layer.instruction for layer in built.seen.layers])
    if count is None:
        return Base(name=built.base, layers=None, bytes=None)
    size = None if built.seen.stored is None else sum(layer.size for layer in built.seen.layers[:count])
    return Base(name=built.base, layers=count, bytes=size)


def _layers_of_base(strategy: Strategy, instructions: Sequence[str]) -> int | None:
    first = _FIRST_OWN_OF_SINGLE_STAGE if strategy is Strategy.SINGLE_STAGE else _FIRST_OWN
    places = [at for at, instruction in enumerate(instructions) if instruction == first]
    return places[-1] if places else None


def advised(choice: Choice, needs: Sequence[Need]) -> Choice:
    """Return the choice with a recommendation. ``needs``: of the service."""
    return replace(choice, advice=advise([_weight(row) for row in choice.rows], needs))


def _weight(row: Row) -> Weight:
    return Weight(
        strategy=row.strategy,
        compressed=row.built.compressed,
        unpacked=row.built.unpacked,
        shell=bool(row.facts.shell),
        packages=row.facts.packages.count != 0,
        libc=row.facts.libc,
        memory=row.built.measured.memory_of_five if row.built.measured else None,
    )
