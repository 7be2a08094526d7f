"""Runs bake: builds as many targets as possible, and repeats a build that an engine fault stopped."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from gobake import engine
from gobake.credentials import EventRedactor
from gobake.engine import Bake
from gobake.engine.interrupt import interruptible
from gobake.errors import GobakeError
from gobake.run.prepare import narrowed
from gobake.run.save import export, loader_of
from gobake.run.session import Session
from gobake.text.printable import flat
from gobake.text.say import say, show

if TYPE_CHECKING:  # imported while buildx runs
    from gobake.insight.history import Records
    from gobake.outcome.keep_going import NotBuilt
    from gobake.runs.record import InputsRecord, RunRecord, SmokeRecord
    from gobake.trace.caches import CacheTransfer
    from gobake.trace.events import EventLog
    from gobake.trace.failure import Failure
    from gobake.trace.stalls import Patience
    from gobake.trace.steps import Trace

_LOSSES = 2  # how often a build is repeated after a fault of the engine
_TICK_SECONDS = 1.0  # without output from buildx, until the clocks are checked
_AHEAD_SECONDS = 0.05  # for reading earlier records while buildx starts


class Baked(Struct, frozen=True, kw_only=True):
    """The result of buildx."""

    log: EventLog
    lines: list[str]
    inputs: InputsRecord
    past: Records | None  # of earlier runs, if they are readable
    failed: bool
    interrupted: bool
    transfers: tuple[CacheTransfer, ...]  # of layer caches
    seconds: float  # of the run so far; saving the mounts comes later
    before: tuple[EventLog, ...] = ()  # of attempts that were repeated
    given_up: GobakeError | None = None  # why gobake itself stopped the build
    not_built: tuple[NotBuilt, ...] = ()  # what was left out so that the rest could be built
    smoked: tuple[SmokeRecord, ...] = ()  # images that were started
    withheld: GobakeError | None = None  # why images are not pushed, or have no tags: one did not start, say
    pushed: Mapping[str, tuple[str, ...]] = {}  # references in registries, by target

    @property
    def stopped(self) -> bool:
        """Whether the build did not complete."""
        return self.failed or self.interrupted


def bake_what_can_be_built(session: Session) -> Baked:
    """Build; with keep_going, build the rest again without the targets that failed by themselves.

    What compiled stays in Go's cache. Afterwards the session's matrix is what was left.
    """
    baked = _bake(session)
    if not session.request.keep_going:
        return baked
    from gobake.outcome import keep_going
    from gobake.trace.steps import steps

    not_built = keep_going.unreadable(session.ready.plan.matrix, session.ready.plan.opened.tree)
    for _ in range(keep_going.ROUNDS):
        if not baked.failed or baked.interrupted or baked.given_up:
            break
        ready, seen = session.ready, steps(baked.log)
        error = failure(session, baked, seen).error
        opened, loader = ready.plan.opened, partial(loader_of, ready.call, ready.trace_folder)
        faults = keep_going.own_faults(opened.project, opened.tree, ready.plan.matrix, seen, error, loader)
        rest = keep_going.without(ready.plan.matrix, faults)
        if not faults or not rest.targets:
            break
        session.say(f"not built: {', '.join(fault.name for fault in faults)}; building the others")
        not_built += faults
        session.saving.matrix = rest
        session.ready = narrowed(ready, rest)
        baked = _bake(session)
    return replace(baked, not_built=not_built)


def failure(session: Session, baked: Baked, seen: Trace) -> Failure:
    """Return why a build stopped."""
    from gobake.outcome import read
    from gobake.trace.failure import Failure

    ready = session.ready
    if baked.given_up and not baked.interrupted:
        return Failure(error=baked.given_up)
    return read.judge(
        ready.plan.opened,
        ready.plan.matrix,
        seen,
        baked.log,
        read.Left(staged=ready.staged.sources, loader_of=partial(loader_of, ready.call, ready.trace_folder)),
        interrupted=baked.interrupted,
    )


def export_layers(session: Session, baked: Baked, exporters: tuple[str, ...]) -> Baked:
    """Export the layers of images that are built already."""
    if not exporters:
        return baked
    # --no-cache would rebuild everything
    call = replace(session.ready.call, targets=exporters, no_cache=False, metadata_file=None)
    if session.request.verbose:
        show(flat(call.shown()), err=True)
    redact = EventRedactor(session.ready.access.redactor)
    written, interrupted = export(call, redact, session.say, session.request.stall_seconds)
    return replace(
        baked, interrupted=interrupted, transfers=(*baked.transfers, *written), seconds=session.begun.seconds()
    )


def _bake(session: Session) -> Baked:
    """Run buildx to its end or to Ctrl-C; repeat it if the engine lost something, or a registry was not well."""
    baked, losses = _bake_once(session), 0
    from gobake.run.again import Again, repeated

    while baked.failed and not baked.interrupted and not baked.given_up:
        try:
            lost = losses < _LOSSES and _goes_on(session, baked.log)
        except GobakeError as error:
            return replace(baked, given_up=error)
        if lost:
            losses += 1
        elif (again := repeated(session, baked.log)) is not Again.YES:
            return replace(baked, interrupted=again is Again.INTERRUPTED)
        baked = replace(_bake_once(session), before=(*baked.before, baked.log))
    return baked


def _goes_on(session: Session, log: EventLog) -> bool:
    """Whether the engine lost its own data, or the builder a node whose work others take over. Raises GobakeError if
    nobody can."""
    from gobake.outcome import read
    from gobake.run import takeover

    if read.lost_its_own(log):
        say("the engine lost a snapshot or a session of its own; building again", err=True)
        return True
    loss = takeover.lost(session.ready.plan.builder, session.request.project.builder)
    if not loss:
        return False
    if error := loss.refusal(session.ready.plan.matrix.targets):
        raise error
    say(f"warning: {loss.what}; building again on {loss.others}", err=True)
    takeover.take_over(session, loss)
    return True


def _bake_once(session: Session) -> Baked:
    ready = session.ready
    bake = Bake(ready.call)
    with interruptible() as interrupted:
        bake.begin()
        # buildx needs time to start: enough to open the history, look at files and import modules
        ready.open_journal()
        session.meanwhile()
        from gobake.run import inputs
        from gobake.trace.caches import cache_transfers
        from gobake.trace.events import EventLog

        looked = inputs.look(ready.plan.opened, ready.plan.matrix, ready.plan.variables, ready.staged, ready.prebuilt)
        past, recent = _past(session)
        log = EventLog()
        lines, patience = _follow(session, bake, log, recent)
        session.saving.say = session.say
    return Baked(
        log=log,
        lines=lines,
        inputs=looked,
        past=past,
        failed=bake.failed,
        interrupted=interrupted(),
        transfers=cache_transfers(log, ready.call.only),
        seconds=session.begun.seconds(),
        given_up=bake.refused or (patience.error if bake.failed else None),
    )


def _past(session: Session) -> tuple[Records | None, list[RunRecord]]:
    """Return the records of earlier runs, and those of the last ones that could be read while buildx starts."""
    from gobake.insight.history import Records

    journal = session.ready.journal
    past = Records(journal.store) if journal.store else None
    return past, past.read_ahead(_AHEAD_SECONDS) if past else []


def _follow(session: Session, bake: Bake, log: EventLog, recent: Sequence[RunRecord]) -> tuple[list[str], Patience]:
    """Show, parse and act on buildx's lines as they come; return (all lines without secrets, who waited for what).

    ``recent``: earlier runs, newest first.
    """
    from gobake.outcome import read
    from gobake.recipe.outline import own_names
    from gobake.run import expecting
    from gobake.trace.stalls import Patience

    request, ready, lines = session.request, session.ready, list[str]()
    redact = EventRedactor(ready.access.redactor)
    builder = ready.plan.builder
    native = str(builder.native) if len(builder.answer.nodes) == 1 else ""
    own = own_names(ready.call.files[0], ready.call.targets, native)
    progress = session.progress(ready.plan.matrix.targets)
    expecting.begin(ready.plan, recent, progress.expect)
    session.saving.say = progress.say
    names = [target.name for target in ready.plan.matrix.targets]
    patience = Patience(names, request.stall_seconds, ready.access.proxies, progress.stall)
    with progress:
        for said in engine.ticking(bake, _TICK_SECONDS):
            session.begun.alive()
            events = []
            if said is not None:
                lines.append(line := own.line(redact.line(said)))
                events = log.feed_line(line)
                progress.update(events)
                session.saving.watch(log, events)
                read.read_ahead(events, ready.trace_folder, ready.plan.matrix)
            if patience.ends(events, time.monotonic()):
                bake.stop()
    return lines, patience
