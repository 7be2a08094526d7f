"""Seeds of one run: what would warm the builder, whether anything is to be saved, and what. Values in, values out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gobake.caching.policy.choice import CacheSettings
from gobake.caching.policy.place import Store
from gobake.caching.policy.policy import Save, SaveOn
from gobake.caching.seeds.mounts import mounts_among, mounts_of
from gobake.caching.seeds.save import Saving
from gobake.caching.seeds.seed import SeedKey, sums_digest
from gobake.caching.seeds.store import SeedStore
from gobake.caching.seeds.units import Retention
from gobake.caching.seeds.warm import Warming
from gobake.caching.store.tags import tag_part
from gobake.checkout.ci import CIProvider
from gobake.checkout.git import Checkout
from gobake.engine import Builder, CacheMount
from gobake.gotool.packages import GoTree
from gobake.gotool.sums import sum_texts
from gobake.model import Project
from gobake.recipe import ignore
from gobake.targets.matrix import Matrix


def warming(
    project: Project, tree: GoTree, matrix: Matrix, choice: CacheSettings, builder: Builder, chosen: str, home: Path
) -> Warming | None:
    """What the builder's mounts would be filled from; None where the policy restores nothing or there is no store."""
    mounts = mounts_of(project, matrix, vendored=ignore.vendored(matrix, tree))
    if not (choice.store and choice.policy.seeds.restore and mounts):
        return None
    return Warming(
        store=seeds_in(choice.store),
        key=key_of(project, builder),
        branches=tuple(tag_part(name) for name in choice.lineages),
        sums=sums_digest(sum_texts(tree)),
        mounts=mounts,
        go_image=project.bases.go,
        builder=builder,
        chosen=chosen,
        home=home,
        compiles=choice.policy.layers.mode == "min",
    )


def is_edit(choice: CacheSettings, checkout: Checkout) -> bool:
    """Whether no run can have stored layers of what is built: files that are edited at a terminal, by somebody who only
    reads what others store."""
    committed = bool(checkout.revision) and not checkout.dirty
    return choice.surroundings.kind is CIProvider.TERMINAL and not choice.policy.layers.exports and not committed


def is_due(choice: CacheSettings, *, compiled: bool) -> bool:
    """Whether the policy saves a seed after this run. ``compiled``: Go compiled a package or downloaded a module."""
    policy = choice.policy.seeds
    if choice.store is None or not choice.own or policy.save is Save.NEVER:
        return False
    if policy.save_on is SaveOn.MAIN and not choice.surroundings.on_main:
        return False
    return compiled or policy.save is Save.ALWAYS


def saving(
    project: Project,
    tree: GoTree,
    store: Store,
    lineages: Iterable[str],
    choice: CacheSettings,
    builder: Builder,
    chosen: str,
    listed: Iterable[CacheMount],
    inputs: str = "",
) -> Saving:
    """The save of all mounts that the builder has of the project, for the first of the lineages."""
    own, *others = [tag_part(name) for name in lineages]
    key = key_of(project, builder)
    limits = choice.seeds
    return Saving(
        store=seeds_in(store),
        key=key,
        branch=own,
        mounts=mounts_among(project, listed),
        go_image=project.bases.go,
        builder=chosen,
        platform=builder.native,
        sums=sum_texts(tree),
        inputs=inputs,
        parents=tuple(key.tag(other) for other in others),
        keeping=Retention(unused_days=limits.unused_days, budget=limits.budget or 0, layers=limits.layers),
    )


def seeds_in(store: Store) -> SeedStore:
    return SeedStore(place=store.shown, folder=store.folder)


def key_of(project: Project, builder: Builder) -> SeedKey:
    return SeedKey(project=project.name, go=project.go_version, arch=builder.native.arch)
