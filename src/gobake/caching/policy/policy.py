"""A cache policy: what a run reads and writes. It is one of gobake's (cache/NAME.yaml) or a file of the user's.

The values with their keys; policy_file.py parses them, load.py finds them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from msgspec import Struct
from msgspec.structs import replace

from gobake.config.caches import BACKENDS, COMPRESSION, MODE, Backend, LayerConfig
from gobake.config.fields import Key, section
from gobake.config.kinds import Kind, boolean, choice


class Save(StrEnum):
    """When a seed is saved."""

    NEVER = "never"
    COMPILED = "compiled"  # after a build that compiled something
    ALWAYS = "always"


class SaveOn(StrEnum):
    """On which branches a seed is saved."""

    MAIN = "main"
    EVERY_BRANCH = "every-branch"


def _switch(about: str) -> Key:
    return Key(kind=boolean(), about=about, example="true", required=True)


class Layers(Struct, frozen=True, kw_only=True):
    """BuildKit's layer caches."""

    imports: Annotated[bool, replace(_switch("Read layer caches (cache-from)."), spelled="import")]
    exports: Annotated[bool, replace(_switch("Write layer caches (cache-to)."), spelled="export")]
    mode: Annotated[str, replace(MODE, default="auto", otherwise="")] = "auto"  # auto: see Policy.settled
    compression: Annotated[str, replace(COMPRESSION, default="zstd", otherwise="")] = "zstd"
    backends: Annotated[tuple[Backend, ...], replace(BACKENDS, default="[store]", otherwise="")] = (
        Backend(type="store"),
    )


class Mounts(Struct, frozen=True, kw_only=True):
    """The Go mounts on the builder."""

    trusted: Annotated[
        bool, _switch("Use the Go mounts of the main namespace; false: those kept apart for untrusted branches.")
    ]
    protected: Annotated[
        bool,
        Key(
            kind=boolean(),
            about="Use them on main, for tags and on protected branches only; mounts of other branches are kept apart.",
            example="true",
            default="false",
        ),
    ] = False


class Seeds(Struct, frozen=True, kw_only=True):
    """Images that fill the Go mounts of a cold builder."""

    restore: Annotated[bool, _switch("Start the Go mounts of a bare builder from a seed.")]
    save: Annotated[
        Save,
        Key(
            kind=choice("time to save a seed", tuple(Save), Save),
            about="When a seed is saved: never, after a build that compiled something, or always.",
            example="compiled",
            default="never",
        ),
    ] = Save.NEVER
    save_on: Annotated[
        SaveOn,
        Key(
            kind=choice("choice of branches", tuple(SaveOn), SaveOn),
            about="Where seeds are saved: on the main branch alone, or on every-branch.",
            example="main",
            default="main",
        ),
    ] = SaveOn.MAIN


class History(Struct, frozen=True, kw_only=True):
    """Run records in the cache store."""

    read: Annotated[bool, _switch("Read the records of earlier runs from the store.")]
    write: Annotated[bool, _switch("Write the run's record to the store.")]


_LAYERS = section(Layers, "settings of layers")
_MOUNTS = section(Mounts, "settings of mounts")
_SEEDS = section(Seeds, "settings of seeds")
_HISTORY = section(History, "settings of history")


def _part(kind: Kind[Any], about: str, example: str) -> Key:
    return Key(kind=kind, about=about, example=example, required=True)


class Policy(Struct, frozen=True, kw_only=True):
    """A whole policy."""

    name: str  # dev, ci-branch ..., or the file
    layers: Annotated[Layers, _part(_LAYERS, "Layer caches.", "{import: true, export: false}")]
    mounts: Annotated[Mounts, _part(_MOUNTS, "The Go mounts.", "{trusted: true}")]
    seeds: Annotated[Seeds, _part(_SEEDS, "Seeds of the Go mounts.", "{restore: true, save: never}")]
    history: Annotated[History, _part(_HISTORY, "Records of runs.", "{read: true, write: false}")]

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
