"""Chooses policy and cache store from command line, gobake.yaml and environment, with the reasons. Pure except for
reading the policy's file."""

from __future__ import annotations

import fnmatch
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gobake.caching.policy.load import load_policy
from gobake.caching.policy.options import CacheOptions
from gobake.caching.policy.place import CacheStore, parse_store
from gobake.caching.policy.policy import Policy
from gobake.checkout.ci import CIContext, CIProvider
from gobake.config.caches import CacheConfig, SeedConfig
from gobake.model import Project


class CacheSettings(Struct, frozen=True, kw_only=True):
    """The cache settings of a run."""

    policy: Policy
    why: str  # why this policy
    surroundings: CIContext
    store: CacheStore | None = None  # None: nowhere to read from or write to
    why_store: str = ""
    seeds: SeedConfig = SeedConfig()
    notes: tuple[str, ...] = ()  # lines for the user: what the policy asks for and the run does not do

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """The fallback branches: branches whose caches are read, best first."""
        return self.surroundings.fallbacks

    @property
    def own(self) -> str:
        """The branch whose caches are written; "" for none."""
        return self.surroundings.own

    def settled(self, *, sessions_last: bool = True) -> CacheSettings:
        """A copy with the policy's ``auto`` values decided for the builder; without an argument, as for a current
        builder."""
        return replace(self, policy=self.policy.settled(stored=self.store is not None, sessions_last=sessions_last))


def choose(project: Project, config: CacheConfig, around: CIContext, wish: CacheOptions) -> CacheSettings:
    """The cache settings of a run. `CacheSettings.settled` decides the rest once the builder is known. Raises
    ConfigError if a policy's file is invalid."""
    policy_name, below, why = _policy(project, config, around, wish)
    policy = load_policy(policy_name, below).with_layers(config.layers)
    notes = []
    if not around.trusted:
        if policy.writes or policy.mounts.trusted:
            who = f"a run that is not trusted ({around.doubt})" if around.doubt else "a pull request from a fork"
            notes.append(f"policy {policy.name} writes, and {who} may not: caches are read only")
        policy = policy.read_only()
    store, why_store = _store(project, config, around, wish)
    return CacheSettings(
        policy=policy,
        why=why,
        surroundings=around,
        store=store,
        why_store=why_store,
        seeds=config.seeds,
        notes=tuple(notes),
    )


def _policy(project: Project, config: CacheConfig, around: CIContext, wish: CacheOptions) -> tuple[str, Path, str]:
    """(Policy name or file, the folder that a relative file starts from, the reason)."""
    if wish.policy:
        return wish.policy, wish.said_from, "--cache-policy"
    home = project.config_file.parent if project.config_file else project.root
    if around.kind is not CIProvider.TERMINAL and not around.pull_request and around.trusted:
        for pattern, name in config.branches.items():
            if around.branch and fnmatch.fnmatchcase(around.branch, pattern):
                return name, home, f"branch {around.branch} fits {pattern} in gobake.yaml"
    if config.policy:
        return config.policy, home, "gobake.yaml"
    name, why = _by_environment(around)
    return name, home, why


def _by_environment(around: CIContext) -> tuple[str, str]:
    if around.pull_request or not around.trusted:
        return "ci-pull-request", around.shown
    match around.kind:
        case CIProvider.TERMINAL:
            return "dev", "a terminal"
        case CIProvider.CI:
            return "ci-pull-request", "a CI that gobake does not know: it may be a pull request; --cache-policy says it"
        case _ if around.tag:
            return "release", around.shown
        case _:
            return "ci-branch", around.shown


def _store(
    project: Project, config: CacheConfig, around: CIContext, wish: CacheOptions
) -> tuple[CacheStore | None, str]:
    if wish.store:
        return parse_store(wish.store, wish.said_from.resolve()), "--cache-store"
    if config.store:
        home = project.config_file.parent if project.config_file else project.root
        return parse_store(config.store, home.resolve()), "gobake.yaml"
    if project.registry and around.kind is not CIProvider.TERMINAL:
        return CacheStore(repository=f"{project.prefix}{project.shown}-cache"), "beside the images"
    return None, "none is configured" if around.kind is CIProvider.TERMINAL else "there is no registry to keep it in"
