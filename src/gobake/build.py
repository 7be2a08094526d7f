"""The story of one run, top to bottom: open, select, render, bake, read what happened, keep a record, tell.

Everything that decides lives elsewhere; this module puts the stations in order and owns Ctrl-C.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import platformdirs

from gobake import __version__, engine, golang, outcome, prebuilt, recipe
from gobake.caching import Builders, CacheChoice, CacheWish, LayerPlan, layer_caches
from gobake.caching import run as cache_run
from gobake.engine import Bake, BakeCall, Builder, Questions
from gobake.errors import EmulationMissing, ExitCode, Unwritable
from gobake.matrix import Matrix, Selection, select
from gobake.model import Project, Strategy
from gobake.opening import Opened, Request, choose_caches, open_project
from gobake.planning import as_text, image_names, make_plan
from gobake.project import identity
from gobake.report.progress import make_progress
from gobake.report.summary import print_failure, print_summary
from gobake.runs.record import RunRecord, SizeRecord, new_id
from gobake.runs.store import RunStore, default_folder
from gobake.trace.caches import cache_transfers
from gobake.trace.events import EventLog
from gobake.trace.steps import steps

_KEEP_RECIPES_SECONDS = 14 * 24 * 3600


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Everything that a build command is told."""

    request: Request
    selection: Selection
    caches: CacheWish = field(default_factory=CacheWish)
    tag: str = "latest"
    push: bool = False
    load: bool = False
    no_cache: bool = False
    dry_run: bool = False
    progress: str = "auto"
    verbose: bool = False
    quiet: bool = False
    color: str = "auto"
    command: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Ready:
    """What is known when the build may begin."""

    opened: Opened
    builder: Builder
    matrix: Matrix
    caches: CacheChoice
    layers: LayerPlan
    trace_folder: Path
    call: BakeCall


def run(asked: Asked, questions: Questions) -> ExitCode:
    """Build; the questions were asked already. Returns the exit code; raises a GobakeError for what stops it before
    buildx begins."""
    started = time.time()
    with tempfile.TemporaryDirectory(prefix="gobake-") as scratch:
        ready = _prepare(asked, questions, Path(scratch))
        if asked.dry_run:
            _print_dry_run(asked, ready)
            return ExitCode.DONE
        if asked.verbose:
            print(ready.call.shown(), file=sys.stderr)
        questions.begin_info()
        baked = _bake(asked, ready)
        seen = steps(baked.log)
        stopped = baked.failed or baked.interrupted
        told = (
            outcome.judge(ready.opened, ready.matrix, seen, baked.log, interrupted=baked.interrupted)
            if stopped
            else None
        )
        metadata = outcome.read_metadata(ready.call.metadata_file)
        sizes = {} if stopped else _sizes(asked, ready, metadata)
        record = RunRecord(
            id=new_id(started),
            started=started,
            seconds=time.time() - started,
            command=asked.command,
            outcome="interrupted" if baked.interrupted else "failed" if stopped else "done",
            targets=outcome.results(ready.opened.project, ready.matrix, asked.tag, metadata, seen, sizes=sizes),
            failure=str(told.error) if told else "",
            gobake=__version__,
            cache_policy=ready.caches.policy.name,
            cache_store=ready.caches.store.shown if ready.caches.store else "",
            caches=cache_run.end(cache_transfers(baked.log), ready.layers, ready.caches, started),
            **outcome.facts(ready.opened, ready.builder, questions.info()),
            **outcome.evidence(seen, ready.trace_folder, started, ready.matrix),
        )
        noted = [*cache_run.cache_notes(record), *_keep(ready, record, baked.lines)]
    if told is not None:
        print_failure(told, color=asked.color)
        for note in noted:
            print(note, file=sys.stderr)
        return told.error.exit_code
    if not asked.quiet and asked.progress != "json":
        print_summary(record, ready.matrix.left_out, color=asked.color, notes=noted + _hints(asked, ready))
    return ExitCode.DONE


# ---- before


