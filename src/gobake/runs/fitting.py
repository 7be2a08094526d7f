"""Reduces records that are too large for a history.

Readers limit the size of records, because they may come from anybody. So no larger ones are written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from msgspec.structs import replace

from gobake.foreign.checks import LONGEST_JSON
from gobake.runs.record import InputsRecord, RunRecord, TargetRecord, to_json

_STEPS = 2000


def fitting(record: RunRecord, longest: int = LONGEST_JSON) -> RunRecord:
    """Return the record. If it is too long, without the largest parts: files first, then what images consist of,
    then Go's graph."""
    return next((lighter for lighter in _lighter(record) if _length(lighter) <= longest), _least(record))


def _lighter(record: RunRecord) -> Iterator[RunRecord]:
    yield record
    record = replace(record, inputs=replace(record.inputs, files=(), copied=()))
    yield record
    record = replace(record, targets=tuple(map(_without_contents, record.targets)))
    yield record
    record = replace(record, go=tuple(replace(one, imports=(), actions=()) for one in record.go))
    yield record
    record = replace(record, inputs=InputsRecord(), go=(), modules=())
    yield record
    yield replace(record, steps=record.steps[:_STEPS])


def _least(record: RunRecord) -> RunRecord:
    bare = replace(record, inputs=InputsRecord(), go=(), modules=(), steps=(), caches=(), warnings=())
    bare = replace(bare, targets=tuple(map(_without_contents, bare.targets)))
    return replace(bare, failure=record.failure[:1000], output=record.output[:1000])


def _without_contents(target: TargetRecord) -> TargetRecord:
    return replace(target, sizes=tuple(replace(size, contents=None) for size in target.sizes))


def _length(record: RunRecord) -> int:
    return len(json.dumps(to_json(record)))
