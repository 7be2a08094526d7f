"""From what a command was told to what buildx is told: builder, matrix, caches, recipe, secrets, the call.

What the files of a recipe say does not depend on one run, so that two runs do not disturb each other.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gobake import engine, recipe
from gobake.caching.layers.plan import Builders, LayerPlan, layer_caches
from gobake.caching.policy.choice import CacheSettings
from gobake.caching.policy.namespaces import namespace
from gobake.caching.policy.options import CacheOptions
from gobake.config.gate_values import GateConfig
from gobake.context import staging
from gobake.context.admitted import admitted
from gobake.credentials import Access, gather, offered
from gobake.credentials.hosts import of_project
from gobake.engine import BakeCall, Builder, BuilderQuery, EngineInfo, Usage
from gobake.errors import EmulationMissing, GobakeError, Unwritable
from gobake.files import atomic
from gobake.gotool import host as hostgo
from gobake.model import Project, Strategy, Target
from gobake.paths import cache_folder
from gobake.plan.discover import Opened, choose_caches, history_folder, open_project, versions_of
from gobake.plan.namesakes import namesakes
from gobake.plan.project import identity
from gobake.plan.request import Request
from gobake.plan.versions import Versions, linked, used
from gobake.proc import futures
from gobake.recipe.writing import recipe_folder, write_recipe
from gobake.run import prebuilt
from gobake.run.usage import begin_usage
from gobake.targets.matrix import Matrix, Selection, select
from gobake.text.say import say

if TYPE_CHECKING:  # what is needed when buildx runs is imported when it runs
    from gobake.caching.seeds.warm import Warming
    from gobake.caching.store.history import RemoteHistory
    from gobake.run.seeds import SeedSession
    from gobake.runs.journal import Journal
    from gobake.runs.record import RunRecord


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """Everything that a build command is told."""

    request: Request
    selection: Selection
    caches: CacheOptions = field(default_factory=CacheOptions)
    gate: GateConfig = field(default_factory=GateConfig)
    tag: str = "latest"
    push: bool = False
    load: bool = False
    no_cache: bool = False
    keep_going: bool = False  # what fails by itself is left out, and the rest is built
    stall_seconds: float = 0.0  # how long a download may stand still before the build is given up; 0 for ever
    dry_run: bool = False
    progress: str = "auto"
    verbose: bool = False
    quiet: bool = False
    color: str = "auto"
    command: tuple[str, ...] = ()


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


def prepare(asked: BuildRequest, questions: BuilderQuery, scratch: Path) -> PreparedBuild:
    """Engine and Go are asked at the same time; both take a tenth of a second, and so does an import."""
    if not questions.remembered:
        questions.begin_info()
    if not questions.plugin:
        threading.Thread(target=engine.warm_up, daemon=True).start()
    usage = futures.start(lambda: _cheap_usage(asked, questions))
    settings = futures.start(hostgo.module_settings)
    opened = open_project(asked.request)
    builder = questions.builder()
    if builder.keeps_images:
        questions.learn_plugin()
    info = questions.info() if builder.keeps_images else EngineInfo()
    caches = choose_caches(opened, asked.caches).settled(sessions_last=builder.sessions_last(info))
    opened = opened.within(namespace(caches, builder.driver, os.environ))
    project = opened.project
    matrix = select(project, asked.selection, (builder.native,))
    if questions.remembered and _stuck(matrix, builder):
        questions.ask_again()  # bad news is only believed when it is fresh
        builder = questions.builder()
    matrix = _runnable(asked, matrix, builder)
    host_go = opened.host_go if opened.trust.host_code else None
    if Strategy.PREBUILT in matrix.strategies and not host_go and not asked.selection.strategies:
        why = prebuilt.NO_GO if opened.trust.host_code else f"it is not compiled on this machine: {opened.trust.why}"
        matrix = prebuilt.without(project, matrix, prebuilt.missing(project, matrix), why)
    kept_here = builder.keeps_images or asked.load
    if kept_here and any(len(t.platforms) > 1 for t in matrix.targets) and not builder.holds_platforms:
        engine.require_image_store(questions.info())
    versions = versions_of(opened, asked.request, asked.tag)
    late = linked(matrix, versions)
    home = _cache_folder(identity(project))
    compiled_outside = home / "prebuilt"
    access, without = _access(asked, opened, matrix, home, scratch, settings.result)
    if Strategy.PREBUILT in matrix.strategies and not asked.dry_run:
        with access.redactor.errors():
            host = prebuilt.HostGo(
                go=host_go,
                is_trusted=opened.trust.host_code,
                layout=opened.tree.layout,
                access=access.host,
                values=versions.values,
            )
            prebuilt.stage(project, matrix, compiled_outside, host)
            prebuilt.check(project, matrix, compiled_outside)
    output = "type=image,push=true" if asked.push else "type=image"
    if asked.load and not builder.keeps_images:
        output = "type=docker"
    layers = layer_caches(project, matrix, caches, _builders(builder, questions), asked.tag)
    warming = None
    if not asked.dry_run and caches.store:
        from gobake.caching.layers import record as cache_run  # only where there is a cache store
        from gobake.caching.seeds import session

        layers = cache_run.begin(layers, caches)
        chosen = asked.request.builder
        warming = session.warming(project, opened.tree, matrix, caches, builder, chosen, home)
        if warming and session.is_edit(caches, opened.checkout) and _is_warm(warming, usage):
            layers = layers.without_imports()  # to look them up for many targets takes longer than to compile
    staged = _stage(asked, opened, matrix, home)
    folder = recipe_folder(home, project, matrix, f"{output} {staged.sources}", layers.targets)
    # no path of one run is in the files: the same project gives the same recipe, and two runs do not disturb each other
    places = recipe.Places(
        context=str(staged.sources),
        files=str(staged.files),
        exact=True,
        dockerfile=str(folder / recipe.DOCKERFILE),
        prebuilt=str(compiled_outside),
        output=output,
        project=str(project.root),
    )
    texts = recipe.render(project, matrix, opened.tree, places, layers.targets)
    write_recipe(folder, texts)
    # taken out of the environment: buildx would make a build argument of it
    epoch = os.environ.pop("SOURCE_DATE_EPOCH", "")
    variables = {
        "TAG": asked.tag,
        **used(matrix, versions),
        "PREFIX": project.prefix,
        "EPOCH": epoch if epoch.isdigit() else "0",
    }
    history = history_folder(opened, asked.request)
    care = None
    if caches.store and matrix.compiles and not asked.no_cache and not asked.dry_run:
        care = _care(
            asked,
            opened,
            matrix,
            caches,
            builder,
            home,
            texts.dockerfile,
            late,
            layers,
            usage.result(),
            warming,
            staged,
        )
    call = BakeCall(
        files=(folder / recipe.BAKE_FILE,),
        targets=_bake_targets(matrix, layers),
        builder=asked.request.builder,
        no_cache=asked.no_cache,
        metadata_file=scratch / "metadata.json",
        variables={**variables, "TRACE": str(scratch / "trace"), **access.variables},
        secrets=access.secrets,
        plugin=questions.plugin,
    )
    return PreparedBuild(
        opened=opened,
        builder=builder,
        matrix=matrix,
        caches=caches,
        layers=layers,
        usage=usage.result(),
        care=care,
        history=history,
        travel=None if asked.dry_run else _travel(caches, project, history),
        trace_folder=scratch / "trace",
        call=call,
        places=places,
        staged=staged,
        prebuilt=compiled_outside if Strategy.PREBUILT in matrix.strategies else None,
        variables=variables,
        versions=versions,
        access=access,
        namesakes=namesakes(project, matrix, asked.tag) if builder.keeps_images or asked.load else (),
        trust_notes=(*opened.trust.notes(), *([without] if without else ())),
    )


def _stage(asked: BuildRequest, opened: Opened, matrix: Matrix, home: Path) -> staging.Staged:
    """Copies of what the build reads, in a folder that no other run writes to while this one lives."""
    folder = home / "context"
    if asked.dry_run:
        return staging.nothing(folder)
    return staging.stage(admitted(opened.project, matrix, opened.tree), folder)


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


def _cheap_usage(asked: BuildRequest, questions: BuilderQuery) -> Future[Usage | None] | None:
    """What the builder keeps is asked as soon as it is known which one it is, where that costs next to nothing."""
    if asked.dry_run:
        return None
    try:
        builder = questions.builder()
    except GobakeError:  # said where it is asked for next
        return None
    return begin_usage(builder, asked.request.builder) if builder.on_socket else None


def _is_warm(warming: Warming, usage: Future[Future[Usage | None] | None]) -> bool:
    """Whether the builder is known to have what a seed would bring."""
    from gobake.caching.seeds.warm import cold  # only where there is a cache store

    question = usage.result()
    kept = question.result() if question else None
    return kept is not None and not cold(warming, kept.mounts)


def _care(
    asked: BuildRequest,
    opened: Opened,
    matrix: Matrix,
    caches: CacheSettings,
    builder: Builder,
    home: Path,
    dockerfile: str,
    late: str,
    layers: LayerPlan,
    usage: Future[Usage | None] | None,
    warming: Warming | None,
    staged: staging.Staged,
) -> SeedSession:
    from gobake.run.seeds import SeedSession  # only where there is a cache store

    compiled = layers.targets.get(recipe.TRACE)
    care = SeedSession(
        opened=opened,
        matrix=matrix,
        choice=caches,
        builder=builder,
        chosen=asked.request.builder,
        home=home,
        recipe=dockerfile,
        late=late,
        layers=compiled.imports if compiled else (),
        usage=usage,
        asked=warming,
        staged=staged,
    )
    care.begin()
    return care


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


def hints(asked: BuildRequest, ready: PreparedBuild, record: RunRecord) -> list[str]:
    """What to know of a run that went well; what images lack is said when a program is new, and not again and again."""
    found = [*ready.namesakes, *ready.versions.notes, *ready.caches.notes, *ready.layers.notes]
    if any(work.compiled for work in record.go):
        from gobake.needs import sources, telling

        needs = sources.service_needs(ready.opened.project, ready.opened.tree, ready.matrix, ready.history)
        found += telling.lacking(needs)
    if not ready.builder.keeps_images and not asked.load and not asked.push:
        found.append(f"the images stay in the cache of builder {ready.builder.name}; --push or --load brings them out")
    return found


def sayer(asked: BuildRequest) -> Callable[[str], None]:
    """Lines beside the progress; --quiet keeps to errors."""
    return lambda line: None if asked.quiet else say(line, err=True)


def _access(
    asked: BuildRequest, opened: Opened, matrix: Matrix, home: Path, scratch: Path, settings: Callable[[], str]
) -> tuple[Access, str]:
    """(what the build is given, what it is not for want of trust). A project that needs no modules but its own is given
    nothing."""
    if not recipe.downloads(matrix, opened.tree):
        return Access(), ""
    if opened.trust.credentials:
        return module_access(opened, home, scratch, settings), ""
    root = opened.project.root
    gifts = offered(root, os.environ, of_project(opened.tree.layout, settings()))
    if gifts and opened.trust.askable and not asked.dry_run:
        from gobake.trust import asking  # seldom needed

        if asking.asks() and asking.ask(root, opened.written, gifts):
            trusted = replace(opened, trust=replace(opened.trust, credentials=True))
            return module_access(trusted, home, scratch, settings), ""
    remedy = "; `gobake trust`, or --trust, gives it" if opened.trust.askable else ""
    note = f"the build is not given: {', '.join(gifts)} ({opened.trust.why}){remedy}" if gifts else ""
    return module_access(opened, home, scratch, settings), note


def module_access(
    opened: Opened, home: Path, scratch: Path, settings: Callable[[], str] = hostgo.module_settings
) -> Access:
    """How modules are reached. Raises ConfigError for what gobake.yaml names and is not there."""
    goenv = settings()
    return gather(
        opened.config,
        opened.project.root,
        goenv,
        kept=home / "trusted",
        scratch=scratch,
        environment=os.environ,
        hosts=of_project(opened.tree.layout, goenv) if opened.trust.credentials else None,
    )


def _runnable(asked: BuildRequest, matrix: Matrix, builder: Builder) -> Matrix:
    """Targets that run programs of a platform that no node can run: an error where asked for, else left out."""
    stuck = _stuck(matrix, builder)
    if not stuck:
        return matrix
    able = set(builder.platforms)
    lacking = ", ".join(sorted({str(p) for t in stuck for p in t.platforms if p not in able}))
    remedy = "run `docker run --privileged --rm tonistiigi/binfmt --install all`, or add a node of that architecture"
    chosen = [t for t in stuck if t.strategy is t.service.strategy or asked.selection.strategies]
    if chosen:
        raise EmulationMissing(
            f"{chosen[0].name} runs programs of {lacking}, and builder {builder.name} cannot", remedy=remedy
        )
    names = ", ".join(t.name for t in stuck)
    return matrix.without(stuck, f"{names}: builder {builder.name} cannot run programs of {lacking}; {remedy}")


def _stuck(matrix: Matrix, builder: Builder) -> list[Target]:
    able = set(builder.platforms)
    return [t for t in matrix.targets if t.runs_on_target and not set(t.platforms) <= able]


def _cache_folder(name: str) -> Path:
    folder = cache_folder() / name
    try:
        atomic.make_folder(folder)
    except OSError as error:
        raise Unwritable(
            f"{folder} cannot be made: {error.strerror}", remedy="set XDG_CACHE_HOME to a folder that you may write"
        ) from None
    return folder


def _builders(builder: Builder, questions: BuilderQuery) -> Builders:
    stores = not builder.keeps_images or builder.holds_platforms
    return Builders(
        several_nodes=len(builder.nodes) > 1,
        inside_docker=builder.keeps_images,
        exports=stores or questions.info().holds_platforms,
    )
