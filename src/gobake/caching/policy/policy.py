"""A cache policy: what a run reads and writes. It is one of gobake's (cache/NAME.yaml) or a file of the user's.

Only values; load.py reads them.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from gobake.config.caches import Backend, LayerConfig


class Save(StrEnum):
    """When a seed is saved."""

    NEVER = "never"
    COMPILED = "compiled"  # after a build that compiled something
    ALWAYS = "always"


class SaveOn(StrEnum):
    """On which branches a seed is saved."""

    MAIN = "main"
    EVERY_BRANCH = "every-branch"


class Layers(Struct, frozen=True, kw_only=True):
    """BuildKit's layer caches."""

    imports: bool
    exports: bool
    mode: str = "auto"  # max: results of all steps; min: only of steps in the image; auto: see Policy.settled
    compression: str = "zstd"
    backends: tuple[Backend, ...] = (Backend(type="store"),)


class Mounts(Struct, frozen=True, kw_only=True):
    """The Go mounts on the builder."""

    trusted: bool  # False: use the mounts of the namespace for untrusted branches, which main never reads
    protected: bool = False  # trusted only on main, for tags and on protected branches; others have a namespace


class Seeds(Struct, frozen=True, kw_only=True):
    """Images that fill the Go mounts of a cold builder."""

    restore: bool
    save: Save = Save.NEVER
    save_on: SaveOn = SaveOn.MAIN


class History(Struct, frozen=True, kw_only=True):
    """Run records in the cache store."""

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
        """A copy that writes nothing another run could read."""
        return replace(
            self,
            layers=replace(self.layers, exports=False),
            mounts=Mounts(trusted=False),
            seeds=replace(self.seeds, save=Save.NEVER),
            history=replace(self.history, write=False),
        )

    def settled(self, *, stored: bool, sessions_last: bool = True) -> Policy:
        """A copy with max or min for ``auto``. ``stored``: a cache store exists; ``sessions_last``: see
        `Builder.sessions_last`.

        The compile's layer holds the binaries of all services and changes with every edit. With Go mounts warmed by a
        seed, an unchanged compile takes a second; writing that layer takes several.
        """
        if self.layers.mode != "auto":
            return self
        mode = "min" if stored and self.seeds.restore and sessions_last else "max"
        return replace(self, layers=replace(self.layers, mode=mode))

    def with_layers(self, config: LayerConfig) -> Policy:
        """A copy with the settings of gobake.yaml, which override the policy's."""
        given = {name: getattr(config, name) for name in ("mode", "compression", "backends")}
        return replace(self, layers=replace(self.layers, **{k: v for k, v in given.items() if v is not None}))
