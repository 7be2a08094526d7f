"""The plan of a build split into shards."""

from __future__ import annotations

from collections.abc import Set
from contextlib import suppress

from gobake.caching.store.history import travel
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


def recorded(plan: BuildPlan) -> Seconds:
    """Return what services took in the last runs on record, here or in the cache store; nothing if it is unknown."""
    with suppress(GobakeError), RunStore.reading(plan.history) as store:
        if found := recorded_seconds(store.recent(_RECORDS)):
            return found
    remote = travel(plan.caches, plan.project.name)
    if remote and remote.reads:
        with suppress(GobakeError):
            return recorded_seconds(sorted(remote.newest(_RECORDS, ()), key=lambda run: run.id, reverse=True))
    return {}
