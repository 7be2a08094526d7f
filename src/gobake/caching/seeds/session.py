"""Decides whether a run saves a seed, and where a project keeps seeds. Values in, values out."""

from __future__ import annotations

from gobake.caching.policy.choice import CacheSettings
from gobake.caching.policy.place import CacheStore
from gobake.caching.policy.policy import Save, SaveOn
from gobake.caching.seeds.seed import SeedKey
from gobake.caching.seeds.store import SeedStore
from gobake.checkout.ci import CIProvider
from gobake.checkout.git import Checkout
from gobake.model import Platform, Project


def is_edit(choice: CacheSettings, checkout: Checkout) -> bool:
    """Whether no run can have stored layers of this build: uncommitted files at a terminal that exports no layers."""
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


def seeds_in(store: CacheStore) -> SeedStore:
    return SeedStore(repository=store.repository, folder=store.folder)


def key_of(project: Project, platform: Platform) -> SeedKey:
    """The key of a project's seeds; ``platform``: of the node whose mounts are saved or filled."""
    return SeedKey(project=project.name, go=project.go_version, arch=platform.arch)
