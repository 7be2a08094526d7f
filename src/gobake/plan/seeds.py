"""The seeds of a plan: what fills cold mounts, and what is saved."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gobake.caching.policy.choice import CacheSettings
from gobake.caching.seeds.mounts import mounts_among, mounts_of
from gobake.caching.seeds.save import Saving
from gobake.caching.seeds.seed import sums_digest
from gobake.caching.seeds.session import key_of, seeds_in
from gobake.caching.seeds.units import Retention
from gobake.caching.seeds.warm import Warming
from gobake.caching.store.tags import tag_part
from gobake.engine import CacheMount
from gobake.gotool.sums import sum_texts
from gobake.plan.builder import PlannedBuilder
from gobake.plan.discover import Opened
from gobake.recipe import ignore
from gobake.targets.matrix import Matrix


def tried(opened: Opened, matrix: Matrix, caches: CacheSettings, builder: PlannedBuilder) -> tuple[str, ...]:
    """Return the tags of the seeds that would fill cold mounts, best first."""
    if not (caches.store and caches.policy.seeds.restore and mounts_of(opened.project, matrix)):
        return ()
    key = key_of(opened.project, builder.native)
    return tuple(dict.fromkeys(key.tag(branch) for branch in _branches(caches)))


def warming(
    opened: Opened, matrix: Matrix, caches: CacheSettings, builder: PlannedBuilder, home: Path
) -> Warming | None:
    """Return how to fill cold mounts; None without a store, or if the policy restores nothing."""
    mounts = mounts_of(opened.project, matrix, vendored=ignore.vendored(matrix, opened.tree))
    if not (caches.store and caches.policy.seeds.restore and mounts):
        return None
    return Warming(
        store=seeds_in(caches.store),
        key=key_of(opened.project, builder.native),
        branches=_branches(caches),
        sums=sums_digest(sum_texts(opened.tree)),
        mounts=mounts,
        go_image=opened.project.bases.go,
        builder=builder.answer,
        chosen=builder.name,
        home=home,
        compiles=caches.policy.layers.mode == "min",
    )


def _branches(caches: CacheSettings) -> tuple[str, ...]:
    return tuple(tag_part(name) for name in caches.fallbacks)


def saving(
    opened: Opened,
    caches: CacheSettings,
    builder: PlannedBuilder,
    fallbacks: Iterable[str],
    listed: Iterable[CacheMount],
    inputs: str = "",
) -> Saving:
    """Return the save of all the project's mounts in the builder, for the first branch, into the store of ``caches``.

    ``fallbacks``: fallback branches, best first. ``inputs``: digest of the compile's inputs.
    """
    assert caches.store
    own, *others = [tag_part(name) for name in fallbacks]
    key = key_of(opened.project, builder.native)
    return Saving(
        store=seeds_in(caches.store),
        key=key,
        branch=own,
        mounts=mounts_among(opened.project, listed),
        go_image=opened.project.bases.go,
        builder=builder.name,
        platform=builder.native,
        sums=sum_texts(opened.tree),
        inputs=inputs,
        parents=tuple(key.tag(other) for other in others),
        keeping=Retention(
            unused_days=caches.seeds.unused_days, budget=caches.seeds.budget or 0, layers=caches.seeds.layers
        ),
    )
