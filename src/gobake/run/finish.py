"""The end of a run, after buildx: outcome, saving, record, and notes for the user."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gobake.caching.layers import record as cache_run
from gobake.engine import BuilderQuery
from gobake.errors import GobakeError
from gobake.insight.history import prompt_cold, prompt_summary
from gobake.outcome import keep_going, read
from gobake.proc import futures
from gobake.report import ci_summary
from gobake.run.bake import Baked, export_layers, failure
from gobake.run.session import Session
from gobake.run.sizes import sizes_of
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import RunRecord, SizeRecord
from gobake.trace.bases import bases
from gobake.trace.failure import Failure
from gobake.trace.repeated import with_earlier
from gobake.trace.steps import Trace, steps

Sizes = dict[str, tuple[SizeRecord, ...]]  # by target

_MOST_OUTPUT = 20_000  # characters of a failed program, in the record


class Finished(Struct, frozen=True, kw_only=True):
    """A recorded run."""

    record: RunRecord
    not_built: tuple[keep_going.NotBuilt, ...]
    failed: Failure | None  # why the build stopped
    error: GobakeError | None  # why the run failed: the build stopped, or targets were left out
    notes: tuple[str, ...]  # for the user
    withheld: bool  # not all images are in their registries under their names
    metadata: Mapping[str, Mapping[str, Any]]  # what buildx says of the images, by target


class _Seen(Struct, frozen=True, kw_only=True):
    """What the events and files of a build show."""

    trace: Trace
    evidence: dict[str, Any]  # fields of the record
    metadata: dict[str, Any]  # from buildx's own file

    @property
    def compiled(self) -> bool:
        return read.compiled(self.evidence)


def finish(session: Session, baked: Baked, query: BuilderQuery) -> Finished:
    """Save, record and return the outcome of a run. What cannot be saved or recorded is a note, not an error."""
    seen = _look(session, baked)
    baked, sizes = _save(session, baked, seen, query)
    failed = failure(session, baked, seen.trace) if baked.stopped else None
    error = baked.withheld or keep_going.error(baked.not_built, session.ready.plan.matrix)
    error = failed.error if failed else error
    record = _record(session, baked, seen, sizes, error, query)
    if baked.past:
        record = replace(record, cold=prompt_cold(record, baked.past))
    notes = _keep(session, baked, record)
    if baked.stopped and not baked.interrupted and not baked.given_up and not seen.trace.failed:
        query.forget()  # no step is to blame
    images = _metadata(seen, record)
    return Finished(
        record=record,
        not_built=baked.not_built,
        failed=failed,
        error=error,
        notes=notes,
        withheld=baked.withheld is not None,
        metadata=images,
    )


def _look(session: Session, baked: Baked) -> _Seen:
    ready = session.ready
    bare = session.usage.bare or False
    trace = steps(baked.log, bare=bare)
    if baked.before:
        trace = with_earlier(trace, [steps(log, bare=bare) for log in baked.before])
    return _Seen(
        trace=trace,
        evidence=read.evidence(trace, ready.trace_folder, session.started, ready.plan.matrix),
        metadata=read.read_metadata(ready.call.metadata_file),
    )


def _save(session: Session, baked: Baked, seen: _Seen, query: BuilderQuery) -> tuple[Baked, Sizes]:
    """Save mounts and layers, measure the images, and wait for saves in progress."""
    sizes: Future[Sizes] | None = None
    if not baked.stopped:
        query.remember()  # what follows calls buildx again and again
        session.saving.begin(baked.log, compiled=seen.compiled)
        sizes = futures.start(partial(sizes_of, session.request, session.ready, seen.metadata))
        exporters = cache_run.to_export(session.ready.plan.layers, baked.transfers, seen.trace)
        baked = export_layers(session, baked, exporters)
    baked = replace(baked, interrupted=session.saving.end(interrupted=baked.interrupted))
    return baked, sizes.result() if sizes else {}


def _record(
    session: Session, baked: Baked, seen: _Seen, sizes: Sizes, error: GobakeError | None, query: BuilderQuery
) -> RunRecord:
    ready, begun = session.ready, session.begun.record
    mounted = baked.stopped or seen.compiled or any(work.linked for work in seen.evidence["go"])
    found = read.results(
        ready.plan.project, ready.plan.matrix, session.request.tag, seen.metadata, seen.trace, sizes=sizes
    )
    found = tuple(replace(target, pushed=baked.pushed.get(target.name, ())) for target in found)
    reasons: Mapping[str, str] = {fault.name: fault.reason for fault in baked.not_built}
    return replace(
        begun,
        seconds=baked.seconds,
        outcome=RunOutcome.INTERRUPTED if baked.interrupted else RunOutcome.FAILED if error else RunOutcome.DONE,
        targets=read.with_failed(found, begun.targets, reasons),
        failure=str(error or ""),
        output=error.words[:_MOST_OUTPUT] if error else "",
        caches=cache_run.end(baked.transfers, ready.plan.layers, ready.plan.caches, session.started, sweeps=not error),
        **read.facts(ready.plan.opened, ready.plan.caches.surroundings, ready.plan.builder.answer, query.info()),
        seeds=tuple(ready.care.records) if ready.care else (),
        **seen.evidence,
        inputs=replace(baked.inputs, bases=bases(baked.log)),
        mounts=session.usage.records(used=mounted),
        bare=session.usage.bare,
        host=session.host,
        smoke=baked.smoked,
        retries=tuple(session.retries),
    )


def _metadata(seen: _Seen, record: RunRecord) -> dict[str, dict[str, Any]]:
    """What buildx says of the images; by the names that they have now, if it pushed them without any."""
    images = {}
    for target in record.targets:
        if isinstance(found := seen.metadata.get(target.name), dict):
            tagged = ",".join(name for name in target.pushed if "@" not in name)
            images[target.name] = read.of_image(found) | ({"image.name": tagged} if tagged else {})
    return images


def _keep(session: Session, baked: Baked, record: RunRecord) -> tuple[str, ...]:
    """Keep the record in the local and the remote history and in CI's summary; return notes for the user."""
    ready = session.ready
    if ready.travel:
        ready.journal.merge(ready.travel.arrived(record.id, wait=not baked.stopped))
    exported = any(cache.direction == "export" for cache in record.caches)
    notes = [
        *read.lacking(ready.trace_folder, ready.plan.matrix),
        *cache_run.cache_notes(record),
        *(ready.care.notes if ready.care else ()),
        *ready.journal.keep(
            record,
            baked.lines,
            lambda kept: prompt_summary(kept, baked.past) if baked.past else None,
            cache_run.export_note if exported else None,
        ),
    ]
    if ready.travel:
        ready.travel.send(record, ready.journal.summary)
        notes += ready.travel.notes
    if ci_summary.wanted(os.environ):
        notes += ci_summary.summarise(record, ready.journal.folder, ready.plan.project.root, os.environ)
    return tuple(notes)
