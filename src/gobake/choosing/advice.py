"""Recommends a strategy for a service: rules, each with the evidence that it was applied for. Pure.

docs/compare.md lists the rules. A strategy that the service cannot have, or that lacks what no setting brings, is
ruled out; of the others the one with the smallest download wins, unless another is as small and holds more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from gobake.binary.libc import Libc
from gobake.model import Strategy
from gobake.needs.evidence import Kind
from gobake.needs.needs import Need
from gobake.starting.measure import INSTANCES

# Strategies in the order of preference where the download is the same: the less an image holds, the better.
_PREFERRED = (
    Strategy.SCRATCH,
    Strategy.DISTALPINE,
    Strategy.DISTROLESS,
    Strategy.ALPINE,
    Strategy.DEBIAN_SLIM,
    Strategy.UPX,
    Strategy.PREBUILT,
    Strategy.SINGLE_STAGE,
)
_NEVER = {
    Strategy.SINGLE_STAGE: "its image has the toolchain and the sources",
    Strategy.PREBUILT: "it is for programs that another tool compiles",
    Strategy.UPX: "a packed program unpacks itself into memory at every start, and instances share no pages",
}
_ALIKE = 1.01  # downloads that differ by less than this factor are the same
_UPX_SAVES = 0.75  # of the unpacked size: what UPX has to reach to be worth a word


class Weight(Struct, frozen=True, kw_only=True):
    """What the rules look at in a strategy's image."""

    strategy: Strategy
    compressed: int | None
    unpacked: int | None
    shell: bool = False
    packages: bool = False  # whether it has those of a distribution
    libc: Libc = Libc(kind="static")  # that its program needs
    memory: int | None = None  # bytes that INSTANCES of it take; None: not measured


class Reason(Struct, frozen=True, kw_only=True):
    """Why a strategy is chosen, or what must be set for it."""

    text: str
    places: tuple[str, ...] = ()  # FILE:LINE in the sources


class RuledOut(Struct, frozen=True, kw_only=True):
    """A strategy that is not recommended."""

    strategy: Strategy
    reason: Reason


class Instead(Struct, frozen=True, kw_only=True):
    """A strategy to choose for another purpose."""

    strategy: Strategy
    purpose: str
    more: int | None  # bytes of download beyond the recommended one; negative: less. None: unknown


class Advice(Struct, frozen=True, kw_only=True):
    """The recommendation for a service."""

    strategy: Strategy | None  # None: each was ruled out
    reasons: tuple[Reason, ...] = ()
    settings: tuple[Reason, ...] = ()  # keys of gobake.yaml that its image needs
    instead: tuple[Instead, ...] = ()
    ruled_out: tuple[RuledOut, ...] = ()


def advise(images: Sequence[Weight], needs: Sequence[Need]) -> Advice:
    """Recommend one of the strategies that were built."""
    out = _ruled_out(images, needs)
    left = [image for image in images if image.strategy not in out]
    told = _with_memory(images, out)
    ruled_out = tuple(RuledOut(strategy=strategy, reason=reason) for strategy, reason in told.items())
    if not left:
        return Advice(strategy=None, ruled_out=ruled_out)
    chosen = _smallest(left)
    return Advice(
        strategy=chosen.strategy,
        reasons=tuple(_reasons(chosen, left, images, needs)),
        settings=tuple(_settings(chosen.strategy, needs)),
        instead=tuple(_instead(chosen, images, out)),
        ruled_out=ruled_out,
    )


def _ruled_out(images: Sequence[Weight], needs: Sequence[Need]) -> Mapping[Strategy, Reason]:
    found = dict[Strategy, Reason]()
    for image in images:
        need = next((one for one in needs if one.kind is Kind.PROGRAM and image.strategy in one.lacking), None)
        if need:
            found[image.strategy] = Reason(text=f"the program seems to need {need.what}", places=_places(need))
        elif image.strategy in _NEVER and len(images) > 1:
            found[image.strategy] = Reason(text=_NEVER[image.strategy])
    return found


