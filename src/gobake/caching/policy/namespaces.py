"""What keeps the mounts and steps of runs that nobody has agreed to yet apart from those of main.

A builder that many share keeps what all of them leave. Go trusts what lies in its caches, and BuildKit trusts what it
has once made of the same step, so that whoever leaves something there could change what main builds.
"""

from __future__ import annotations

from collections.abc import Mapping

from gobake.caching.policy.choice import CacheSettings
from gobake.checkout.ci import CIProvider

UNTRUSTED = "untrusted"  # pull requests, and CIs that do not tell what they build
BRANCH = "branch"  # branches in CI that are neither main nor protected, and may still be written by others than main is
NAMESPACES = (UNTRUSTED, BRANCH)  # what the ids of mounts begin with that main never reads
_OWN_MACHINE = ("docker", "docker-container")  # drivers of builders that go with the machine


def namespace(choice: CacheSettings, driver: str, environ: Mapping[str, str]) -> str:
    """What keeps the mounts and steps of a run apart; "" for main's own, and where nothing outlives the run.

    On a machine that is thrown away afterwards main's layers can be imported as they are; apart, they are steps of
    another name.
    """
    kind = kept_apart(choice)
    return "" if kind and thrown_away(choice, environ) and driver in _OWN_MACHINE else kind


def kept_apart(choice: CacheSettings) -> str:
    """The namespace of a run on a builder that others use too; "" for main's own."""
    mounts = choice.policy.mounts
    if not mounts.trusted:
        return UNTRUSTED
    return BRANCH if mounts.protected and not choice.surroundings.agreed else ""


def thrown_away(choice: CacheSettings, environ: Mapping[str, str]) -> bool:
    """Whether the CI tells that nobody else will ever use this machine."""
    if choice.surroundings.kind is CIProvider.GITHUB:
        return environ.get("RUNNER_ENVIRONMENT") == "github-hosted"
    return environ.get("CI_DISPOSABLE_ENVIRONMENT") == "true"


def told(namespace: str) -> tuple[str, ...]:
    """What a user should know of a builder that is shared."""
    if namespace == UNTRUSTED:
        return (
            "this builder outlives the run: mounts and steps are kept apart, and no layers are read; that does not "
            "hold off whoever can reach the builder itself, so build forks on one that is thrown away",
        )
    if namespace == BRANCH:
        return ("this branch is neither main nor protected: its mounts and steps on this builder are kept apart",)
    return ()
