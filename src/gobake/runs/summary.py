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
_LONGEST = 1 << 20  # characters


@dataclass(frozen=True, kw_only=True)
class RunSummary:
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


_KINDS = {  # by annotation, the types that JSON has for it
    "str": frozenset((str,)),
    "int": frozenset((int,)),
    "float": frozenset((float, int)),
    "float | None": frozenset((float, int, type(None))),
    "int | None": frozenset((int, type(None))),
    "tuple[str, ...]": frozenset((list,)),
}
_ALLOWED = {field.name: _KINDS[str(field.type)] for field in fields(RunSummary)}
_LISTS = tuple(name for name, allowed in _ALLOWED.items() if list in allowed)
_FLOATS = tuple(name for name, allowed in _ALLOWED.items() if float in allowed)
_WORDS = frozenset((str,))


def to_text(summary: RunSummary) -> str:
    return json.dumps({"schema": SCHEMA, **{name: getattr(summary, name) for name in _ALLOWED}}, separators=(",", ":"))


def from_text(text: str) -> RunSummary | None:
    """None for what is no summary of this schema."""
    if len(text) > _LONGEST:
        return None
    try:
        data = json.loads(text)
        if data["schema"] != SCHEMA:
            return None
        values: dict[str, Any] = {name: data[name] for name in _ALLOWED}
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if not all(type(values[name]) in allowed for name, allowed in _ALLOWED.items()):
        return None
    try:
        if not all(values[name] is None or isfinite(values[name]) for name in _FLOATS):
            return None
    except OverflowError:  # an integer of hundreds of digits
        return None
    for name in _LISTS:
        if not _WORDS.issuperset(map(type, values[name])):
            return None
        values[name] = tuple(values[name])
    return RunSummary(**values)
