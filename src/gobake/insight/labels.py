"""The names of recorded steps for people; see trace/labels.py."""

from __future__ import annotations

from collections.abc import Mapping

from gobake.runs.record import RunRecord, StepRecord, TargetRecord
from gobake.trace.labels import compiles, step_label
from gobake.trace.names import TRACE


def labels(record: RunRecord) -> tuple[str, ...]:
    """The names of a run's steps, in their order."""
    targets = {target.name: target for target in record.targets}
    platforms = {platform for target in record.targets for platform in target.platforms}
    only = next(iter(platforms)) if len(platforms) == 1 else ""
    return tuple(_label(step, targets, only) for step in record.steps)


def _label(step: StepRecord, targets: Mapping[str, TargetRecord], only: str) -> str:
    platform = step.platform or (only if compiles(step.stage) else "")
    return step_label(step.stage, platform, step.instruction or step.name, _owner(step.target, targets))


def _owner(name: str, targets: Mapping[str, TargetRecord]) -> str:
    if name == TRACE:
        return ""
    target = targets.get(name) or targets.get(name.partition("--")[0])
    return f"{target.service} {target.strategy}" if target else name.removeprefix("_")