def _prepare(asked: Asked, questions: Questions, scratch: Path) -> _Ready:
    """Engine and Go are asked at the same time; both take a tenth of a second, and so does an import."""
    threading.Thread(target=engine.warm_up, daemon=True).start()
    opened = open_project(asked.request)
    builder = questions.builder()
    project = opened.project
    matrix = select(project, asked.selection, (builder.native,))
    matrix = _runnable(asked, matrix, builder)
    if Strategy.PREBUILT in matrix.strategies and not opened.host_go and not asked.selection.strategies:
        matrix = prebuilt.without(project, matrix, prebuilt.missing(project, matrix))
    kept_here = builder.keeps_images or asked.load
    if kept_here and any(len(t.platforms) > 1 for t in matrix.targets) and not builder.holds_platforms:
        engine.require_image_store(questions.info())
    home = _cache_folder(identity(project))
    staged = home / "prebuilt"
    if Strategy.PREBUILT in matrix.strategies and not asked.dry_run:
        prebuilt.stage(project, matrix, staged, opened.host_go)
    output = "type=image,push=true" if asked.push else "type=image"
    if asked.load and not builder.keeps_images:
        output = "type=docker"
    caches = choose_caches(opened, asked.caches)
    layers = layer_caches(project, matrix, caches, _builders(builder, questions), asked.tag)
    if not asked.dry_run:
        layers = cache_run.begin(layers, caches)
    folder = _recipe_folder(home, project, matrix, output, layers)
    # no path of one run is in the files: the same project gives the same recipe, and two runs do not disturb each other
    places = recipe.Places(
        context=str(project.context), dockerfile=str(folder / recipe.DOCKERFILE), prebuilt=str(staged), output=output
    )
    _write_recipe(folder, recipe.render(project, matrix, opened.tree, places, layers.targets))
    targets = tuple(t.name for t in matrix.targets)
    checkout = opened.checkout
    # taken out of the environment: buildx would make a build argument of it
    epoch = os.environ.pop("SOURCE_DATE_EPOCH", "")
    variables = {
        "TAG": asked.tag,
        "VERSION": checkout.description or asked.tag,
        "REVISION": checkout.revision,
        "CREATED": checkout.commit_date,
        "PREFIX": project.prefix,
        "EPOCH": epoch if epoch.isdigit() else "0",
        "TRACE": str(scratch / "trace"),
    }
    call = BakeCall(
        files=(folder / recipe.BAKE_FILE,),
        targets=(*targets, *((recipe.TRACE,) if matrix.compiles else ()), *layers.exporters),
        builder=asked.request.builder,
        no_cache=asked.no_cache,
        metadata_file=scratch / "metadata.json",
        variables=variables,
        secrets={recipe.GOENV_VARIABLE: golang.module_settings(opened.host_go)},
    )
    return _Ready(
        opened=opened,
        builder=builder,
        matrix=matrix,
        caches=caches,
        layers=layers,
        trace_folder=scratch / "trace",
        call=call,
    )


def _runnable(asked: Asked, matrix: Matrix, builder: Builder) -> Matrix:
    """Targets that run programs of a platform that no node can run: an error where asked for, else left out."""
    able = set(builder.platforms)
    stuck = [t for t in matrix.targets if t.runs_on_target and not set(t.platforms) <= able]
    if not stuck:
        return matrix
    lacking = ", ".join(sorted({str(p) for t in stuck for p in t.platforms if p not in able}))
    remedy = "run `docker run --privileged --rm tonistiigi/binfmt --install all`, or add a node of that architecture"
    chosen = [t for t in stuck if t.strategy is t.service.strategy or asked.selection.strategies]
    if chosen:
        raise EmulationMissing(
            f"{chosen[0].name} runs programs of {lacking}, and builder {builder.name} cannot", remedy=remedy
        )
    names = ", ".join(t.name for t in stuck)
    return matrix.without(stuck, f"{names}: builder {builder.name} cannot run programs of {lacking}; {remedy}")


def _cache_folder(name: str) -> Path:
    folder = Path(platformdirs.user_cache_dir("gobake")) / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unwritable(
            f"{folder} cannot be made: {error.strerror}", remedy="set XDG_CACHE_HOME to a folder that you may write"
        ) from None
    return folder


def _builders(builder: Builder, questions: Questions) -> Builders:
    stores = not builder.keeps_images or builder.holds_platforms
    return Builders(
        several_nodes=len(builder.nodes) > 1,
        inside_docker=builder.keeps_images,
        exports=stores or questions.info().holds_platforms,
    )


def _recipe_folder(home: Path, project: Project, matrix: Matrix, output: str, layers: LayerPlan) -> Path:
    mark = hashlib.sha256(repr((project, matrix.targets, output, layers.targets, __version__)).encode()).hexdigest()[
        :16
    ]
    return home / "recipes" / mark


def _write_recipe(folder: Path, texts: recipe.Recipe) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / recipe.DOCKERFILE, texts.dockerfile)
        _write(folder / recipe.IGNORE_FILE, texts.ignore)
        _write(folder / recipe.BAKE_FILE, texts.bake)
        os.utime(folder)
        _forget_old(folder.parent)
    except OSError as error:
        raise Unwritable(f"{folder} cannot be written: {error.strerror}", remedy="is the disk full?") from None


