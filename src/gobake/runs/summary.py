"""The figures of one run that lists, trends and gates need: small, so that ten thousand are read at once.

What makes them of a record is insight's; here they are values and JSON. A number of the schema never changes its
meaning; what was written under another one is made anew from the record, which stays the truth.
"""

from __future__ import annotations

import json

import msgspec
from msgspec import Struct

from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import Finite

SCHEMA = 1
_LONGEST = 1 << 20  # characters


class RunSummary(Struct, frozen=True, kw_only=True, tag_field="schema", tag=SCHEMA):
    """Kept beside the record when the run ends; made anew from the record where it is not there, or lacks a field."""

    id: str
    started: Finite  # seconds since the epoch
    seconds: Finite
    outcome: RunOutcome
    branch: str
    revision: str
    builder: str
    services: tuple[str, ...]
    targets: int
    executed: int
    hit_rate: Finite | None
    go_hit_rate: Finite | None
    compiled: int | None  # Go packages
    saved: Finite | None  # seconds
    go_version: str
    modules: str  # digest of the modules that go.mod files ask for: a change of it excuses a miss
    policy: str
    work: str  # of work_of: what was built
    names: tuple[str, ...]  # of the targets


def to_text(summary: RunSummary) -> str:
    return json.dumps(msgspec.to_builtins(summary), separators=(",", ":"))


def from_text(text: str) -> RunSummary | None:
    """None for what is no summary of this schema."""
    if len(text) > _LONGEST:
        return None
    try:
        return msgspec.json.decode(text, type=RunSummary)
    except (ValueError, RecursionError):
        return None


def from_json(data: object) -> RunSummary | None:
    """The same of JSON that was parsed already."""
    try:
        return msgspec.convert(data, RunSummary)
    except ValueError:
        return None
