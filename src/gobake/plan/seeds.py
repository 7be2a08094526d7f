"""The seeds of a plan: what fills cold mounts, and what is saved."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

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
from gobake.model import Platform
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
        platforms=tuple(matrix.platforms),
        compiles=caches.policy.layers.mode == "min",
    )


def _branches(caches: CacheSettings) -> tuple[str, ...]:
    return tuple(tag_part(name) for name in caches.fallbacks)


def savings(
    opened: Opened,
    caches: CacheSettings,
    builder: PlannedBuilder,
    fallbacks: Iterable[str],
    listed: Iterable[CacheMount],
    inputs: str = "",
) -> tuple[Saving, ...]:
    """Return the saves of all the project's mounts in the builder, for the first branch, into the store of ``caches``:
    one for each node.

    ``fallbacks``: fallback branches, best first. ``inputs``: digest of the compile's inputs.
    """
    assert caches.store
    own, *others = [tag_part(name) for name in fallbacks]
    mounts = tuple(listed)
    found = []
    for place in _places(builder, [m for m in mounts if m.id == f"{opened.project.mounts}-gobuild"]):
        key = key_of(opened.project, place.platform)
        # a seed holds what all nodes of the architecture have, so a node may have to get it before it can be saved
        alike = {other.node for other in _places(builder, mounts) if other.platform.arch == place.platform.arch}
        found.append(
            Saving(
                store=seeds_in(caches.store),
                key=key,
                branch=own,
                mounts=mounts_among(opened.project, [m for m in mounts if m.node in alike]),
                go_image=opened.project.bases.go,
                builder=place.builder,
                platform=place.platform,
                node=place.node,
                sums=sum_texts(opened.tree),
                inputs=inputs,
                parents=tuple(key.tag(other) for other in others),
                shared=len(alike) > 1,
                linked=_linked(opened, place, mounts) if len(alike) > 1 else (),
                keeping=Retention(
                    unused_days=caches.seeds.unused_days, budget=caches.seeds.budget or 0, layers=caches.seeds.layers
                ),
                by_digest=not caches.store.folder and not builder.keeps_images and len(builder.answer.nodes) == 1,
            )
        )
    return tuple(found)


def _linked(opened: Opened, place: _Place, mounts: Iterable[CacheMount]) -> tuple[str, ...]:
    own = mounts_among(opened.project, [mount for mount in mounts if mount.node == place.node])
    return tuple(mount.name for mount in own if mount.locked)


class _Place(Struct, frozen=True, kw_only=True):
    """Whose mounts are saved together."""

    builder: str
    platform: Platform
    node: str = ""


def _places(builder: PlannedBuilder, mounts: Iterable[CacheMount]) -> list[_Place]:
    """Return the nodes that have some of these mounts, if they can be addressed; else the builder."""
    if not builder.answer.places:
        return [_Place(builder=builder.name, platform=builder.native)]
    having = {mount.node for mount in mounts}
    return [
        _Place(builder=address, platform=node.machine, node=node.name)
        for address, node in builder.answer.places.items()
        if node.machine and node.name in having
    ]
