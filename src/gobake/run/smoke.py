"""Starts the images of a run before they are pushed, and pushes them only if all of them started."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from gobake import engine
from gobake.credentials import EventRedactor
from gobake.engine import Bake, Builder, api, containers
from gobake.engine.interrupt import interruptible
from gobake.errors import GobakeError
from gobake.outcome import read
from gobake.recipe.outline import own_names
from gobake.run.again import Again, repeated
from gobake.run.bake import Baked
from gobake.run.prepare import PreparedBuild, pushing
from gobake.run.session import Session
from gobake.runs.outcomes import Outcome
from gobake.runs.record import SmokeRecord
from gobake.starting import smoke
from gobake.starting.smoke import Smoked
from gobake.starting.start import Engine, Stopped
from gobake.text.printable import flat
from gobake.text.say import show
from gobake.trace.events import EventLog
from gobake.trace.steps import Trace, steps

_TICK_SECONDS = 1.0


def smoke_then_push(session: Session, baked: Baked) -> Baked:
    """Start all images; push them if that is asked for and none failed."""
    plan, request = session.ready.plan, session.request
    there = engine_of(plan.builder.answer)
    wanted = smoke.images(plan.matrix.targets, plan.project.prefix, request.tag, there, request.smoke_seconds)
    with interruptible() as pressed:
        try:
            smoked = smoke.start_all(wanted, session.say, partial(_is_stopped, session, pressed))
        except Stopped:
            return replace(baked, interrupted=True)
        except GobakeError as failure:  # the engine is gone
            return replace(baked, withheld=failure)
    if pressed():
        return replace(baked, interrupted=True)
    error = smoke.error_of(smoked)
    session.say(smoke.total(smoked))
    baked = replace(baked, smoked=tuple(map(_record, smoked)), withheld=error)
    return _push(session, baked) if request.push and not error else baked


def engine_of(builder: Builder) -> Engine:
    """Return what matters of the docker client's engine. A builder in a container has emulators of its own."""
    return Engine(
        architecture=containers.native_architecture(),
        platforms=frozenset(builder.platforms if builder.keeps_images else ()),
        elsewhere=api.is_elsewhere(),
    )


def _is_stopped(session: Session, pressed: Callable[[], bool]) -> bool:
    session.begun.alive()
    return pressed()


def _record(smoked: Smoked) -> SmokeRecord:
    start = smoked.start
    return SmokeRecord(
        target=smoked.target,
        platform=str(smoked.image.platform),
        outcome=str(smoked.outcome),
        text=start.verdict.text,
        seconds=start.seconds,
        emulated=smoked.image.emulated,
    )


def _push(session: Session, baked: Baked) -> Baked:
    """Build again with a push: all steps come from the builder's cache, so that what was started is pushed."""
    ready = pushing(session.ready)
    if session.request.verbose:
        show(flat(ready.call.shown()), err=True)
    session.say("pushing the images")
    began, plan = session.begun.seconds(), ready.plan
    log, failed, interrupted = _bake(session, ready)
    while failed and not interrupted and (again := repeated(session, log)) is not Again.NO:
        interrupted = again is Again.INTERRUPTED
        if not interrupted:
            log, failed, interrupted = _bake(session, ready)
    seen = steps(log)
    baked = replace(baked, seconds=baked.seconds + session.begun.seconds() - began, interrupted=interrupted)
    if failed and not interrupted:
        why = read.judge(plan.opened, plan.matrix, seen, log, read.Left(), interrupted=False)
        return replace(baked, failed=True, given_up=why.error)
    if ran := ran_again(seen):
        session.say(f"warning: steps ran again for the push, so not all is as it was started: {', '.join(ran)}")
    return baked


def _bake(session: Session, ready: PreparedBuild) -> tuple[EventLog, bool, bool]:
    """Run buildx without a display; return (its events, whether it failed, whether Ctrl-C was pressed)."""
    redact, log, builder = EventRedactor(ready.access.redactor), EventLog(), ready.plan.builder
    native = str(builder.native) if len(builder.answer.nodes) == 1 else ""
    own = own_names(ready.call.files[0], ready.call.targets, native)
    bake = Bake(ready.call)
    with interruptible() as pressed:
        bake.begin()
        for said in engine.ticking(bake, _TICK_SECONDS):
            session.begun.alive()
            if said is not None:
                log.feed_line(own.line(redact.line(said)))
    return log, bake.failed, pressed()


def ran_again(seen: Trace) -> tuple[str, ...]:
    """Return the steps that ran a program. Copies that BuildKit repeats have the same content."""
    ran = (step for step in seen.steps if step.outcome is Outcome.EXECUTED)
    return tuple(dict.fromkeys(step.name.label for step in ran if step.name.instruction.startswith("RUN")))
