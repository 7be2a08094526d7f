"""What a run reads and writes: a policy of gobake's own (cache/NAME.yaml) or a file of the user's.

Values alone; load.py reads them.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from gobake.config.cache_values import Backend, LayerConfig


class Save(StrEnum):
    """When a seed is saved."""

    NEVER = "never"
    COMPILED = "compiled"  # after a build that compiled something
    ALWAYS = "always"


class SaveOn(StrEnum):
    """On which branches."""

    MAIN = "main"
    EVERY_BRANCH = "every-branch"


class Layers(Struct, frozen=True, kw_only=True):
    """BuildKit's layer caches."""

    imports: bool
    exports: bool
    mode: str = "auto"  # max: the results of all steps; min: of those that are in the image; auto: see Policy.settled
    compression: str = "zstd"
    backends: tuple[Backend, ...] = (Backend(type="store"),)


class Mounts(Struct, frozen=True, kw_only=True):
    """The Go mounts on the builder."""

    trusted: bool  # False: those of the namespace for untrusted branches, which main never reads
    protected: bool = False  # only on main, for tags and on protected branches: others have a namespace of their own


class Seeds(Struct, frozen=True, kw_only=True):
    """Images from which the Go mounts of a bare builder start."""

    restore: bool
    save: Save = Save.NEVER
    save_on: SaveOn = SaveOn.MAIN


class History(Struct, frozen=True, kw_only=True):
    """Run records beside the caches."""

    read: bool
    write: bool


class Policy(Struct, frozen=True, kw_only=True):
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
