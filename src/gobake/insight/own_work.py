"""What a run did for each service and platform by itself, and what it compiled for all of them. Pure."""

from __future__ import annotations

import re

from msgspec import Struct

from gobake.insight.identity import COMPILES, platform_of
from gobake.insight.work import Piece, pieces
from gobake.runs.outcomes import Outcome
from gobake.runs.record import RunRecord
from gobake.trace.intervals import covered

# Stages of the recipe that serve all services
_COMMON = re.compile(rf"go|shell|trace|context .*|{COMPILES.pattern}")
_COUNTED = (Outcome.REUSED, Outcome.IMPORTED, Outcome.EXECUTED, Outcome.UNKNOWN)


class GoBuild(Struct, frozen=True, kw_only=True):
    """The compile of all services for one platform."""

    platform: str
    seconds: float | None  # None: nothing ran
    packages: int | None  # None: no figures of Go
    compiled: int = 0
    linked: int = 0


class OwnWork(Struct, frozen=True, kw_only=True):
    """The steps of one service and platform that no other service shares."""

    seconds: float
    hits: int  # steps that came from a cache
    steps: int


def go_builds(record: RunRecord) -> list[GoBuild]:
    """The compile for each platform, in order."""
    works = {work.platform: work for work in record.go}
    of = {target.name: target.platforms for target in record.targets}
    every = tuple(dict.fromkeys(platform for target in record.targets for platform in target.platforms))
    steps: dict[str, list[int]] = {}
    for at, step in enumerate(record.steps):
        if COMPILES.fullmatch(step.stage):
            steps.setdefault(platform_of(step, of.get(step.target, every)), []).append(at)
    return [
        GoBuild(
            platform=platform,
            seconds=_seconds(pieces(record, steps.get(platform, ()))),
            packages=works[platform].packages if platform in works else None,
            compiled=len(works[platform].compiled) if platform in works else 0,
            linked=len(works[platform].linked) if platform in works else 0,
        )
        for platform in sorted({*works, *steps} - {""})
    ]


def own_work(record: RunRecord) -> dict[tuple[str, str], OwnWork]:
    """The work of each service and platform, without waiting for what all services share."""
    targets = {target.name: target for target in record.targets}
    places: dict[tuple[str, str], list[int]] = {}
    for at, step in enumerate(record.steps):
        target = targets.get(step.target)
        if target and not _COMMON.fullmatch(step.stage):
            places.setdefault((target.service, platform_of(step, target.platforms)), []).append(at)
    found = {}
    for key, steps in places.items():
        done = [piece for piece in pieces(record, steps) if piece.outcome in _COUNTED]
        hits = sum(piece.outcome in (Outcome.REUSED, Outcome.IMPORTED) for piece in done)
        found[key] = OwnWork(seconds=_seconds(done) or 0.0, hits=hits, steps=len(done))
    return found


def _seconds(done: list[Piece]) -> float | None:
    """Seconds in which any of the pieces was executed; None if none was."""
    ran = [piece.step for piece in done if piece.outcome == Outcome.EXECUTED]
    spans = [(step.started, step.started + step.seconds) for step in ran if step.started is not None and step.seconds]
    return covered(spans) if ran else None
