"""What services took in the last runs, by platform: by this a matrix is split evenly. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median

from gobake.insight.costs import went_well
from gobake.insight.identity import COMPILES
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import GoRecord, RunRecord, TargetRecord

_RUNS = 5  # of which the median counts: one run may have compiled all, and the next one nothing

_Unit = tuple[str, str]  # service and platform


def recorded_seconds(records: Iterable[RunRecord]) -> dict[_Unit, float]:
    """Return the seconds of each service and platform. ``records``: newest first; of them the successful ones count."""
    found: dict[_Unit, list[float]] = {}
    for record in records:
        if record.outcome is RunOutcome.DONE:
            for unit, seconds in _of_run(record).items():
                found.setdefault(unit, []).append(seconds)
    return {unit: median(seconds[:_RUNS]) for unit, seconds in found.items()}


def _of_run(record: RunRecord) -> dict[_Unit, float]:
    """Return what the services of a run took: their images' own steps, and the compile and link of their programs."""
    targets = {target.name: target for target in record.targets if not target.failure}
    found = {(target.service, platform): 0.0 for target in targets.values() for platform in target.platforms}
    for step in record.steps:
        target = targets.get(step.target)
        if target is None or COMPILES.fullmatch(step.stage) or not went_well(step):
            continue
        platforms = [step.platform] if step.platform in target.platforms else target.platforms
        for platform in platforms:
            found[target.service, platform] += (step.seconds or 0.0) / len(platforms)
    for work in record.go:
        for (service, platform), seconds in _of_go(work, targets.values()).items():
            if (service, platform) in found:
                found[service, platform] += seconds
    return found


def _of_go(work: GoRecord, targets: Iterable[TargetRecord]) -> Mapping[_Unit, float]:
    services = {path: target.service for target in targets for path in (target.package, *target.programs) if path}
    linked = dict(work.linked)
    found: dict[_Unit, float] = {}
    for command in work.commands:
        if command.package in services:
            unit = services[command.package], work.platform
            compiled = [work.compiled[at][1] for at in command.compiled if 0 <= at < len(work.compiled)]
            found[unit] = found.get(unit, 0.0) + sum(compiled) + linked.get(command.package, 0.0)
    return found
