"""Prepares a planned build for buildx: binaries, copies of the sources, recipe files; starts to load seeds and history.

The plan decides what a build does. The recipe files do not depend on a single run, so concurrent runs do not conflict.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from gobake import engine, recipe
from gobake.context import staging
from gobake.context.admitted import admitted
from gobake.credentials import Access
from gobake.engine import BakeCall, BuilderQuery, Usage
from gobake.errors import GobakeError, Unwritable
from gobake.files import atomic
from gobake.gotool import host
from gobake.plan import build_plan
from gobake.plan.build_plan import PUSH, BuildPlan, make_plan
from gobake.plan.builder import PlannedBuilder, answered
from gobake.plan.discover import Opened, open_project
from gobake.plan.namesakes import namesakes
from gobake.plan.request import BuildRequest
from gobake.proc import futures
from gobake.recipe.writing import recipe_folder, write_recipe
from gobake.run.modules import access_of
from gobake.run.usage import begin_usage
from gobake.targets.matrix import Matrix

if TYPE_CHECKING:  # imported while buildx runs
    from gobake.caching.seeds.warm import Warming
    from gobake.caching.store.history import RemoteHistory
    from gobake.run.seeds import SeedSession
    from gobake.runs.journal import Journal
    from gobake.runs.record import HostCompileRecord, RunRecord
    from gobake.trace.hostwork import HostWork


class PreparedBuild(Struct, frozen=True, kw_only=True, dict=True):
    """A plan, and all that is ready when the build begins."""

    plan: BuildPlan
    usage: Future[Usage | None] | None  # the builder's content, if requested already
    care: SeedSession | None  # None: no seeds to restore or save
    travel: RemoteHistory | None  # None: no history in a cache store
    trace_folder: Path
    call: BakeCall
    places: recipe.Places
    staged: staging.Staged  # the copies that are built
    access: Access
    namesakes: Future[tuple[str, ...]]  # notes about other projects' images whose names the build takes
    trust_notes: tuple[str, ...] = ()  # what the tree says or would get, but is not trusted for

    @property
    def prebuilt(self) -> Path | None:
        """The folder of binaries compiled outside; None if unused."""
        return self.plan.binaries if self.plan.uses_binaries else None

    @cached_property
    def journal(self) -> Journal:
        from gobake.runs.journal import Journal

        return Journal(self.plan.history)

    def open_journal(self) -> None:
        """Open the journal now, because that takes a tenth of a second."""
        _ = self.journal


def prepare(request: BuildRequest, query: BuilderQuery, scratch: Path) -> PreparedBuild:
    """Prepare a build. Engine and Go are queried in parallel, because each takes a tenth of a second.

    ``scratch``: a folder that is deleted at the end of the run.
    """
    _begin_questions(query)
    usage = futures.start(lambda: _cheap_usage(request, query))
    settings = futures.start(host.module_settings)
    plan = _planned(request, query)
    takes = futures.start(lambda: namesakes(plan.project, plan.matrix, plan.request.tag) if plan.keeps_images else ())
    access, without = access_of(plan, scratch, settings.result)
    plan, warming = _with_caches(plan, usage)
    staged = _stage(plan)
    places, texts = _write(plan, staged)
    return PreparedBuild(
        plan=plan,
        usage=usage.result(),
        care=_seed_session(plan, texts.dockerfile, staged, usage.result(), warming),
        travel=_travel(plan),
        trace_folder=scratch / "trace",
        call=BakeCall(
            files=(Path(places.dockerfile).with_name(recipe.BAKE_FILE),),
            targets=plan.bake_targets,
            builder=plan.builder.name,
            no_cache=request.no_cache,
            metadata_file=scratch / "metadata.json",
            variables={**plan.variables, "TRACE": str(scratch / "trace"), **access.variables},
            secrets=access.secrets,
            plugin=query.plugin,
        ),
        places=places,
        staged=staged,
        access=access,
        namesakes=takes,
        trust_notes=(*plan.opened.trust.notes(), *([without] if without else ())),
    )


def _begin_questions(query: BuilderQuery) -> None:
    threading.Thread(target=engine.warm_up, daemon=True).start()
    if not query.remembered:
        query.begin_info()


# ---- the plan


def _planned(request: BuildRequest, query: BuilderQuery) -> BuildPlan:
    """Make the plan, and its folder in the cache. Raises Unwritable."""
    opened = open_project(request.project)
    plan = make_plan(request, opened, _builder(request, opened, query), os.environ)
    if plan.needs_image_store:
        engine.require_image_store(query.info())
    try:
        atomic.make_folder(plan.home)
    except OSError as error:
        raise Unwritable(
            f"{plan.home} cannot be made: {error.strerror}", remedy="set XDG_CACHE_HOME to a folder that you may write"
        ) from None
    return plan


def _builder(request: BuildRequest, opened: Opened, query: BuilderQuery) -> PlannedBuilder:
    found = answered(query)
    if query.remembered and build_plan.stuck(request, opened, found):
        query.ask_again()  # check bad news again before believing it
        found = answered(query)
    return found


def _with_caches(plan: BuildPlan, usage: Future[Future[Usage | None] | None]) -> tuple[BuildPlan, Warming | None]:
    """Return (the plan with the layer caches that are available now, what would warm the builder)."""
    caches = plan.caches
    if plan.request.dry_run or not caches.store:
        return plan, None
    from gobake.caching.layers import record as cache_run  # only with a cache store
    from gobake.caching.seeds import session
    from gobake.plan import seeds

    layers = cache_run.begin(plan.layers, caches)
    warming = seeds.warming(plan.opened, plan.matrix, caches, plan.builder, plan.home)
    if warming and session.is_edit(caches, plan.opened.checkout) and _is_warm(warming, usage):
        layers = layers.without_imports()  # looking them up for many targets takes longer than compiling
    return plan.with_layers(layers), warming


# ---- what lies ready


def compile_outside(ready: PreparedBuild, tell: Callable[[HostWork], None]) -> tuple[HostCompileRecord, ...]:
    """Provide the binaries that are compiled before the build; return what was compiled, with times since the epoch.

    ``tell``: takes what is compiled at the moment.
    """
    from gobake.run import prebuilt
    from gobake.run.host_compile import HostGo

    plan, access = ready.plan, ready.access
    with access.redactor.errors():
        compiler = HostGo(
            go=plan.host_go,
            is_trusted=plan.opened.trust.host_code,
            layout=plan.opened.tree.layout,
            access=access.host,
            values=plan.versions.values,
        )
        done = prebuilt.stage(plan.project, plan.matrix, plan.binaries, compiler, tell)
        prebuilt.check(plan.project, plan.matrix, plan.binaries)
    return done


def _stage(plan: BuildPlan) -> staging.Staged:
    """Copy what the build reads to a folder that no other live run writes to."""
    folder = plan.home / "context"
    if plan.request.dry_run:
        return staging.nothing(folder)
    return staging.stage(admitted(plan.project, plan.matrix, plan.opened.tree), folder)


def _write(plan: BuildPlan, staged: staging.Staged) -> tuple[recipe.Places, recipe.Recipe]:
    places = _placed(
        plan,
        recipe.Places(
            context=str(staged.sources),
            files=str(staged.files),
            exact=True,
            dockerfile="",
            prebuilt=str(plan.binaries),
            output=plan.output,
            by_digest=plan.pushes_by_digest and plan.output == PUSH,
            project=str(plan.project.root),
        ),
    )
    texts = plan.recipe(places)
    write_recipe(Path(places.dockerfile).parent, texts)
    return places, texts


def _placed(plan: BuildPlan, places: recipe.Places) -> recipe.Places:
    """Add the folder of the plan's recipe."""
    where = f"{places.output} {places.by_digest} {places.context}"
    folder = recipe_folder(plan.home, plan.project, plan.matrix, where, plan.layers.targets)
    return replace(places, dockerfile=str(folder / recipe.DOCKERFILE))