def _with_memory(images: Sequence[Weight], out: Mapping[Strategy, Reason]) -> Mapping[Strategy, Reason]:
    """Add to the reason against UPX what its memory was measured to be, beside that of the image it is made from."""
    taken = {image.strategy: image.memory for image in images}
    packed, plain = taken.get(Strategy.UPX), taken.get(Strategy.SCRATCH)
    reason = out.get(Strategy.UPX)
    if reason != Reason(text=_NEVER[Strategy.UPX]) or not packed or not plain:
        return out
    told = f"{INSTANCES} instances take {packed / 1e6:.1f} MB, and {plain / 1e6:.1f} MB in scratch"
    return {**out, Strategy.UPX: Reason(text=f"{_NEVER[Strategy.UPX]}: {told}")}


def _smallest(left: Sequence[Weight]) -> Weight:
    """The smallest download; of those that are the same, the one whose image holds less."""
    known = [image.compressed for image in left if image.compressed is not None]
    least = min(known, default=0)
    alike = [image for image in left if image.compressed is not None and image.compressed <= least * _ALIKE] or left
    return min(alike, key=lambda image: _PREFERRED.index(image.strategy))


def _reasons(chosen: Weight, left: Sequence[Weight], images: Sequence[Weight], needs: Sequence[Need]) -> list[Reason]:
    found = []
    if chosen.libc.kind == "static":
        found.append(Reason(text="the program is static: it needs no libc of the image"))
    elif chosen.libc.kind:
        newer = " or newer" if chosen.libc.floor else ""
        found.append(Reason(text=f"the program is linked against {chosen.libc}{newer}, which the image has"))
    for need in needs:
        lacks = [image.strategy for image in images if image.strategy in need.lacking]
        if need.kind is Kind.PROGRAM and lacks and chosen.strategy not in need.lacking:
            found.append(Reason(text=f"the program seems to need {need.what}", places=_places(need)))
    if len(left) > 1 and chosen.compressed is not None:
        found.append(Reason(text="of the strategies that fit, it has the smallest download"))
    elif len(left) == 1 and len(images) > 1:
        found.append(Reason(text="no other strategy that was built fits"))
    return found


def _settings(strategy: Strategy, needs: Sequence[Need]) -> list[Reason]:
    return [
        Reason(text=f"{need.what}: {need.answer}", places=_places(need)) for need in needs if strategy in need.lacking
    ]


def _instead(chosen: Weight, images: Sequence[Weight], out: Mapping[Strategy, Reason]) -> list[Instead]:
    by = {image.strategy: image for image in images}
    found = []

    def offer(strategy: Strategy, purpose: str) -> None:
        image = by[strategy]
        known = image.compressed is not None and chosen.compressed is not None
        more = (image.compressed or 0) - (chosen.compressed or 0) if known else None
        found.append(Instead(strategy=strategy, purpose=purpose, more=more))

    if Strategy.DISTROLESS in by and Strategy.DISTROLESS not in out and not chosen.packages:
        offer(Strategy.DISTROLESS, "others patch the base, or a scanner needs a distribution")
    shells = [image for image in images if image.shell and image.strategy not in out]
    if shells and not chosen.shell:
        offer(_smallest(shells).strategy, "you want a shell in the image")
    upx = by.get(Strategy.UPX)
    packed = upx is not None and out.get(Strategy.UPX) == Reason(text=_NEVER[Strategy.UPX])  # no need rules it out
    if upx and packed and upx.unpacked and chosen.unpacked and upx.unpacked < _UPX_SAVES * chosen.unpacked:
        offer(Strategy.UPX, "disk space of unpacked images matters more than memory and the time of a start")
    return found


def _places(need: Need) -> tuple[str, ...]:
    return tuple(f"{found.word} in {found.file}:{found.line}" for found in need.found)