def _write(file: Path, text: str) -> None:
    """Written aside and renamed: another run of the same project may read it at this moment."""
    part = file.with_name(f".{file.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(file)


def _forget_old(folder: Path) -> None:
    for old in folder.iterdir():
        if old.stat().st_mtime < time.time() - _KEEP_RECIPES_SECONDS:
            shutil.rmtree(old, ignore_errors=True)


def _print_dry_run(asked: Asked, ready: _Ready) -> None:
    print(as_text(make_plan(ready.opened, ready.matrix, asked.tag, ready.caches, ready.layers)))
    print("\nwould run  " + ready.call.shown())


# ---- the build


@dataclass(frozen=True, kw_only=True)
class _Baked:
    """What buildx left."""

    log: EventLog
    lines: list[str]
    failed: bool
    interrupted: bool


def _bake(asked: Asked, ready: _Ready) -> _Baked:
    """Run buildx to its end, or until Ctrl-C ended it; once more where the engine lost a snapshot while unpacking."""
    baked = _bake_once(asked, ready)
    if baked.failed and not baked.interrupted and outcome.lost_a_snapshot(baked.log):
        print("the engine lost a snapshot while it unpacked an image; building again", file=sys.stderr)
        return _bake_once(asked, ready)
    return baked


def _bake_once(asked: Asked, ready: _Ready) -> _Baked:
    log, lines, bake = EventLog(), [], Bake(ready.call)
    kind = "quiet" if asked.quiet else asked.progress
    stream = sys.stdout if asked.progress == "json" else sys.stderr
    progress = make_progress(kind, ready.matrix.targets, stream, asked.color)
    with _interruptible(bake) as interrupted, progress:
        for line in bake:
            lines.append(line)
            progress.update(log.feed(line if line.endswith("\n") else line + "\n"))
    return _Baked(log=log, lines=lines, failed=bake.failed, interrupted=interrupted())


@contextmanager
def _interruptible(bake: Bake) -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C cancels the build in the engine, the second ends gobake at once."""
    pressed: list[float] = []

    def stop(_number: int, _frame: FrameType | None) -> None:
        pressed.append(time.monotonic())
        # a terminal's Ctrl-C reaches buildx too, and this handler twice at most within a moment
        if len(pressed) > 1 and pressed[-1] - pressed[0] > 0.3:
            bake.kill()
            os._exit(ExitCode.INTERRUPTED)
        bake.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(pressed)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# ---- after


def _sizes(asked: Asked, ready: _Ready, metadata: Mapping[str, Any]) -> dict[str, tuple[SizeRecord, ...]]:
    """Sizes by target. An image of the same digest as in a recent run has the same sizes, and is not asked for."""
    known = {t.digest: t.sizes for record in _recent(ready) for t in record.targets if t.digest and t.sizes}
    digests = {t.name: outcome.digest_of(metadata, t.name) for t in ready.matrix.targets}
    names = {
        t.name: image_names(ready.opened.project, t, asked.tag)[0]
        for t in ready.matrix.targets
        if digests[t.name] not in known
    }
    found: Mapping[str, tuple[engine.ImageSize, ...]] = {}
    if names and (ready.builder.keeps_images or asked.load):
        found = engine.image_sizes(list(names.values()))
    elif names and asked.push:
        found = {name: engine.remote_sizes(name) for name in names.values()}
    sizes = {target: known[digest] for target, digest in digests.items() if digest in known}
    return sizes | {target: outcome.size_records(found[name]) for target, name in names.items() if name in found}


def _store(ready: _Ready) -> RunStore:
    return RunStore(default_folder(identity(ready.opened.project)))


def _recent(ready: _Ready) -> list[RunRecord]:
    try:
        with _store(ready) as store:
            return store.recent(3)
    except Unwritable:
        return []


def _keep(ready: _Ready, record: RunRecord, lines: list[str]) -> list[str]:
    """Keep the record; a build never fails because that did."""
    try:
        with _store(ready) as store:
            store.add(record, lines)
            exported = any(c.direction == "export" for c in record.caches)
            note = cache_run.export_note(store.recent(cache_run.RUNS)) if exported else ""
    except Unwritable as error:
        return [f"warning: {error}"]
    return [note] if note else []


def _hints(asked: Asked, ready: _Ready) -> list[str]:
    hints = [*ready.caches.notes, *ready.layers.notes]
    if not ready.builder.keeps_images and not asked.load and not asked.push:
        hints.append(f"the images stay in the cache of builder {ready.builder.name}; --push or --load brings them out")
    return hints
