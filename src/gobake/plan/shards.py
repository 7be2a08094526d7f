"""The plan of a build split into shards."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

from gobake.errors import GobakeError
from gobake.insight.shard_seconds import recorded_seconds
from gobake.model import Platform
from gobake.plan.build_plan import BuildPlan
from gobake.runs.store import RunStore
from gobake.targets.shards import By, Seconds, ShardPlan, split, work_of

# The platform if nobody names one. It is not that of the machine: all jobs of a pipeline have to agree on one plan.
NATIVE = Platform(os="linux", arch="amd64")

_RECORDS = 20  # that are read for the seconds of services


def shard_plan(
    plan: BuildPlan, by: By, count: int | None, *, seconds: Seconds, services: Set[str] | None = None
) -> ShardPlan:
    """Split what a plan builds. ``services``: only these."""
    targets = [t for t in plan.matrix.targets if services is None or t.service.name in services]
    return ShardPlan(
        project=plan.project.name,
        revision=plan.opened.checkout.known_revision,
        every_strategy=plan.request.selection.every_strategy,
        shards=split(work_of(targets, seconds), by, count),
    )


def recorded(history: Path) -> Seconds:
    """Return what services took in the last runs; nothing if the history cannot be read."""
    try:
        with RunStore.reading(history) as store:
            return recorded_seconds(store.recent(_RECORDS))
    except GobakeError:
        return {}
