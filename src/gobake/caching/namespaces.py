"""What keeps the mounts and steps of runs that are not trusted apart from all others."""

from __future__ import annotations

from collections.abc import Mapping

from gobake.caching.choosing import CacheChoice
from gobake.caching.environment import Place
from gobake.engine import Builder

UNTRUSTED = "untrusted"  # what the ids of mounts begin with that no trusted run reads


def namespace(choice: CacheChoice, builder: Builder, environ: Mapping[str, str]) -> str:
    """What keeps the mounts and steps of an untrusted run apart from all others; "" where nothing outlives the run.

    GitHub and GitLab tell when the machine is thrown away afterwards. On such a machine main's layers can be imported
    as they are; apart, they are steps of another name.
    """
    if choice.policy.mounts.trusted:
        return ""
    thrown_away = (
        environ.get("RUNNER_ENVIRONMENT") == "github-hosted"
        if choice.surroundings.kind is Place.GITHUB
        else environ.get("CI_DISPOSABLE_ENVIRONMENT") == "true"
    )
    own_machine = builder.driver in ("docker", "docker-container")
    return "" if thrown_away and own_machine else UNTRUSTED
