"""Splits a matrix over several runners: into shards, each with services for platforms. Pure.

A shard is whole platforms before it is services, since what is built for one platform shares one compile; then services
that share a compile stay together where the shards are as even without it. Nothing depends on the order of what is
given: the same work, seconds and number of shards give the same plan.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from math import ceil, fsum

from msgspec import Struct

from gobake.model import Platform, Strategy, Target

Load = tuple[str, float]  # a name, and its seconds
Seconds = Mapping[tuple[str, str], float]  # by service and platform

_LEAST = 0.01  # seconds of anything: work of none would all be put on one shard
_BOUND = 4 / 3  # of the best possible: what the longest shard of LPT may take (Graham 1969)
_DIGITS = 16


class By(StrEnum):
    """What a shard consists of."""

    PLATFORM = "platform"  # whole platforms
    SERVICE = "service"  # services for all their platforms
    BALANCED = "balanced"  # whole platforms if there are no more shards, else services of one platform


class Work(Struct, frozen=True, kw_only=True, order=True):
    """A service for a platform, in all its strategies, since these share its program."""

    platform: Platform
    service: str
    stage: str  # the same for services that share a compile
    seconds: float


class Shard(Struct, frozen=True, kw_only=True):
    """What one runner builds."""

    name: str
    parts: tuple[tuple[str, tuple[Platform, ...]], ...]  # (service, its platforms)
    seconds: float = 0.0  # expected; 0: unknown

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(service for service, _ in self.parts)

    @property
    def platforms(self) -> tuple[Platform, ...]:
        return tuple(sorted({platform for _, platforms in self.parts for platform in platforms}))


class ShardPlan(Struct, frozen=True, kw_only=True):
    """All shards of a matrix, and what they are of."""

    project: str
    revision: str  # "" without git
    every_strategy: bool  # of `gobake all`
    shards: tuple[Shard, ...]

    @property
    def digest(self) -> str:
        """What the shards of one plan have in common."""
        shards = [[s.name, [[name, list(map(str, platforms))] for name, platforms in s.parts]] for s in self.shards]
        text = json.dumps([self.project, self.revision, self.every_strategy, shards], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]

    def number(self, shard: Shard) -> int:
        return self.shards.index(shard) + 1


class ShardOf(Struct, frozen=True, kw_only=True):
    """A shard of a plan."""

    shard: Shard
    plan: ShardPlan


def work_of(targets: Iterable[Target], seconds: Seconds) -> tuple[Work, ...]:
    """Return what is to be split. ``seconds``: of earlier runs; what they do not know is estimated."""
    units: dict[tuple[str, Platform], list[Target]] = {}
    for target in targets:
        for platform in target.platforms:
            units.setdefault((target.service.name, platform), []).append(target)
    guesses = {unit: fsum(map(_guess, found)) for unit, found in units.items()}
    known = {unit: seconds[unit[0], str(unit[1])] for unit in units if (unit[0], str(unit[1])) in seconds}
    scale = fsum(known.values()) / fsum(guesses[unit] for unit in known) if known else 1.0
    found = (
        Work(
            platform=unit[1],
            service=unit[0],
            stage=f"{together[0].service.build_root} {together[0].service.build}",
            seconds=max(known.get(unit, guesses[unit] * scale), _LEAST),
        )
        for unit, together in units.items()
    )
    return tuple(sorted(found))


def _guess(target: Target) -> float:
    """Return what an image costs beside others, before anything is on record."""
    if target.strategy is Strategy.SINGLE_STAGE:
        return 4.0  # compiles for itself
    return 2.0 if target.strategy is Strategy.UPX or target.service.build.native else 1.0


def split(work: Sequence[Work], by: By, count: int | None = None) -> tuple[Shard, ...]:
    """Return at most ``count`` shards, or one for each platform or service; each piece of work is in exactly one."""
    work = sorted(work)
    if not work:
        return ()
    platforms = sorted({one.platform for one in work})
    if by is By.SERVICE:
        return _of_services(work, count)
    if count is None or by is By.PLATFORM or count <= len(platforms):
        return _of_platforms(work, platforms, min(count or len(platforms), len(platforms)))
    found = []
    for platform, shares in _allotted(work, platforms, count).items():
        own = [one for one in work if one.platform == platform]
        packed = _packed(own, shares)
        names = [f"{platform.slug}-{at}" for at in range(1, shares + 1)] if shares > 1 else [platform.slug]
        found += [_shard(name, own, set(services)) for name, services in zip(names, packed, strict=True)]
    return tuple(found)


def _of_platforms(work: Sequence[Work], platforms: Sequence[Platform], count: int) -> tuple[Shard, ...]:
    loads = [(str(p), fsum(one.seconds for one in work if one.platform == p)) for p in platforms]
    found = []
    for at, names in enumerate(_ordered(_longest_first(loads, count)), 1):
        own = [one for one in work if str(one.platform) in names]
        name = own[0].platform.slug if len(names) == 1 else f"platforms-{at}"
        found.append(_shard(name, own, {one.service for one in own}))
    return tuple(found)


def _of_services(work: Sequence[Work], count: int | None) -> tuple[Shard, ...]:
    several = len({one.service for one in work})
    packed = _packed(work, min(count or several, several))
    names = [services[0] if len(services) == 1 else f"services-{at}" for at, services in enumerate(packed, 1)]
    return tuple(_shard(name, work, set(services)) for name, services in zip(names, packed, strict=True))


def _shard(name: str, work: Sequence[Work], services: set[str]) -> Shard:
    own = [one for one in work if one.service in services]
    parts = ((s, tuple(one.platform for one in own if one.service == s)) for s in sorted(services))
    return Shard(name=name, parts=tuple(parts), seconds=fsum(one.seconds for one in own))


def _allotted(work: Sequence[Work], platforms: Sequence[Platform], count: int) -> dict[Platform, int]:
    """Return how many shards each platform gets: the next one goes to where a shard would have most to do."""
    loads = {p: fsum(one.seconds for one in work if one.platform == p) for p in platforms}
    most = {p: sum(one.platform == p for one in work) for p in platforms}
    shares = dict.fromkeys(platforms, 1)
    for _ in range(count - len(platforms)):
        able = [p for p in platforms if shares[p] < most[p]]
        if not able:
            break
        shares[max(able, key=lambda p: loads[p] / shares[p])] += 1
    return shares


def _packed(work: Sequence[Work], count: int) -> list[list[str]]:
    """Return the services of each of ``count`` shards.

    Services that share a compile are kept together, as a whole or in few pieces, if the longest shard is still in the
    bound of what single services would give.
    """
    loads: dict[str, float] = {}
    stages: dict[str, str] = {}
    for one in work:
        loads[one.service] = loads.get(one.service, 0.0) + one.seconds
        stages[one.service] = one.stage
    groups: dict[str, list[Load]] = {}
    for name in sorted(loads):
        groups.setdefault(stages[name], []).append((name, loads[name]))
    fair = fsum(loads.values()) / count
    limit = _BOUND * max(fair, *loads.values())
    whole = [[name for name, _ in group] for group in groups.values()]
    for pieces in (whole, _pieces(groups.values(), fair)):
        found = _put_together(pieces, loads, count)
        if len(found) == count and max(fsum(loads[name] for name in names) for names in found) <= limit:
            return _ordered(found)
    return _ordered(_longest_first(sorted(loads.items()), count))


def _pieces(groups: Iterable[Sequence[Load]], fair: float) -> list[list[str]]:
    """Cut what is more than a fair share into pieces of about one."""
    found = []
    for group in groups:
        cuts = min(len(group), ceil(fsum(seconds for _, seconds in group) / fair))
        found += _longest_first(group, cuts)
    return found


def _put_together(pieces: Sequence[Sequence[str]], loads: Mapping[str, float], count: int) -> list[list[str]]:
    """Put pieces into shards, and return the names in each shard that has any."""
    by_first = {min(names): names for names in pieces}
    sums = [(first, fsum(loads[name] for name in names)) for first, names in sorted(by_first.items())]
    return [[name for first in firsts for name in by_first[first]] for firsts in _longest_first(sums, count) if firsts]


def _longest_first(loads: Sequence[Load], count: int) -> list[list[str]]:
    """Put the longest that is left where there is least to do (LPT)."""
    found: list[list[str]] = [[] for _ in range(count)]
    sums = [0.0] * count
    for name, seconds in sorted(loads, key=lambda load: (-load[1], load[0])):
        least = sums.index(min(sums))
        found[least].append(name)
        sums[least] += seconds
    return found


def _ordered(shards: Iterable[Iterable[str]]) -> list[list[str]]:
    return sorted(sorted(names) for names in shards)
