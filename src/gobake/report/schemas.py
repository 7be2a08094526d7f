"""The JSON schemas of what commands print as JSON: `gobake schema NAME`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from gobake.insight.causes import Explanation
from gobake.report import shapes
from gobake.runs.record import RunRecord
from gobake.size.growth import Document

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}


def _schema(shape: Any) -> dict[str, Any]:
    match shape:
        case type():
            return {"type": _TYPES[shape]}
        case shapes.Maybe():
            return {"anyOf": [_schema(shape.of), {"type": "null"}]}
        case shapes.Named():
            return {"type": "object", "additionalProperties": _schema(shape.of)}
        case [one]:
            return {"type": "array", "items": _schema(one)}
        case dict():
            keys = {key: _schema(value) for key, value in shape.items()}
            return {"type": "object", "required": list(shape), "properties": keys}
        case _:
            return {"const": shape}


def _size() -> dict[str, Any]:
    """The document always has all keys."""
    found = msgspec.json.schema(Document)
    top = found["$defs"]["Document"]
    return {**top, "required": list(top["properties"]), "$defs": found["$defs"]}


def _explain() -> dict[str, Any]:
    found = msgspec.json.schema(Explanation)
    top = found["$defs"]["Explanation"]
    keys = {"schema": {"const": 1}, **top["properties"]}
    return {**top, "properties": keys, "required": ["schema", *top["required"]], "$defs": found["$defs"]}


# name -> (what it describes, its schema)
NAMES: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "plan": ("gobake plan --format json", lambda: _schema(shapes.PLAN)),
    "affected": ("gobake affected --format json", lambda: _schema(shapes.AFFECTED)),
    "images": ("--images-file, and gobake push --format json", lambda: _schema(shapes.IMAGES)),
    "matrix": ("gobake ci matrix --format json", lambda: _schema(shapes.MATRIX)),
    "runs": ("gobake runs ls --format json", lambda: _schema(shapes.RUNS)),
    "record": ("gobake runs show --format json", lambda: msgspec.json.schema(RunRecord)),
    "cache": ("gobake cache ls --format json", lambda: _schema(shapes.CACHE)),
    "explain": ("gobake explain --format json", _explain),
    "deps": (
        "gobake deps --format json, and gobake deps --why X --format json",
        lambda: {"oneOf": [_schema(shapes.DEPS), _schema(shapes.WHY)]},
    ),
    "size": ("gobake size --format json", _size),
    "compare": ("gobake compare --format json", lambda: _schema(shapes.COMPARE)),
    "registry": (
        "gobake registry ls --format json, and gobake registry prune --format json",
        lambda: {"oneOf": [_schema(shapes.REGISTRY), _schema(shapes.REGISTRY_PRUNE)]},
    ),
    "doctor": ("gobake doctor --format json", lambda: _schema(shapes.DOCTOR)),
    "progress": (
        "each line of --progress json",
        lambda: {"oneOf": [_schema({"schema": 1, "event": name, **fields}) for name, fields in shapes.EVENTS.items()]},
    ),
}


def schema(name: str) -> dict[str, Any]:
    """The JSON schema of one of NAMES, draft 2020-12. Keys may be added to documents without a new version."""
    title, make = NAMES[name]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:gobake:schema:{name}:1"}
    return {**head, **make(), "title": title}
