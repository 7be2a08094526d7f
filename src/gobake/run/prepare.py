"""From what a command was told to what buildx is told: builder, matrix, caches, recipe, secrets, the call.

What the files of a recipe say does not depend on one run, so that two runs do not disturb each other.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gobake import recipe
from gobake.caching.layers.plan import Builders, LayerPlan, layer_caches
from gobake.caching.policy.choice import CacheSettings
from gobake.context import staging
from gobake.context.admitted import admitted
from gobake.credentials import Access
from gobake.engine import BakeCall, Builder, BuilderQuery, Usage
from gobake.errors import GobakeError, Unwritable
from gobake.gotool import host
from gobake.model import Project, Strategy
from gobake.plan.discover import Opened, history_folder
from gobake.plan.namesakes import namesakes
from gobake.plan.versions import Versions, linked, used
from gobake.proc import futures
from gobake.recipe.writing import recipe_folder, write_recipe
from gobake.run import prebuilt
from gobake.run.choose import Chosen, begin_questions, choose
from gobake.run.modules import access_of
from gobake.run.request import BuildRequest
from gobake.run.usage import begin_usage
from gobake.targets.matrix import Matrix

if TYPE_CHECKING:  # what is needed when buildx runs is imported when it runs
    from gobake.caching.seeds.warm import Warming
    from gobake.caching.store.history import RemoteHistory
    from gobake.run.seeds import SeedSession
    from gobake.runs.journal import Journal
    from gobake.runs.record import RunRecord


@dataclass(frozen=True, kw_only=True)
class PreparedBuild:
    """What is known when the build may begin."""

    opened: Opened
    builder: Builder
    matrix: Matrix
    caches: CacheSettings
    layers: LayerPlan
    usage: Future[Usage | None] | None  # what the builder keeps, where that was asked already
    care: SeedSession | None  # None: there are no seeds to restore or to save
    history: Path  # where the records of earlier runs are
    travel: RemoteHistory | None  # None: no history lies in a cache store
    trace_folder: Path
    call: BakeCall
    places: recipe.Places
    staged: staging.Staged  # the copies that are built from
    prebuilt: Path | None  # binaries compiled outside
    variables: Mapping[str, str]  # of the bake file, without those of `access`, which may be secret
    versions: Versions
    access: Access
    namesakes: tuple[str, ...]  # notes about images of other projects whose names the build takes
    trust_notes: tuple[str, ...] = ()  # what the tree says or would be given, and for want of trust does not

    @cached_property
    def journal(self) -> Journal:
        from gobake.runs.journal import Journal

        return Journal(self.history)

    def open_journal(self) -> None:
        """Now, since it takes a tenth of a second."""
        _ = self.journal


def prepare(request: BuildRequest, query: BuilderQuery, scratch: Path) -> PreparedBuild:
    """Engine and Go are asked at the same time: either takes a tenth of a second. ``scratch``: a folder that goes with
    this run."""
    begin_questions(query)
    usage = futures.start(lambda: _cheap_usage(request, query))
    settings = futures.start(host.module_settings)
    chosen = choose(request, query)
    access, without = access_of(request, chosen, scratch, settings.result)
    _compile_outside(request, chosen, access)
    layers, warming = _layers(request, chosen, _builders(chosen.builder, query), usage)
    staged = _stage(request, chosen)
    written = _write(request, chosen, layers, staged)
    variables = _variables(request, chosen)
    history = history_folder(chosen.opened, request.project)
    names = namesakes(chosen.opened.project, chosen.matrix, request.tag) if chosen.keeps(request) else ()
    return PreparedBuild(
        opened=chosen.opened,
        builder=chosen.builder,
        matrix=chosen.matrix,
        caches=chosen.caches,
        layers=layers,
        usage=usage.result(),
        care=_seed_session(request, chosen, layers, written, usage.result(), warming),
        history=history,
        travel=None if request.dry_run else _travel(chosen.caches, chosen.opened.project, history),
        trace_folder=scratch / "trace",
        call=BakeCall(
            files=(written.folder / recipe.BAKE_FILE,),
            targets=_bake_targets(chosen.matrix, layers),
            builder=request.project.builder,
            no_cache=request.no_cache,
            metadata_file=scratch / "metadata.json",
            variables={**variables, "TRACE": str(scratch / "trace"), **access.variables},
            secrets=access.secrets,
            plugin=query.plugin,
        ),
        places=written.places,
        staged=staged,
        prebuilt=chosen.binaries if Strategy.PREBUILT in chosen.matrix.strategies else None,
        variables=variables,
        versions=chosen.versions,
        access=access,
        namesakes=names,
        trust_notes=(*chosen.opened.trust.notes(), *([without] if without else ())),
    )


def _compile_outside(request: BuildRequest, chosen: Chosen, access: Access) -> None:
    """The binaries that are compiled before the build are there from now on."""
    if Strategy.PREBUILT in chosen.matrix.strategies and not request.dry_run:
        with access.redactor.errors():
            compiler = prebuilt.HostGo(
                go=chosen.host_go,
                is_trusted=chosen.opened.trust.host_code,
                layout=chosen.opened.tree.layout,
                access=access.host,
                values=chosen.versions.values,
            )
            prebuilt.stage(chosen.opened.project, chosen.matrix, chosen.binaries, compiler)
            prebuilt.check(chosen.opened.project, chosen.matrix, chosen.binaries)


def _layers(
    request: BuildRequest, chosen: Chosen, builders: Builders, usage: Future[Future[Usage | None] | None]
) -> tuple[LayerPlan, Warming | None]:
    """(the layer caches of every target, what would warm the builder)."""
    opened, caches = chosen.opened, chosen.caches
    layers = layer_caches(opened.project, chosen.matrix, caches, builders, request.tag)
    if request.dry_run or not caches.store:
        return layers, None
    from gobake.caching.layers import record as cache_run  # only where there is a cache store
    from gobake.caching.seeds import session

    layers = cache_run.begin(layers, caches)
    warming = session.warming(
        opened.project, opened.tree, chosen.matrix, caches, chosen.builder, request.project.builder, chosen.home
    )
    if warming and session.is_edit(caches, opened.checkout) and _is_warm(warming, usage):
        layers = layers.without_imports()  # to look them up for many targets takes longer than to compile
    return layers, warming


# ---- the recipe


@dataclass(frozen=True, kw_only=True)
class _Written:
    """A recipe that lies in the cache folder."""

    folder: Path
    places: recipe.Places
    dockerfile: str
    staged: staging.Staged


def _write(request: BuildRequest, chosen: Chosen, layers: LayerPlan, staged: staging.Staged) -> _Written:
    """No path of one run is in the files: the same project gives the same recipe, and two runs do not disturb each
    other."""
    project, matrix = chosen.opened.project, chosen.matrix
    output = "type=image,push=true" if request.push else "type=image"
    if request.load and not chosen.builder.keeps_images:
        output = "type=docker"
    folder = recipe_folder(chosen.home, project, matrix, f"{output} {staged.sources}", layers.targets)
    places = recipe.Places(
        context=str(staged.sources),
        files=str(staged.files),
        exact=True,
        dockerfile=str(folder / recipe.DOCKERFILE),
        prebuilt=str(chosen.binaries),
        output=output,
        project=str(project.root),
    )
    texts = recipe.render(project, matrix, chosen.opened.tree, places, layers.targets)
    write_recipe(folder, texts)
    return _Written(folder=folder, places=places, dockerfile=texts.dockerfile, staged=staged)


def _variables(request: BuildRequest, chosen: Chosen) -> dict[str, str]:
    """Of the bake file. SOURCE_DATE_EPOCH is taken out of the environment: buildx would make a build argument of it."""
    epoch = os.environ.pop("SOURCE_DATE_EPOCH", "")
    return {
        "TAG": request.tag,
        **used(chosen.matrix, chosen.versions),
        "PREFIX": chosen.opened.project.prefix,
        "EPOCH": epoch if epoch.isdigit() else "0",
    }


def _stage(request: BuildRequest, chosen: Chosen) -> staging.Staged:
    """Copies of what the build reads, in a folder that no other run writes to while this one lives."""
    folder = chosen.home / "context"
    if request.dry_run:
        return staging.nothing(folder)
    return staging.stage(admitted(chosen.opened.project, chosen.matrix, chosen.opened.tree), folder)


def _bake_targets(matrix: Matrix, layers: LayerPlan) -> tuple[str, ...]:
    return (*(t.name for t in matrix.targets), *((recipe.TRACE,) if matrix.compiles else ()), *layers.exporters)


def narrowed(ready: PreparedBuild, matrix: Matrix) -> PreparedBuild:
    """The same build of fewer targets."""
    project = ready.opened.project
    names = {recipe.TRACE, *(target.name for target in matrix.targets)}
    layers = replace(ready.layers, targets={n: cache for n, cache in ready.layers.targets.items() if n in names})
    home, where = Path(ready.places.dockerfile).parents[2], f"{ready.places.output} {ready.places.context}"
    folder = recipe_folder(home, project, matrix, where, layers.targets)
    places = replace(ready.places, dockerfile=str(folder / recipe.DOCKERFILE))
    write_recipe(folder, recipe.render(project, matrix, ready.opened.tree, places, layers.targets))
    call = replace(ready.call, files=(folder / recipe.BAKE_FILE,), targets=_bake_targets(matrix, layers))
    return replace(ready, matrix=matrix, layers=layers, places=places, call=call)


def _cheap_usage(request: BuildRequest, query: BuilderQuery) -> Future[Usage | None] | None:
    """What the builder keeps is asked as soon as it is known which one it is, where that costs next to nothing."""
    if request.dry_run:
        return None
    try:
        builder = query.builder()
    except GobakeError:  # said where it is asked for next
        return None
    return begin_usage(builder, request.project.builder) if builder.on_socket else None


def _is_warm(warming: Warming, usage: Future[Future[Usage | None] | None]) -> bool:
    """Whether the builder is known to have what a seed would bring."""
    from gobake.caching.seeds.warm import cold  # only where there is a cache store

    question = usage.result()
    kept = question.result() if question else None
    return kept is not None and not cold(warming, kept.mounts)


def _seed_session(
    request: BuildRequest,
    chosen: Chosen,
    layers: LayerPlan,
    written: _Written,
    usage: Future[Usage | None] | None,
    warming: Warming | None,
) -> SeedSession | None:
    """None where there is no store, or where nothing is compiled with a cache."""
    caches, matrix = chosen.caches, chosen.matrix
    if not caches.store or not matrix.compiles or request.no_cache or request.dry_run:
        return None
    from gobake.run.seeds import SeedSession  # only where there is a cache store

    compiled = layers.targets.get(recipe.TRACE)
    session = SeedSession(
        opened=chosen.opened,
        matrix=matrix,
        choice=caches,
        builder=chosen.builder,
        chosen=request.project.builder,
        home=chosen.home,
        recipe=written.dockerfile,
        late=linked(matrix, chosen.versions),
        layers=compiled.imports if compiled else (),
        usage=usage,
        asked=warming,
        staged=written.staged,
    )
    session.begin()
    return session


def _travel(caches: CacheSettings, project: Project, history: Path) -> RemoteHistory | None:
    """What the cache store has of other runs is on its way from now on."""
    if caches.store is None:
        return None
    from gobake.caching.store.history import travel

    found = travel(caches, project.name)
    if found:
        found.begin(lambda: _known(history))
    return found


def _known(history: Path) -> frozenset[str]:
    """The runs that are here already."""
    from gobake.runs.store import RunStore

    try:
        with RunStore(history, writes=False) as store:
            return frozenset(store.ids())
    except Unwritable:
        return frozenset()


def hints(request: BuildRequest, ready: PreparedBuild, record: RunRecord) -> list[str]:
    """What to know of a run that went well; what images lack is said when a program is new, and not again and again."""
    found = [*ready.namesakes, *ready.versions.notes, *ready.caches.notes, *ready.layers.notes]
    if any(work.compiled for work in record.go):
        from gobake.needs import sources, telling

        needs = sources.service_needs(ready.opened.project, ready.opened.tree, ready.matrix, ready.history)
        found += telling.lacking(needs)
    if not ready.builder.keeps_images and not request.load and not request.push:
        found.append(f"the images stay in the cache of builder {ready.builder.name}; --push or --load brings them out")
    return found


def _builders(builder: Builder, query: BuilderQuery) -> Builders:
    stores = not builder.keeps_images or builder.holds_platforms
    return Builders(
        several_nodes=len(builder.nodes) > 1,
        inside_docker=builder.keeps_images,
        exports=stores or query.info().holds_platforms,
    )
