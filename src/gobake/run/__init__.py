"""The story of one run, top to bottom: prepare, warm, bake, read what happened, save, keep a record, tell, judge.

Everything that decides lives elsewhere; this module puts the stations in order.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from gobake import __version__, engine
from gobake.config.gate_values import GateConfig
from gobake.credentials import Access, EventRedactor
from gobake.engine import Bake, BuilderQuery, EngineInfo
from gobake.engine.interrupt import interruptible
from gobake.errors import ExitCode, GobakeError
from gobake.paths import scratch_folder
from gobake.proc import futures
from gobake.run.prepare import BuildRequest, PreparedBuild, hints, narrowed, prepare, sayer
from gobake.run.save import Saving, export, loader_of
from gobake.text.say import say, show

if TYPE_CHECKING:  # what is needed when buildx runs is imported when it runs
    from gobake.insight.history import Records
    from gobake.outcome.keep_going import NotBuilt
    from gobake.run.usage import MountUsage
    from gobake.runs.begun import BegunRun
    from gobake.runs.record import InputsRecord, RunRecord, SizeRecord
    from gobake.trace.caches import CacheTransfer
    from gobake.trace.events import EventLog
    from gobake.trace.failure import Failure
    from gobake.trace.steps import Trace

_LOSSES = 2  # how often a build is begun again after a fault of the engine
_TICK_SECONDS = 1.0  # without a word from buildx, after which clocks are looked at
_AHEAD_SECONDS = 0.05  # for reading earlier records, while buildx gets ready


def run(asked: BuildRequest, questions: BuilderQuery) -> ExitCode:
    """Build; the questions were asked already. Returns the exit code; raises a GobakeError for what stops it before
    buildx begins, for targets that were left out, and for a gate that the run does not pass."""
    started = time.time()
    with ExitStack() as ends:
        scratch = ends.enter_context(scratch_folder())
        ends.enter_context(engine.nothing_left())
        ready = prepare(asked, questions, scratch)
        if asked.dry_run:
            _print_dry_run(asked, ready)
            return ExitCode.DONE
        if asked.verbose:
            say(_modules_from(ready.access), err=True)
            say(ready.call.shown(), err=True)
        for note in ready.trust_notes:
            sayer(asked)(f"note: {note}")
        begun_run = _begun_run(asked, ready, started)
        ends.callback(begun_run.end)
        questions.begin_info()
        watch = _watch(asked, ready)
        if ready.care:
            ready.care.warm(sayer(asked))
        watch.settle()
        saving = Saving(
            care=ready.care, matrix=ready.matrix, trace_folder=ready.trace_folder, started=started, say=sayer(asked)
        )
        ready, baked = _bake_what_can_be_built(asked, ready, saving, begun_run)
        from gobake.caching.layers import record as cache_run
        from gobake.insight.history import prompt_summary
        from gobake.outcome import keep_going, read
        from gobake.report import ci_summary
        from gobake.run.sizes import sizes_of
        from gobake.trace.bases import bases
        from gobake.trace.steps import steps

        seen = steps(baked.log, bare=watch.bare or False)
        evidence = read.evidence(seen, ready.trace_folder, started, ready.matrix)
        compiled = read.compiled(evidence)
        sizes: Future[dict[str, tuple[SizeRecord, ...]]] | None = None
        metadata = read.read_metadata(ready.call.metadata_file)
        if not (baked.failed or baked.interrupted):
            questions.remember()  # what follows asks buildx again and again
            saving.begin(baked.log, compiled=compiled)
            sizes = futures.start(partial(sizes_of, asked, ready, metadata))
            baked = _export(asked, ready, baked, cache_run.to_export(ready.layers, baked.transfers, seen), begun_run)
        baked = replace(baked, interrupted=saving.end(interrupted=baked.interrupted))
        stopped = baked.failed or baked.interrupted
        told = _failure(ready, baked, seen) if stopped else None
        error = told.error if told else keep_going.error(baked.not_built, ready.matrix)
        mounted = stopped or compiled or any(work.linked for work in evidence["go"])
        record = replace(
            begun_run.record,
            seconds=baked.seconds,
            outcome="interrupted" if baked.interrupted else "failed" if error else "done",
            targets=read.with_failed(
                read.results(
                    ready.opened.project, ready.matrix, asked.tag, metadata, seen, sizes=sizes.result() if sizes else {}
                ),
                begun_run.record.targets,
                {fault.name: fault.reason for fault in baked.not_built},
            ),
            failure=str(error or ""),
            caches=cache_run.end(baked.transfers, ready.layers, ready.caches, started, sweeps=not error),
            **read.facts(ready.opened, ready.caches.surroundings, ready.builder, questions.info()),
            seeds=tuple(ready.care.records) if ready.care else (),
            **evidence,
            inputs=replace(baked.inputs, bases=bases(baked.log)),
            mounts=watch.records(used=mounted),
            bare=watch.bare,
        )
        if ready.travel:
            ready.journal.merge(ready.travel.arrived(record.id, wait=not stopped))
        noted = [
            *read.lacking(ready.trace_folder, ready.matrix),
            *cache_run.cache_notes(record),
            *(ready.care.notes if ready.care else ()),
            *ready.journal.keep(
                record,
                baked.lines,
                lambda record: prompt_summary(record, baked.past) if baked.past else None,
                cache_run.export_note if any(c.direction == "export" for c in record.caches) else None,
            ),
        ]
        if ready.travel:
            ready.travel.send(record, ready.journal.summary)
            noted += ready.travel.notes
        if ci_summary.wanted(os.environ):
            noted += ci_summary.summarise(record, ready.journal.folder, ready.opened.project.root, os.environ)
        if stopped and not baked.interrupted and not baked.given_up and not seen.failed:
            questions.forget()  # no step is to blame
    _tell(asked, ready, record, baked.not_built, told, noted)
    if error:
        if not told:
            raise error
        return error.exit_code
    _judge(asked, ready, record)
    return ExitCode.DONE


def _print_dry_run(asked: BuildRequest, ready: PreparedBuild) -> None:
    from gobake.report.plan import as_text, make_plan

    show(as_text(make_plan(ready.opened, ready.matrix, asked.tag, ready.caches, ready.layers, ready.versions)))
    show("\n".join(["", _modules_from(ready.access), f"would run  {ready.call.shown()}"]))


def _modules_from(access: Access) -> str:
    return f"modules   with {', '.join(access.sources) or 'no credentials'}"


# ---- the build


def _begun_run(asked: BuildRequest, ready: PreparedBuild, started: float) -> BegunRun:
    """From now on the history tells of this run, whatever becomes of it."""
    from gobake.outcome import read
    from gobake.runs.begun import BegunRun, next_id
    from gobake.runs.record import RunRecord
    from gobake.trace.steps import Trace

    record = RunRecord(
        id=next_id(ready.history, started),
        started=started,
        seconds=0.0,
        command=asked.command,
        outcome="",
        targets=read.results(ready.opened.project, ready.matrix, asked.tag, {}, Trace(steps=()), sizes={}),
        gobake=__version__,
        cache_policy=ready.caches.policy.name,
        cache_store=ready.caches.store.shown if ready.caches.store else "",
        trust=ready.opened.trust.shown(),
        **read.facts(ready.opened, ready.caches.surroundings, ready.builder, EngineInfo()),
        no_cache=asked.no_cache,
        lineages=ready.caches.lineages,
    )
    return BegunRun(ready.history, record)


def _failure(ready: PreparedBuild, baked: _Baked, seen: Trace) -> Failure:
    from gobake.outcome import read

    if baked.given_up and not baked.interrupted:
        from gobake.trace.failure import Failure

        return Failure(error=baked.given_up)
    return read.judge(
        ready.opened,
        ready.matrix,
        seen,
        baked.log,
        interrupted=baked.interrupted,
        staged=ready.staged.sources,
        loader_of=partial(loader_of, ready.call, ready.trace_folder),
    )


def _watch(asked: BuildRequest, ready: PreparedBuild) -> MountUsage:
    """Begun before anything is built or warmed."""
    from gobake.caching.seeds.mounts import mounts_of
    from gobake.recipe.ignore import vendored
    from gobake.run.usage import MountUsage

    opened = ready.opened
    watch = MountUsage(
        builder=ready.builder,
        chosen=asked.request.builder,
        mounts=mounts_of(opened.project, ready.matrix, vendored=vendored(ready.matrix, opened.tree)),
        before=ready.care.usage if ready.care and ready.care.usage else ready.usage,
    )
    watch.begin()
    return watch


@dataclass(frozen=True, kw_only=True)
class _Baked:
    """What buildx left."""

    log: EventLog
    lines: list[str]
    inputs: InputsRecord
    past: Records | None  # of earlier runs, where they can be read
    failed: bool
    interrupted: bool
    transfers: tuple[CacheTransfer, ...]  # of layer caches
    seconds: float  # of the run until then; saving the mounts comes later
    given_up: GobakeError | None = None  # why gobake itself stopped the build
    not_built: tuple[NotBuilt, ...] = ()  # what was left out so that the rest could be built


def _bake_what_can_be_built(
    asked: BuildRequest, ready: PreparedBuild, saving: Saving, begun_run: BegunRun
) -> tuple[PreparedBuild, _Baked]:
    """Build; where some targets fail by themselves and the others are wanted all the same, build the others again. Go's
    cache holds what compiled."""
    baked = _bake(asked, ready, saving, begun_run)
    if not asked.keep_going:
        return ready, baked
    from gobake.outcome import keep_going
    from gobake.trace.steps import steps

    not_built = keep_going.unreadable(ready.matrix, ready.opened.tree)
    for _ in range(keep_going.ROUNDS):
        if not baked.failed or baked.interrupted or baked.given_up:
            break
        seen = steps(baked.log)
        error = _failure(ready, baked, seen).error
        opened, loader = ready.opened, partial(loader_of, ready.call, ready.trace_folder)
        faults = keep_going.own_faults(opened.project, opened.tree, ready.matrix, seen, error, loader)
        rest = keep_going.without(ready.matrix, faults)
        if not faults or not rest.targets:
            break
        sayer(asked)(f"not built: {', '.join(fault.name for fault in faults)}; building the others")
        not_built += faults
        saving.matrix = rest
        ready = narrowed(ready, rest)
        baked = _bake(asked, ready, saving, begun_run)
    return ready, replace(baked, not_built=not_built)


def _bake(asked: BuildRequest, ready: PreparedBuild, saving: Saving, begun_run: BegunRun) -> _Baked:
    """Run buildx to its end, or until Ctrl-C ended it; again where the engine lost what is its own to keep."""
    baked = _bake_once(asked, ready, saving, begun_run)
    from gobake.outcome import read

    for _ in range(_LOSSES):
        if not baked.failed or baked.interrupted or baked.given_up or not read.lost_its_own(baked.log):
            break
        say("the engine lost a snapshot or a session of its own; building again", err=True)
        baked = _bake_once(asked, ready, saving, begun_run)
    return baked


def _bake_once(asked: BuildRequest, ready: PreparedBuild, saving: Saving, begun_run: BegunRun) -> _Baked:
    bake, redact = Bake(ready.call), EventRedactor(ready.access.redactor)
    with interruptible() as interrupted:
        bake.begin()
        ready.journal  # noqa: B018 (it opens, in a tenth of a second in which buildx gets ready too)
        from gobake.outcome import read
        from gobake.run import inputs

        looked = inputs.look(ready.opened, ready.matrix, ready.variables, ready.staged, ready.prebuilt)
        _import_what_comes_after()
        from gobake.insight.history import Records

        past = Records(ready.journal.store) if ready.journal.store else None
        if past:
            past.read_ahead(_AHEAD_SECONDS)
        from gobake.report.progress import make_progress
        from gobake.trace.events import EventLog
        from gobake.trace.stalls import Patience

        log, lines = EventLog(), list[str]()
        kind = "quiet" if asked.quiet else asked.progress
        stream = sys.stdout if asked.progress == "json" else sys.stderr
        progress = make_progress(kind, ready.matrix.targets, stream, asked.color)
        saving.say = progress.say
        patience = Patience(
            [t.name for t in ready.matrix.targets], asked.stall_seconds, ready.access.proxies, progress.stall
        )
        with progress:
            for said in engine.ticking(bake, _TICK_SECONDS):
                begun_run.alive()
                events = []
                if said is not None:
                    lines.append(line := redact.line(said))
                    events = log.feed_line(line)
                    progress.update(events)
                    saving.watch(log, events)
                    read.read_ahead(events, ready.trace_folder, ready.matrix)
                if patience.ends(events, time.monotonic()):
                    bake.stop()
        saving.say = sayer(asked)
    from gobake.trace.caches import cache_transfers

    return _Baked(
        log=log,
        lines=lines,
        inputs=looked,
        past=past,
        failed=bake.failed,
        interrupted=interrupted(),
        transfers=cache_transfers(log, ready.call.only),
        seconds=begun_run.seconds(),
        given_up=bake.refused or (patience.error if bake.failed else None),
    )


def _export(
    asked: BuildRequest, ready: PreparedBuild, baked: _Baked, exporters: tuple[str, ...], begun_run: BegunRun
) -> _Baked:
    if not exporters:
        return baked
    # --no-cache would build everything again
    call = replace(ready.call, targets=exporters, no_cache=False, metadata_file=None)
    if asked.verbose:
        say(call.shown(), err=True)
    written, interrupted = export(call, EventRedactor(ready.access.redactor), sayer(asked), asked.stall_seconds)
    return replace(baked, interrupted=interrupted, transfers=(*baked.transfers, *written), seconds=begun_run.seconds())


def _import_what_comes_after() -> None:
    """In the moment in which buildx gets ready too."""
    import gobake.caching.layers.record
    import gobake.insight.history
    import gobake.insight.scorecard
    import gobake.outcome.read
    import gobake.trace.bases  # noqa: F401


# ---- after


def _tell(
    asked: BuildRequest,
    ready: PreparedBuild,
    record: RunRecord,
    not_built: Sequence[NotBuilt],
    failed: Failure | None,
    notes: Sequence[str],
) -> None:
    from gobake.report.summary import print_failure, print_not_built, print_summary

    as_json = asked.progress == "json"
    if not failed and not asked.quiet and not as_json:
        print_summary(record, ready.matrix.left_out, color=asked.color, notes=[*notes, *hints(asked, ready, record)])
    print_not_built(not_built, as_json=as_json and not asked.quiet, color=asked.color)
    if failed:
        print_failure(failed, color=asked.color)
        for note in notes:
            say(note, err=True)


def _judge(asked: BuildRequest, ready: PreparedBuild, record: RunRecord) -> None:
    """The gate, where one is asked for: what was built and pushed stays. Raises GateFailed."""
    config = ready.opened.config.gate if ready.opened.config else GateConfig()
    if asked.gate == config == GateConfig():
        return
    from gobake.insight.gate import gate_of
    from gobake.run.gate import judge_run

    gate = gate_of(config, asked.gate, ready.caches.surroundings.branch or record.branch)
    if gate.asks:
        judge_run(gate, record, ready.history, color=asked.color, quiet=asked.quiet)
