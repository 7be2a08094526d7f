"""Judges the images of a run against the limits of their services: size, and growth since an earlier run. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from gobake.config.gates import MostGrowth, SizeGate
from gobake.insight.growth import ImageGrowth, images_of, is_chosen
from gobake.insight.growth_words import UNKNOWN, culprit_words, growth_words, module_name
from gobake.insight.verdict import Check, Finding, State
from gobake.runs.record import RunRecord, SizeRecord
from gobake.text.amounts import more_text, size_text

LimitsOf = Callable[[str], SizeGate]  # of a service
_MOST = 20  # images that are named


def findings(limits: LimitsOf, run: RunRecord, growth: Sequence[ImageGrowth]) -> Iterator[Finding]:
    """The findings on images: each that fell short or is unknown, and one for those that are within a limit."""
    yield from _merged(Check.SIZE, [*_sizes(limits, run, growth)])
    yield from _merged(Check.GROWTH, [*_growths(limits, run, growth)])


def _merged(check: Check, found: list[Finding]) -> Iterator[Finding]:
    """Name those that need it; of the others, the one that is nearest to its limit."""
    met = [one for one in found if one.state is State.MET]
    others = [one for one in found if one.state is not State.MET]
    yield from sorted(others, key=lambda one: one.state is not State.SHORT)[:_MOST]
    if len(others) > _MOST:
        yield Finding(check=check, state=others[-1].state, says=f"and {len(others) - _MOST} more images")
    if met:
        nearest = min(met, key=lambda one: (one.asked or 0.0) - (one.reached or 0.0))
        more = f"; {len(met) - 1} more are within theirs" if len(met) > 1 else ""
        yield Finding(
            check=check,
            state=State.MET,
            says=f"{nearest.says}{more}",
            reached=nearest.reached,
            asked=nearest.asked,
        )


# ---- size


def _sizes(limits: LimitsOf, run: RunRecord, growth: Sequence[ImageGrowth]) -> Iterator[Finding]:
    grew = {(one.service, one.strategy, one.platform): one for one in growth}
    known = set()
    for target, size, count in images_of(run):
        known.add((target.name, size.platform))
        most = limits(target.service).max_size
        if not isinstance(most, int):
            continue
        name = _named(target.service, target.strategy, size.platform)
        says = f"{name} has {size_text(count)} compressed, at most {size_text(most)} is asked"
        if count > most:
            says += _largest(size, grew.get((target.service, target.strategy, size.platform)))
        state = State.SHORT if count > most else State.MET
        yield Finding(check=Check.SIZE, state=state, says=says, reached=float(count), asked=float(most))
    for target in run.targets:
        most = limits(target.service).max_size
        for platform in target.platforms:
            unknown = target.digest and is_chosen(target) and (target.name, platform) not in known
            if unknown and isinstance(most, int):
                name = _named(target.service, target.strategy, platform)
                yield Finding(
                    check=Check.SIZE,
                    state=State.UNTOLD,
                    says=f"the size of {name} is unknown, at most {size_text(most)} is asked",
                    asked=float(most),
                    why="neither the engine nor a registry tells it",
                )


def _largest(size: SizeRecord, grew: ImageGrowth | None) -> str:
    """What to look at: what grew most if anything did, else the largest module."""
    words = culprit_words(grew.grown) if grew and grew.grown.bytes > 0 else ""
    if grew and words:
        return f"; since run {grew.run} most of what came is in {words}"
    found = next((one for one in size.contents.modules if one.module), None) if size.contents else None
    return f"; the largest module is {module_name(found.module)}: {size_text(found.bytes)}" if found else ""


# ---- growth


def _growths(limits: LimitsOf, run: RunRecord, growth: Sequence[ImageGrowth]) -> Iterator[Finding]:
    known = set()
    for one in growth:
        known.add((one.service, one.strategy, one.platform))
        most = limits(one.service).max_growth
        if isinstance(most, MostGrowth):
            yield _growth(most, one)
    for target, size, _ in images_of(run):
        most = limits(target.service).max_growth
        if isinstance(most, MostGrowth) and (target.service, target.strategy, size.platform) not in known:
            name = _named(target.service, target.strategy, size.platform)
            yield Finding(
                check=Check.GROWTH,
                state=State.UNTOLD,
                says=f"how much {name} grew is unknown",
                why="its size in an earlier run is on no record",
            )


def _growth(most: MostGrowth, one: ImageGrowth) -> Finding:
    grown, allowed = one.grown, most.allowed(one.grown.before_bytes)
    branch = f" of {one.branch}" if one.branch else ""
    asked = f"+{100 * most.share:g} %" if most.share is not None else more_text(most.bytes or 0)
    says = (
        f"{_named(one.service, one.strategy, one.platform)} has {size_text(one.bytes)} compressed, "
        f"{growth_words(grown)} since run {one.run}{branch}, at most {asked} is asked"
    )
    short = grown.bytes > allowed
    if short:
        words = culprit_words(grown)
        says += f"; most of it in {words}" if words else f"; {UNKNOWN}"
    return Finding(
        check=Check.GROWTH,
        state=State.SHORT if short else State.MET,
        says=says,
        reached=float(grown.bytes),
        asked=float(allowed),
    )


def _named(service: str, strategy: str, platform: str) -> str:
    return f"{service} {strategy} {platform}"
