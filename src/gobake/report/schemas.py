"""The JSON schemas of what commands print as JSON: `gobake schema NAME`.

A schema is written in the shape of the document: a type, `[X]` for a list, `Maybe(X)` where null means unknown or none,
`Named(X)` for an object with any keys, and a text or number for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from gobake.insight.causes import Explanation
from gobake.runs.record import RunRecord
from gobake.size.growth import Document

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}


class Maybe(msgspec.Struct, frozen=True):
    of: Any


class Named(msgspec.Struct, frozen=True):
    of: Any


_COMMAND = {"name": str, "package": str, "folder": str, "reason": str}
_PLAN = {
    "schema": 1,
    "project": {
        "name": str,
        "root": str,
        "context": str,
        "config": Maybe(str),
        "go_version": str,
        "packages": int,
    },
    "builder": {"asked": bool, "name": str, "driver": str, "platforms": [str]},
    "compile": [{"stage": str, "build_root": str, "services": [str], "stamped": [str], "platforms": [str]}],
    "trust": {
        "tree": [str],
        "credentials": bool,
        "host_code": bool,
        "why": str,
        "left_out": [str],
        "source": Maybe(str),
    },
    "version": {"source": str, "values": Named(str), "notes": [str]},
    "mounts": [str],
    "caches": {
        "policy": str,
        "why": str,
        "store": Maybe(str),
        "why_store": str,
        "environment": str,
        "branch": str,
        "read": [str],
        "written": Maybe(str),
        "seeds": [str],
        "trusted_mounts": bool,
        "notes": [str],
        "layers": Named({"import": [str], "export": [str]}),
    },
    "targets": [
        {
            "name": str,
            "service": str,
            "package": str,
            "strategy": str,
            "platforms": [str],
            "from": str,
            "why": str,
            "image": str,
            "images": [str],
        }
    ],
    "counts": {"targets": int, "services": int, "strategies": int, "platforms": int},
    "left_out": [str],
    "unread": [{"folder": str, "words": str}],
    "services": [_COMMAND],
    "commands_left_out": [_COMMAND],
    "needs": [
        {
            "service": str,
            "kind": str,
            "what": str,
            "found": [{"file": str, "line": int, "word": str, "value": str}],
            "lacking": [str],
            "answer": str,
        }
    ],
}
_RUNS = {
    "schema": 1,
    "runs": [
        {
            "id": str,
            "started": float,
            "started_at": str,
            "seconds": float,
            "outcome": str,
            "targets": [str],
            "branch": str,
            "revision": str,
            "services": [str],
            "builder": str,
            "go_version": str,
            "hit_rate": Maybe(float),
            "go_hit_rate": Maybe(float),
            "compiled": Maybe(int),
            "executed": int,
            "saved_seconds": Maybe(float),
        }
    ],
    "unreadable": [{"id": str, "error": str}],
    "more": int,
}
_ENTRY = {
    "project": Maybe(str),
    "tag": str,
    "digest": Maybe(str),
    "branch": Maybe(str),
    "made": Maybe(str),
    "age_seconds": Maybe(float),
    "compressed_bytes": Maybe(int),
    "layers": Maybe(int),
    "error": Maybe(str),
}
_SEED = {**_ENTRY, "bytes": Maybe(int), "go": Maybe(str), "arch": Maybe(str), "live_share": Maybe(float)}
_CACHE = {
    "schema": 1,
    "project": Maybe(str),
    "builder": Maybe(str),
    "store": Maybe(str),
    "mounts": Maybe(
        [
            {
                "project": Maybe(str),
                "name": str,
                "id": str,
                "record": str,
                "bytes": int,
                "created": Maybe(str),
                "unused_seconds": Maybe(float),
                "seed": Maybe(str),
                "go": Maybe(str),
            }
        ]
    ),
    "seeds": Maybe([_SEED]),
    "layers": Maybe([_ENTRY]),
    "history": Maybe([_ENTRY]),
    "total": {"mounts_bytes": Maybe(int), "store_bytes": Maybe(int)},
    "notes": [str],
    "warnings": [str],
}
_COST = {"seconds": Maybe(float), "packages": int, "packages_on_record": int}
_VERSION = {"module": str, "version": Maybe(str)}
_DEPS = {
    "schema": 1,
    "project": str,
    "services": [{"name": str, "modules": [str]}],
    "platforms": [str],
    "modules": [
        {
            "path": str,
            "version": Maybe(str),
            "time": Maybe(str),
            "direct": bool,
            "replaced_by": Maybe(str),
            "packages": int,
            "services": [str],
            "compile": _COST,
            "bytes": Maybe(int),
            "licences": [str],
            "unknown_licence_files": [str],
            "imports": [str],
            "without": Maybe(
                {
                    "packages": int,
                    "standard_packages": int,
                    "modules": [str],
                    "compile": _COST,
                    "bytes": Maybe(int),
                    "maybe_more": bool,
                }
            ),
            "needed_by": Maybe({"module": str, "path": [str]}),
            "upgrade": Maybe(
                {"newer": Maybe(str), "newer_time": Maybe(str), "retracted": [str], "deprecated": Maybe(str)}
            ),
        }
    ],
    "own": {"modules": [str], "compile": _COST},
    "standard_library": {"packages": int, "compile": _COST},
    "runs": [str],
    "duplicates": [[str]],
    "one_purpose": [
        {
            "purpose": str,
            "modules": [
                {
                    "path": str,
                    "services": [str],
                    "imported_by": [str],
                    "notice": Maybe({"text": str, "source": str}),
                }
            ],
        }
    ],
    "ignored_replaces": [{"in": str, **_VERSION, "by": str}],
    "unneeded": [{"module": str, "requirements": Maybe([_VERSION]), "error": str}],
    "upgrades": {"asked": bool, "error": str},
}
_WHY = {
    "schema": 1,
    "of": str,
    "services": [{"service": str, "platform": str, "paths": [[str]], "count": int}],
}
_REASON = {"text": str, "places": [str]}
_COUNTS = dict.fromkeys(("critical", "high", "medium", "low", "unknown"), Maybe(int))
_TRIAL = Maybe({"works": bool, "why": Maybe(str), "said": [str]})
_STARTS = {
    "asked": str,
    "emulated": bool,
    "failure": Maybe(str),
    "said": [str],
    "starts_seconds": [float],
    "median_seconds": Maybe(float),
    "memory_bytes": {"one": Maybe(int), "five": Maybe(int)},
    **dict.fromkeys(("read_only", "no_capabilities", "other_user"), _TRIAL),
}
_COMPARE = {
    "schema": 1,
    "project": str,
    "run": str,
    "choices": [
        {
            "service": str,
            "platform": str,
            "images": [
                {
                    "strategy": str,
                    "image": str,
                    "compressed_bytes": Maybe(int),
                    "unpacked_bytes": Maybe(int),
                    "layers": [{"digest": str, "bytes": Maybe(int), "instruction": str, "whose": str}],
                    "places": [{"layer": int, "path": Maybe(str), "bytes": int}],
                    "program": Maybe(
                        {
                            "path": str,
                            "layer": int,
                            "bytes": int,
                            "modules": [{"module": Maybe(str), "version": Maybe(str), "bytes": int}],
                        }
                    ),
                    "pull_bytes": {"with_base": Maybe(int), "with_others": Maybe(int)},
                    "seconds": {"cold": Maybe(float), "warm": Maybe(float)},
                    "base": Maybe({"name": str, "layers": Maybe(int), "bytes": Maybe(int)}),
                    "files": int,
                    "executables": int,
                    "setuid_files": int,
                    "world_writable": int,
                    "packages": {"manager": Maybe(str), "count": Maybe(int)},
                    "shell": Maybe(str),
                    "user": str,
                    "libc": {"kind": Maybe(str), "floor": Maybe(str)},
                    "certificates": bool,
                    "zoneinfo": bool,
                    "passwd": bool,
                    "tmp": bool,
                    "vulnerabilities": Maybe([{"scanner": str, **_COUNTS, "error": Maybe(str)}]),
                    "run": Maybe(_STARTS),
                }
            ],
            "advice": {
                "strategy": Maybe(str),
                "reasons": [_REASON],
                "settings": [_REASON],
                "instead": [{"strategy": str, "purpose": str, "more_bytes": Maybe(int)}],
                "ruled_out": [{"strategy": str, **_REASON}],
            },
        }
    ],
    "left_out": [str],
    "scanners_absent": Maybe([str]),
}
_AFFECTED = {
    "schema": 1,
    "since": {"revision": Maybe(str), "how": str},
    "services": [
        {
            "name": str,
            "affected": bool,
            "reasons": [{"kind": str, "text": str, "path": Maybe(str), "part": Maybe(str)}],
        }
    ],
    "gone": [str],
    "note": Maybe(str),
}
_DOCTOR = {
    "schema": 1,
    "findings": [
        {"topic": str, "state": str, "text": str, "remedy": Maybe(str), "fix": Maybe(str)},
    ],
    "done": [str],
    "counts": Named(int),
}
_STEP = {
    "digest": str,
    "target": str,
    "stage": str,
    "platform": str,
    "label": str,
    "kind": str,
    "instruction": str,
    "time": float,
}
_EVENTS: dict[str, dict[str, Any]] = {
    "start": {"targets": [{"name": str, "service": str, "strategy": str, "platforms": [str]}]},
    "step-begin": _STEP,
    "step-download": _STEP,
    "step-end": {**_STEP, "seconds": float, "cached": bool, "error": str},
    "log": {"digest": str, "stream": int, "text": str},
    "warning": {"text": str, "file": str, "line": int},
    "message": {"text": str},
    "stall": {"kind": str, "names": [str], "seconds": float, "text": str},
    "host-compile": {
        "state": str,
        "name": str,
        "platform": str,
        "services": [str],
        "packages": int,
        "total": Maybe(int),
        "package": str,
        "seconds": float,
    },
    "not-built": {"names": [str], "reason": str, "words": [str]},
    "finish": {
        "outcome": str,
        "counts": Named(int),
        "steps": [
            {
                "step": str,
                "target": str,
                "stage": str,
                "platform": str,
                "label": str,
                "outcome": str,
                "seconds": float,
                "transferred": Maybe(int),
                "failed": bool,
                "canceled": bool,
            }
        ],
    },
}


def _schema(shape: Any) -> dict[str, Any]:
    match shape:
        case type():
            return {"type": _TYPES[shape]}
        case Maybe():
            return {"anyOf": [_schema(shape.of), {"type": "null"}]}
        case Named():
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
    "plan": ("gobake plan --format json", lambda: _schema(_PLAN)),
    "affected": ("gobake affected --format json", lambda: _schema(_AFFECTED)),
    "runs": ("gobake runs ls --format json", lambda: _schema(_RUNS)),
    "record": ("gobake runs show --format json", lambda: msgspec.json.schema(RunRecord)),
    "cache": ("gobake cache ls --format json", lambda: _schema(_CACHE)),
    "explain": ("gobake explain --format json", _explain),
    "deps": (
        "gobake deps --format json, and gobake deps --why X --format json",
        lambda: {"oneOf": [_schema(_DEPS), _schema(_WHY)]},
    ),
    "size": ("gobake size --format json", _size),
    "compare": ("gobake compare --format json", lambda: _schema(_COMPARE)),
    "doctor": ("gobake doctor --format json", lambda: _schema(_DOCTOR)),
    "progress": (
        "each line of --progress json",
        lambda: {"oneOf": [_schema({"schema": 1, "event": name, **fields}) for name, fields in _EVENTS.items()]},
    ),
}


def schema(name: str) -> dict[str, Any]:
    """The JSON schema of one of NAMES, draft 2020-12. Keys may be added to documents without a new version."""
    title, make = NAMES[name]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:gobake:schema:{name}:1"}
    return {**head, **make(), "title": title}
