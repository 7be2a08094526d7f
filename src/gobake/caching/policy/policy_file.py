"""Parses a policy file as strictly as gobake.yaml: a mistake is an error with its position."""

from __future__ import annotations

from pathlib import Path

from gobake.caching.policy.policy import History, Layers, Mounts, Policy, Save, SaveOn, Seeds
from gobake.config.caches import LAYER_FIELDS
from gobake.config.document import compose
from gobake.config.fields import Field, read_fields
from gobake.config.kinds import Kind, boolean, choice
from gobake.config.nodes import Spot, Table
from gobake.config.reading import At


def parse_policy(text: bytes, file: Path, name: str) -> Policy:
    """Parse the content of a policy file. Raises ConfigError with the position of the first mistake."""
    node = compose(text, file) or Table(entries=(), spot=Spot(line=1, column=1))
    given = read_fields(At(file=file, node=node, spot=node.spot, example="layers: {import: true}"), _FIELDS)
    return Policy(name=name, **given)


# ---- the rows of a policy file


def _switch(name: str, about: str) -> Field:
    return Field(name=name, kind=boolean(), about=about, example="true", required=True)


_MOUNT_FIELDS = (
    _switch("trusted", "Use the Go mounts of the main namespace; false: those kept apart for untrusted branches."),
    Field(
        name="protected",
        kind=boolean(),
        about="Use them on main, for tags and on protected branches only; mounts of other branches are kept apart.",
        example="true",
        default="false",
    ),
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
        Kind(read=_layers, described=dict, says="settings of layers"),
        "Layer caches: " + ", ".join(f.name for f in _LAYER_FIELDS) + ".",
        "{import: true, export: false}",
    ),
    _section(
        "mounts",
        Kind(read=lambda at: Mounts(**read_fields(at, _MOUNT_FIELDS)), described=dict, says="settings of mounts"),
        "The Go mounts.",
        "{trusted: true}",
    ),
    _section(
        "seeds",
        Kind(read=lambda at: Seeds(**read_fields(at, _SEED_FIELDS)), described=dict, says="settings of seeds"),
        "Seeds of the Go mounts.",
        "{restore: true, save: never}",
    ),
    _section(
        "history",
        Kind(read=lambda at: History(**read_fields(at, _HISTORY_FIELDS)), described=dict, says="settings of history"),
        "Records of runs.",
        "{read: true, write: false}",
    ),
)