def narrowed(ready: PreparedBuild, matrix: Matrix) -> PreparedBuild:
    """Return the same build with fewer targets."""
    plan = ready.plan.narrowed(matrix)
    places = _placed(plan, ready.places)
    folder = Path(places.dockerfile).parent
    write_recipe(folder, plan.recipe(places))
    call = replace(ready.call, files=(folder / recipe.BAKE_FILE,), targets=plan.bake_targets)
    return replace(ready, plan=plan, places=places, call=call)


def pushing(ready: PreparedBuild) -> PreparedBuild:
    """Return the same build with a push of its images, and nothing else."""
    places = _placed(ready.plan, replace(ready.places, output=PUSH, by_digest=ready.plan.pushes_by_digest))
    folder = Path(places.dockerfile).parent
    write_recipe(folder, ready.plan.recipe(places))
    targets = tuple(target.name for target in ready.plan.matrix.targets)
    # --no-cache would build anew instead of pushing what is there
    call = replace(ready.call, files=(folder / recipe.BAKE_FILE,), targets=targets, no_cache=False)
    return replace(ready, places=places, call=call)


# ---- what goes on beside


def _cheap_usage(request: BuildRequest, query: BuilderQuery) -> Future[Usage | None] | None:
    """Ask what the builder keeps as soon as it is known, if that is cheap."""
    if request.dry_run:
        return None
    try:
        builder = query.builder()
    except GobakeError:  # reported where it is asked for next
        return None
    if not builder.on_socket:
        return None
    return begin_usage(PlannedBuilder(answer=builder, name=request.project.builder))


