"""Explains why no cache had a step whose inputs did not change."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gobake.insight.causes import Cause
from gobake.insight.past import TRACE, Found, Look
from gobake.runs.record import CacheRecord, RunRecord


def same_builder(one: RunRecord, other: RunRecord) -> bool:
    """Whether one builder made two runs. Names are not enough, as every runner of a CI has a `default`."""
    if one.machine and other.machine:
        return one.machine == other.machine
    return (one.builder, one.driver, one.nodes) == (other.builder, other.driver, other.nodes)


def why(look: Look, targets: Collection[str], equal: Sequence[Found]) -> tuple[Cause, str]:
    """The cause and its line. ``equal``: earlier runs that had the same step, newest first; ``targets``: all targets
    that share the step."""
    record = look.run
    imports = _caches(look, targets, "import")
    failed = [cache for cache in imports if cache.error]
    if failed:
        return Cause.IMPORT_FAILED, f"nothing changed; the cache {failed[0].ref} could not be read: {failed[0].error}"
    written = {cache.ref for found in equal for cache in _caches(found.look, targets, "export") if not cache.error}
    gone = [cache for cache in imports if cache.found is False and cache.ref in written]
    if gone and not any(cache.found for cache in imports):
        return Cause.IMPORT_FAILED, f"nothing changed; the cache {gone[0].ref}, written before, is not there"
    here = [found for found in equal if same_builder(found.look.run, record)]
    if here:
        begun = "it began empty" if record.bare else "it was pruned, or collected as garbage"
        return Cause.PRUNED, f"nothing changed; builder {_name(record)} had it in run {here[0].look.run.id}: {begun}"
    if written and not imports:
        policy = record.cache_policy or "in use"
        store = record.cache_store or "no store"
        return Cause.NO_IMPORT, (
            f"nothing changed; this builder never had it, and policy {policy} with {store} imported no layers, "
            f"though run {equal[0].look.run.id} had written them"
        )
    if equal:
        last = equal[0].look.run
        other = f"builder {last.builder}" if last.builder != record.builder else f"another {_name(record)}"
        return Cause.OTHER_BUILDER, f"nothing changed; {other} had it in run {last.id}, and this builder never did"
    return Cause.UNKNOWN, "nothing on record tells why"


def _caches(look: Look, targets: Collection[str], direction: str) -> list[CacheRecord]:
    """The records of the targets' caches, then those of `trace`, which hold the layers of the compile stages."""
    listed = [cache for cache in look.run.caches if cache.direction == direction]
    own = [cache for cache in listed if look.target_of(cache.target) in targets]
    return own + [cache for cache in listed if look.target_of(cache.target) == TRACE and cache not in own]


def _name(record: RunRecord) -> str:
    return record.builder or "default"
