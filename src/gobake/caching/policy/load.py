"""Loads a policy by name or file; policy_file.py parses it."""

from __future__ import annotations

from pathlib import Path

from gobake.caching.policy.policy import Policy
from gobake.caching.policy.policy_file import parse_policy
from gobake.config.values import MAX_BYTES
from gobake.errors import ConfigError, Where
from gobake.files import shipped

POLICY_NAMES = ("dev", "ci-branch", "ci-pull-request", "release")


def load_policy(asked: str, below: Path) -> Policy:
    """One of gobake's policies by name, or the policy in a file relative to ``below``. Raises ConfigError."""
    own = asked in POLICY_NAMES
    file = shipped.folder("cache") / f"{asked}.yaml" if own else below / asked
    if not own and "/" not in asked and "." not in asked and not file.is_file():
        raise ConfigError(
            f"unknown cache policy {asked!r}",
            remedy=f"one of {', '.join(POLICY_NAMES)}, or a file such as ./cache.yaml",
        )
    try:
        with file.open("rb") as stream:
            text = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError("there is no such file", where=Where(file=file), remedy="name a policy or a file") from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=Where(file=file)) from None
    return parse_policy(text, file, asked)
