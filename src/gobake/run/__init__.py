"""One run from top to bottom: prepare, compile outside, warm, bake, read the outcome, save, record, report, judge.

Other modules make the decisions; this one calls them in order.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from gobake import engine
from gobake.config.gates import GateConfig
from gobake.credentials import Access
from gobake.engine import BuilderQuery
from gobake.errors import ExitCode
from gobake.paths import scratch_folder
from gobake.plan.request import BuildRequest
from gobake.report.quantities import count_text
from gobake.report.workflow import annotate, guarded
from gobake.report.written import write_json
from gobake.run.bake import bake_what_can_be_built
from gobake.run.prepare import PreparedBuild, hints, prepare
from gobake.run.session import begin, sayer
from gobake.text.layout import width_of_terminal
from gobake.text.printable import flat
from gobake.text.say import say, show

if TYPE_CHECKING:  # imported while buildx runs
    from gobake.plan.build_plan import BuildPlan
    from gobake.run.finish import Finished
    from gobake.runs.record import RunRecord


def run(
    request: BuildRequest, query: BuilderQuery, then: Callable[[BuildPlan, RunRecord], None] | None = None
) -> ExitCode:
    """Build and return the exit code. ``query``: begun before, so that the builder answers meanwhile.

    ``then``: what is done with the images of a run that did not stop, in place of its summary and the gate.
    Raises a GobakeError for what prevents the build, for targets that were left out, and for a gate that the run fails.
    """
    started = time.time()
    with ExitStack() as ends:
        scratch = ends.enter_context(scratch_folder())
        ends.enter_context(engine.nothing_left())
        ready = prepare(request, query, scratch)
        request = ready.plan.request  # with the tags that the commit fills in
        if request.dry_run:
            _print_dry_run(ready)
            return ExitCode.DONE
        ends.enter_context(guarded(os.environ, _group_of(request, ready)))
        _print_what_is_done(request, ready)
        if request.push and ready.plan.project.immutable:
            from gobake.run.tagging import require_free

            require_free(ready.plan)
        session = begin(request, ready, started, _import_what_comes_after)
        ends.callback(session.begun.end)
        query.begin_info()
        session.compile_outside()
        session.warm()
        baked = bake_what_can_be_built(session)
        if request.smoke and not baked.stopped:
            from gobake.run.smoke import smoke_then_push

            baked = smoke_then_push(session, baked)
        if request.push and not baked.stopped and not baked.withheld:
            from gobake.run.tagging import tag_images

            baked = tag_images(session, baked)
        from gobake.run.finish import finish

        finished = finish(session, baked, query)
    with guarded(os.environ):
        _print_what_was_done(request, session.ready, finished, summarised=then is None)
    _annotate(finished)
    if request.metadata_file and not finished.failed and not finished.withheld:
        write_json("--metadata-file", request.metadata_file, finished.metadata)
    if request.images_file and not finished.failed:
        from gobake.pushing.recorded import document

        write_json("--images-file", request.images_file, document(finished.record))
    if finished.failed:
        return finished.failed.error.exit_code
    if then:
        with guarded(os.environ):
            then(session.ready.plan, finished.record)
    if finished.error:
        raise finished.error
    if not then:
        with guarded(os.environ):
            judge(session.ready.plan, finished.record)
    return ExitCode.DONE


def _import_what_comes_after() -> None:
    import gobake.run.finish  # noqa: F401


def _print_dry_run(ready: PreparedBuild) -> None:
    from gobake.report.plan import print_plan

    print_plan(ready.plan, color=ready.plan.request.color, width=width_of_terminal(sys.stdout))
    show("\n".join(["", _modules_from(ready.access), f"would run  {ready.call.shown()}"]))
    if ready.plan.request.smoke:
        images = sum(len(target.platforms) for target in ready.plan.matrix.targets)
        show(f"would then start  {count_text(images, 'image')}")


def _print_what_is_done(request: BuildRequest, ready: PreparedBuild) -> None:
    if request.verbose:
        say(_modules_from(ready.access), err=True)
        show(flat(ready.call.shown()), err=True)
    for note in ready.plan.builder.notes:
        sayer(request)(f"warning: {note}")
    for note in ready.trust_notes:
        sayer(request)(f"note: {note}")


def _modules_from(access: Access) -> str:
    return f"modules   fetched {'with ' + ', '.join(access.sources) if access.sources else 'without credentials'}"


def _print_what_was_done(request: BuildRequest, ready: PreparedBuild, finished: Finished, *, summarised: bool) -> None:
    if request.quiet and not (finished.failed or finished.not_built):
        return
    from gobake.report.summary import print_failure, print_not_built, print_pushed, print_summary

    as_json = request.progress == "json"
    if not summarised:
        for note in () if finished.failed else finished.notes:
            say(f"note: {note}", err=True)
    elif not finished.failed and not request.quiet and not as_json:
        notes = [*finished.notes, *hints(ready, finished.record)]
        print_summary(finished.record, ready.plan.matrix.left_out, color=request.color, notes=notes)
        if request.push and not finished.withheld:
            print_pushed(finished.record, color=request.color)
    print_not_built(finished.not_built, as_json=as_json and not request.quiet, color=request.color)
    if finished.failed:
        for note in finished.notes:
            say(note, err=True)
        print_failure(finished.failed, color=request.color)  # the last thing on the screen


def _group_of(request: BuildRequest, ready: PreparedBuild) -> str:
    """Return the title under which a CI folds plain lines; "" if the display is another."""
    plain = request.progress == "plain" or (request.progress == "auto" and not sys.stderr.isatty())
    return f"gobake: {count_text(len(ready.plan.matrix.targets), 'target')}" if plain and not request.quiet else ""


def _annotate(finished: Finished) -> None:
    """Show errors at their lines, if the CI can."""
    words = [word for fault in finished.not_built for word in fault.words or (fault.reason,)]
    if finished.failed:
        words += [str(error) for error in finished.failed.go_errors] or [str(finished.failed.error)]
    annotate(words, os.environ, Path.cwd())


def judge(plan: BuildPlan, record: RunRecord) -> None:
    """Apply the gate, if there is one; images that were built and pushed stay. Raises GateFailed."""
    request = plan.request
    config = plan.opened.config.gate if plan.opened.config else GateConfig()
    if request.gate == config == GateConfig():
        return
    from gobake.insight.gate import gate_of
    from gobake.run.gate import judge_run

    gate = gate_of(config, request.gate, plan.caches.surroundings.branch or record.branch)
    known = {service.name for service in (*plan.project.services, *plan.project.left_out)}
    for name in sorted(config.services.keys() - known):
        sayer(request)(f"gate: not known: gate.services names {name}, and there is no such service")
    if gate.asks:
        judge_run(gate, record, plan.history, color=request.color, quiet=request.quiet)
