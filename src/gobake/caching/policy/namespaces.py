"""Namespaces, which separate the mounts and steps of unreviewed runs from main's.

A shared builder keeps what every run leaves there. Go trusts its caches, and BuildKit trusts the result it has for a
step, so whoever writes there could change what main builds.
"""

from __future__ import annotations

from collections.abc import Mapping

from gobake.caching.policy.choice import CacheSettings
from gobake.checkout.ci import CIProvider

UNTRUSTED = "untrusted"  # pull requests, and CIs that do not say what they build
BRANCH = "branch"  # branches in CI that are neither main nor protected, and may have other writers than main
NAMESPACES = (UNTRUSTED, BRANCH)  # prefixes of the ids of mounts that main never reads
_OWN_MACHINE = ("docker", "docker-container")  # drivers whose builders disappear with the machine


def namespace(choice: CacheSettings, driver: str, environ: Mapping[str, str]) -> str:
    """The namespace of a run's mounts and steps; "" for main's own, and on a builder that does not outlive the run.

    A disposable machine needs no namespace, so the run can import main's layers: a namespace changes the steps' names.
    """
    kind = kept_apart(choice)
    return "" if kind and thrown_away(choice, environ) and driver in _OWN_MACHINE else kind


def kept_apart(choice: CacheSettings) -> str:
    """The namespace of a run on a shared builder; "" for main's own."""
    mounts = choice.policy.mounts
    if not mounts.trusted:
        return UNTRUSTED
    return BRANCH if mounts.protected and not choice.surroundings.agreed else ""


def thrown_away(choice: CacheSettings, environ: Mapping[str, str]) -> bool:
    """Whether the CI says that it discards this machine after the run."""
    if choice.surroundings.kind is CIProvider.GITHUB:
        return environ.get("RUNNER_ENVIRONMENT") == "github-hosted"
    return environ.get("CI_DISPOSABLE_ENVIRONMENT") == "true"


def told(namespace: str) -> tuple[str, ...]:
    """Lines for the user about a run with a namespace on a shared builder."""
    if namespace == UNTRUSTED:
        return (
            "this builder outlives the run: mounts and steps are kept apart, and no layers are read; that does not "
            "hold off whoever can reach the builder itself, so build forks on one that is thrown away",
        )
    if namespace == BRANCH:
        return ("this branch is neither main nor protected: its mounts and steps on this builder are kept apart",)
    return ()
