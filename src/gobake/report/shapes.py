"""The shapes of the JSON documents that commands print, as schemas.py reads them.

A shape is a type, `[X]` for a list, `Maybe(X)` where null means unknown or none, `Named(X)` for an object with any
keys, and a text or number for itself.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Maybe(msgspec.Struct, frozen=True):
    of: Any


class Named(msgspec.Struct, frozen=True):
    of: Any


COMMAND = {"name": str, "package": str, "folder": str, "reason": str}
PLAN = {
    "schema": 1,
    "project": {
        "name": str,
        "root": str,
        "context": str,
        "config": Maybe(str),
        "go_version": str,
        "packages": int,
    },
    "builder": {
        "asked": bool,
        "name": str,
        "driver": str,
        "platforms": [str],
        "nodes": [{"name": str, "machine": Maybe(str), "builds": [str], "error": Maybe(str)}],
    },
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
    "services": [COMMAND],
    "commands_left_out": [COMMAND],
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
RUNS = {
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
ENTRY = {
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
SEED = {**ENTRY, "bytes": Maybe(int), "go": Maybe(str), "arch": Maybe(str), "live_share": Maybe(float)}
CACHE = {
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
                "node": Maybe(str),
                "record": str,
                "bytes": int,
                "created": Maybe(str),
                "unused_seconds": Maybe(float),
                "seed": Maybe(str),
                "go": Maybe(str),
            }
        ]
    ),
    "seeds": Maybe([SEED]),
    "layers": Maybe([ENTRY]),
    "history": Maybe([ENTRY]),
    "total": {"mounts_bytes": Maybe(int), "store_bytes": Maybe(int)},
    "notes": [str],
    "warnings": [str],
}
COST = {"seconds": Maybe(float), "packages": int, "packages_on_record": int}
VERSION = {"module": str, "version": Maybe(str)}
DEPS = {
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
            "compile": COST,
            "bytes": Maybe(int),
            "licences": [str],
            "unknown_licence_files": [str],
            "imports": [str],
            "without": Maybe(
                {
                    "packages": int,
                    "standard_packages": int,
                    "modules": [str],
                    "compile": COST,
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
    "own": {"modules": [str], "compile": COST},
    "standard_library": {"packages": int, "compile": COST},
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
    "ignored_replaces": [{"in": str, **VERSION, "by": str}],
    "unneeded": [{"module": str, "requirements": Maybe([VERSION]), "error": str}],
    "upgrades": {"asked": bool, "error": str},
}
WHY = {
    "schema": 1,
    "of": str,
    "services": [{"service": str, "platform": str, "paths": [[str]], "count": int}],
}
REASON = {"text": str, "places": [str]}
COUNTS = dict.fromkeys(("critical", "high", "medium", "low", "unknown"), Maybe(int))
TRIAL = Maybe({"works": bool, "why": Maybe(str), "said": [str]})
STARTS = {
    "asked": str,
    "emulated": bool,
    "failure": Maybe(str),
    "said": [str],
    "starts_seconds": [float],
    "median_seconds": Maybe(float),
    "memory_bytes": {"one": Maybe(int), "five": Maybe(int)},
    **dict.fromkeys(("read_only", "no_capabilities", "other_user"), TRIAL),
}
COMPARE = {
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
                    "vulnerabilities": Maybe([{"scanner": str, **COUNTS, "error": Maybe(str)}]),
                    "run": Maybe(STARTS),
                }
            ],
            "advice": {
                "strategy": Maybe(str),
                "reasons": [REASON],
                "settings": [REASON],
                "instead": [{"strategy": str, "purpose": str, "more_bytes": Maybe(int)}],
                "ruled_out": [{"strategy": str, **REASON}],
            },
        }
    ],
    "left_out": [str],
    "scanners_absent": Maybe([str]),
}
AFFECTED = {
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
IMAGES = {
    "schema": 1,
    "run": str,
    "project": str,
    "revision": str,
    "images": [
        {
            "service": str,
            "strategy": str,
            "platforms": [str],
            "digest": str,
            "reference": str,
            "names": [str],
        }
    ],
}
MATRIX = {
    "include": [
        {
            "shard": str,
            "name": str,
            "platforms": str,
            "services": str,
            "only": str,
            "runner": str,
            "command": str,
            "project": str,
            "revision": str,
            "plan": str,
        }
    ],
}
REGISTRY = {
    "schema": 1,
    "repositories": [
        {
            "name": str,
            "manifests": int,
            "bytes": int,
            "tags": [
                {
                    "tag": Maybe(str),
                    "digest": str,
                    "kind": str,
                    "made": Maybe(str),
                    "bytes": int,
                    "own_bytes": int,
                }
            ],
            "unread": [str],
        }
    ],
    "errors": [str],
}
REGISTRY_PRUNE = {
    "schema": 1,
    "dry_run": bool,
    "repositories": [
        {
            "name": str,
            "deleted": [{"digest": str, "tags": [str], "kind": str, "bytes": int, "why": str}],
            "stays": [{"tag": Maybe(str), "digest": str, "kind": str, "why": str}],
            "bytes": int,
            "refused": Maybe(str),
            "notes": [str],
        }
    ],
    "errors": [str],
}
DOCTOR = {
    "schema": 1,
    "findings": [
        {"topic": str, "state": str, "text": str, "remedy": Maybe(str), "fix": Maybe(str)},
    ],
    "done": [str],
    "counts": Named(int),
}
STEP = {
    "digest": str,
    "target": str,
    "stage": str,
    "platform": str,
    "label": str,
    "kind": str,
    "instruction": str,
    "time": float,
}
EVENTS: dict[str, dict[str, Any]] = {
    "start": {"targets": [{"name": str, "service": str, "strategy": str, "platforms": [str]}]},
    "step-begin": STEP,
    "step-download": STEP,
    "step-end": {**STEP, "seconds": float, "cached": bool, "error": str},
    "log": {"digest": str, "stream": int, "text": str},
    "warning": {"text": str, "file": str, "line": int},
    "message": {"text": str},
    "retry": {"number": int, "most": int, "seconds": float, "reason": str},
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
