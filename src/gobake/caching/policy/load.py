"""A name or a file -> Policy. The words of a file are policy_file.py's.

What was read once is remembered by its text: reading YAML takes longer than all else that a policy is for.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from gobake import memo
from gobake.caching.policy.policy import History, Layers, Mounts, Policy, Save, SaveOn, Seeds
from gobake.config.cache_values import Backend
from gobake.config.values import MAX_BYTES
from gobake.errors import ConfigError, Where
from gobake.files import shipped

_KIND = "policy"
POLICY_NAMES = ("dev", "ci-branch", "ci-pull-request", "release")


def load_policy(asked: str, below: Path) -> Policy:
    """The policy of a name, or of a file that is looked for below a folder. Raises ConfigError."""
    own = asked in POLICY_NAMES
    file = shipped.folder("cache") / f"{asked}.yaml" if own else below / asked
    if not own and "/" not in asked and "." not in asked and not file.is_file():
        raise ConfigError(
            f"there is no cache policy {asked!r}",
            remedy=f"one of {', '.join(POLICY_NAMES)}, or a file such as ./cache.yaml",
        )
    try:
        with file.open("rb") as stream:
            text = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError("there is no such file", where=Where(file=file), remedy="name a policy or a file") from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=Where(file=file)) from None
    return _parsed(text, file, asked)


def _parsed(text: bytes, file: Path, name: str) -> Policy:
    """parse_policy, unless this very text was read before."""
    found = _policy(name, memo.recall(_KIND, name, text))
    if found is None:
        from gobake.caching.policy.policy_file import parse_policy  # with all of YAML

        found = parse_policy(text, file, name)
        memo.remember(_KIND, name, text, asdict(found))
    return found


def _policy(name: str, kept: Any) -> Policy | None:
    try:
        layers = kept["layers"]
        backends = tuple(
            Backend(type=b["type"], attributes=tuple(map(tuple, b["attributes"]))) for b in layers["backends"]
        )
        seeds = kept["seeds"]
        return Policy(
            name=name,
            layers=Layers(**{**layers, "backends": backends}),
            mounts=Mounts(**kept["mounts"]),
            seeds=Seeds(restore=seeds["restore"], save=Save(seeds["save"]), save_on=SaveOn(seeds["save_on"])),
            history=History(**kept["history"]),
        )
    except (TypeError, KeyError, ValueError):
        return None
