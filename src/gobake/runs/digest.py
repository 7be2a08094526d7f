"""The figures of one run that lists, trends and gates need: small, so that ten thousand are read at once.

What makes them of a record is insight's; here they are values and JSON. A number of the schema never changes its
meaning; what was written under another one is made anew from the record, which stays the truth.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Digest:
    """Kept beside the record when the run ends; made anew from the record where it is not there."""

    id: str
    started: float  # seconds since the epoch
    seconds: float
    outcome: str
    branch: str
    revision: str
    builder: str
    services: tuple[str, ...]
    targets: int
    executed: int
    hit_rate: float | None = None
    go_hit_rate: float | None = None
    compiled: int | None = None  # Go packages
    saved: float | None = None  # seconds
    go_version: str = ""
    modules: str = ""  # digest of the modules that go.mod files ask for: a change of it excuses a miss
    policy: str = ""
    work: str = ""  # of work_of: what was built
    names: tuple[str, ...] = ()  # of the targets


_KINDS = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "float | None": (float, int, type(None)),
    "int | None": (int, type(None)),
}
_ALLOWED = {field.name: _KINDS.get(str(field.type)) for field in fields(Digest)}  # None: a tuple of words
_LISTS = tuple(name for name, allowed in _ALLOWED.items() if allowed is None)


def to_text(digest: Digest) -> str:
    return json.dumps({"schema": SCHEMA, **{name: getattr(digest, name) for name in _ALLOWED}}, separators=(",", ":"))


def from_text(text: str) -> Digest | None:
    """None for what is no digest of this schema."""
    try:
        data = json.loads(text)
        if data.pop("schema") != SCHEMA or not all(_is(data[name], allowed) for name, allowed in _ALLOWED.items()):
            return None
        values: dict[str, Any] = {name: data[name] for name in _ALLOWED}
        for name in _LISTS:
            values[name] = tuple(values[name])
        return Digest(**values)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _is(value: object, allowed: tuple[type, ...] | None) -> bool:
    if allowed is None:
        return isinstance(value, list) and all(isinstance(word, str) for word in value)
    return isinstance(value, allowed) and value is not True and value is not False and _finite(value)


def _finite(value: object) -> bool:
    return not isinstance(value, float) or isfinite(value)