def _is_warm(warming: Warming, usage: Future[Future[Usage | None] | None]) -> bool:
    """Whether the builder is known to have what a seed would bring."""
    from gobake.caching.seeds.warm import cold  # only with a cache store

    question = usage.result()
    kept = question.result() if question else None
    return kept is not None and not cold(warming, kept.mounts)


def _seed_session(
    plan: BuildPlan,
    dockerfile: str,
    staged: staging.Staged,
    usage: Future[Usage | None] | None,
    warming: Warming | None,
) -> SeedSession | None:
    """Return None without a store, or if nothing is compiled with a cache."""
    request = plan.request
    if not plan.caches.store or not plan.matrix.compiles or request.no_cache or request.dry_run:
        return None
    from gobake.run.seeds import SeedSession  # only with a cache store

    session = SeedSession(plan=plan, recipe=dockerfile, usage=usage, asked=warming, staged=staged)
    session.begin()
    return session


def _travel(plan: BuildPlan) -> RemoteHistory | None:
    """Start to load what the cache store has of other runs."""
    if plan.caches.store is None or plan.request.dry_run:
        return None
    from gobake.caching.store.history import travel

    found = travel(plan.caches, plan.project.name)
    if found:
        found.begin(lambda: _known(plan.history))
    return found


def _known(history: Path) -> frozenset[str]:
    """Return the ids of the local runs."""
    from gobake.runs.store import RunStore

    try:
        with RunStore(history, writes=False) as store:
            return frozenset(store.ids())
    except Unwritable:
        return frozenset()


def hints(ready: PreparedBuild, record: RunRecord) -> list[str]:
    """Return notes about a successful run; what images lack is only mentioned for new programs, not each time."""
    plan = ready.plan
    found = [*ready.namesakes.result(), *plan.versions.notes, *plan.caches.notes, *plan.layers.notes]
    if any(work.compiled for work in record.go):
        from gobake.needs import sources, telling

        needs = sources.service_needs(plan.project, plan.opened.tree, plan.matrix, plan.history)
        found += telling.lacking(needs)
    if not plan.keeps_images and not plan.request.push:
        name = plan.builder.answer.name
        found.append(f"the images stay in the cache of builder {name}; --push or --load brings them out")
    return found
