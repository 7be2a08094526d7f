"""What a run reads and writes: a policy of gobake's own (cache/NAME.yaml) or a file of the user's.

Files are read as strictly as gobake.yaml: an unknown key or a wrong value is an error with its place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from gobake import shipped
from gobake.config.cache_values import Backend, LayerConfig
from gobake.config.caches import LAYER_FIELDS
from gobake.config.document import Spot, Table, compose
from gobake.config.fields import Field, read_fields
from gobake.config.kinds import Kind, boolean, choice
from gobake.config.reading import At
from gobake.config.values import MAX_BYTES
from gobake.errors import ConfigError, Where

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
    mode: str = "max"  # max: the results of all steps; min: of those that are in the image
    compression: str = "zstd"
    backends: tuple[Backend, ...] = (Backend(type="store"),)


@dataclass(frozen=True, kw_only=True)
class Mounts:
    """The Go mounts on the builder."""

    trusted: bool  # False: those of the namespace for untrusted branches, which main never reads


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
    return parse_policy(text, file, asked)


def parse_policy(text: bytes, file: Path, name: str) -> Policy:
    """The policy that a file's content means. Raises ConfigError with the place of the first mistake."""
    node = compose(text, file) or Table(entries=(), spot=Spot(line=1, column=1))
    given = read_fields(At(file=file, node=node, spot=node.spot, example="layers: {import: true}"), _FIELDS)
    return Policy(name=name, **given)


# ---- the rows of a policy file


def _switch(name: str, about: str) -> Field:
    return Field(name=name, kind=boolean(), about=about, example="true", required=True)


_MOUNT_FIELDS = (
    _switch("trusted", "Use the Go mounts of the main namespace; false: those kept apart for untrusted branches."),
)
_SEED_FIELDS = (
    _switch("restore", "Start the Go mounts of a bare builder from a seed."),
    Field(
        name="save",
        kind=choice("time to save a seed", tuple(Save), Save),
        about="When a seed is saved: never, after a build that compiled something, or always.",
        example="compiled",
        default="never",
    ),
    Field(
        name="save_on",
        kind=choice("choice of branches", tuple(SaveOn), SaveOn),
        about="Where seeds are saved: on the main branch alone, or on every-branch.",
        example="main",
        default="main",
    ),
)
_HISTORY_FIELDS = (
    _switch("read", "Read the records of earlier runs from the store."),
    _switch("write", "Write the run's record to the store."),
)


_LAYER_FIELDS = (
    _switch("import", "Read layer caches (cache-from)."),
    _switch("export", "Write layer caches (cache-to)."),
    *LAYER_FIELDS,
)


def _layers(at: At) -> Layers:
    given = read_fields(at, _LAYER_FIELDS)
    return Layers(imports=given.pop("import"), exports=given.pop("export"), **given)


def _section(name: str, read: Kind[object], about: str, example: str) -> Field:
    return Field(name=name, kind=read, about=about, example=example, required=True)


_FIELDS = (
    _section(
        "layers",
        Kind(read=_layers, schema={}, says="settings of layers"),
        "Layer caches: " + ", ".join(f.name for f in _LAYER_FIELDS) + ".",
        "{import: true, export: false}",
    ),
    _section(
        "mounts",
        Kind(read=lambda at: Mounts(**read_fields(at, _MOUNT_FIELDS)), schema={}, says="settings of mounts"),
        "The Go mounts.",
        "{trusted: true}",
    ),
    _section(
        "seeds",
        Kind(read=lambda at: Seeds(**read_fields(at, _SEED_FIELDS)), schema={}, says="settings of seeds"),
        "Seeds of the Go mounts.",
        "{restore: true, save: never}",
    ),
    _section(
        "history",
        Kind(read=lambda at: History(**read_fields(at, _HISTORY_FIELDS)), schema={}, says="settings of history"),
        "Records of runs.",
        "{read: true, write: false}",
    ),
)
