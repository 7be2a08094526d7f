"""What a run reads and writes: a policy of gobake's own (cache/NAME.yaml) or a file of the user's.

The words of such a file are policy_file.py's.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from gobake import memory, shipped
from gobake.config.cache_values import Backend, LayerConfig
from gobake.config.values import MAX_BYTES
from gobake.dataclass import dataclass
from gobake.errors import ConfigError, Where

_KIND = "policy"
POLICY_NAMES = ("dev", "ci-branch", "ci-pull-request", "release")


class Save(StrEnum):
    """When a seed is saved."""

    NEVER = "never"
    COMPILED = "compiled"  # after a build that compiled something
    ALWAYS = "always"


class SaveOn(StrEnum):
    """On which branches."""

    MAIN = "main"
    EVERY_BRANCH = "every-branch"


@dataclass(frozen=True, kw_only=True)
class Layers:
    """BuildKit's layer caches."""

    imports: bool
    exports: bool
    mode: str = "auto"  # max: the results of all steps; min: of those that are in the image; auto: see Policy.settled
    compression: str = "zstd"
    backends: tuple[Backend, ...] = (Backend(type="store"),)


@dataclass(frozen=True, kw_only=True)
class Mounts:
    """The Go mounts on the builder."""

    trusted: bool  # False: those of the namespace for untrusted branches, which main never reads
    protected: bool = False  # only on main, for tags and on protected branches: others have a namespace of their own


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """Images from which the Go mounts of a bare builder start."""

    restore: bool
    save: Save = Save.NEVER
    save_on: SaveOn = SaveOn.MAIN


@dataclass(frozen=True, kw_only=True)
class History:
    """Run records beside the caches."""

    read: bool
    write: bool


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A whole policy."""

    name: str  # dev, ci-branch ..., or the file
    layers: Layers
    mounts: Mounts
    seeds: Seeds
    history: History

    @property
    def writes(self) -> bool:
        """Whether anything may be written to the store."""
        return self.layers.exports or self.seeds.save is not Save.NEVER or self.history.write

    def read_only(self) -> Policy:
        """The same with everything taken away that another run could read."""
        return replace(
            self,
            layers=replace(self.layers, exports=False),
            mounts=Mounts(trusted=False),
            seeds=replace(self.seeds, save=Save.NEVER),
            history=replace(self.history, write=False),
        )

    def settled(self, *, stored: bool, sessions_last: bool = True) -> Policy:
        """The same with max or min for ``auto``; ``stored``: there is a cache store; ``sessions_last``: see
        `Builder.sessions_last`.

        The compile's layer holds the programs of all services and is new with every edit. Where seeds warm the Go
        mounts, a compile of which nothing has changed takes a second, and writing that layer takes several.
        """
        if self.layers.mode != "auto":
            return self
        mode = "min" if stored and self.seeds.restore and sessions_last else "max"
        return replace(self, layers=replace(self.layers, mode=mode))

    def with_layers(self, said: LayerConfig) -> Policy:
        """The same with the settings of gobake.yaml, which hold over a policy's."""
        given = {name: getattr(said, name) for name in ("mode", "compression", "backends")}
        return replace(self, layers=replace(self.layers, **{k: v for k, v in given.items() if v is not None}))


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


# ---- remembered: reading YAML takes longer than all else that a policy is for


def _parsed(text: bytes, file: Path, name: str) -> Policy:
    """parse_policy, unless this very text was read before."""
    found = _policy(name, memory.recall(_KIND, name, text))
    if found is None:
        from gobake.caching.policy_file import parse_policy  # with all of YAML

        found = parse_policy(text, file, name)
        memory.remember(_KIND, name, text, asdict(found))
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
