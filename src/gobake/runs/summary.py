"""The figures of one run for lists, trends and gates: small, so that ten thousand can be read at once.

insight makes them from records; here they are values and JSON. A schema number never changes its meaning. Summaries of
another schema are made anew from the record, which stays authoritative.
"""

from __future__ import annotations

import json

import msgspec
from msgspec import Struct

from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import Finite

SCHEMA = 2  # 1: `saved` was of work, summed, and not of the clock
_LONGEST = 1 << 20  # characters


class RunSummary(Struct, frozen=True, kw_only=True, tag_field="schema", tag=SCHEMA):
    """Kept beside the record when the run ends; made anew from it if missing or incomplete."""

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
    modules: str  # digest of the modules required by go.mod files: a change of it excuses a miss
    policy: str
    work: str  # of work_of: what was built
    names: tuple[str, ...]  # of the targets


def to_text(summary: RunSummary) -> str:
    return json.dumps(msgspec.to_builtins(summary), separators=(",", ":"))


def from_text(text: str) -> RunSummary | None:
    """Parse a summary; None if it is invalid or of another schema."""
    if len(text) > _LONGEST:
        return None
    try:
        return msgspec.json.decode(text, type=RunSummary)
    except (ValueError, RecursionError):
        return None


def from_json(data: object) -> RunSummary | None:
    """Convert a summary from parsed JSON; None if it is invalid."""
    try:
        return msgspec.convert(data, RunSummary)
    except ValueError:
        return None
