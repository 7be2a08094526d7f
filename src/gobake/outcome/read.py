"""Reads a run's outcome from its events and files: failure, targets, steps, Go's work. Values in, values out."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from gobake.checkout.ci import CIContext
from gobake.engine import Builder, EngineInfo, ImageSize
from gobake.errors import CompileFailed
from gobake.gotool.packages import unreadable
from gobake.model import Project, Target
from gobake.plan.discover import Opened
from gobake.recipe import TRACE
from gobake.recipe.dockerfile import SOURCE
from gobake.recipe.stages import compile_stages
from gobake.runs.outcomes import Outcome
from gobake.runs.record import GoCommandRecord, GoRecord, SizeRecord, StepRecord, TargetRecord, digests
from gobake.targets.matrix import Matrix
from gobake.text.printable import one_line
from gobake.trace import actiongraph, golog
from gobake.trace.events import Event, EventLog, VertexEvent
from gobake.trace.steps import Step, Trace

if TYPE_CHECKING:  # the code that explains failures is imported only after one
    from gobake.trace.failure import Failure
    from gobake.trace.programs import LoaderOf

_TOLD = f"[{TRACE}] exporting to client directory"
_DIGEST = "containerimage.digest"  # key of buildx's metadata file
_OF_IMAGES = ("containerimage.", "image.name", "buildx.build.ref")  # beginnings of such keys


class Left(Struct, frozen=True, kw_only=True):
    """What a failed build leaves for its explanation."""

    staged: Path | None = None  # the copy of the tree that was built
    loader_of: LoaderOf | None = None


def judge(opened: Opened, matrix: Matrix, seen: Trace, log: EventLog, left: Left, *, interrupted: bool) -> Failure:
    """Why a run failed or stopped."""
    from gobake.context.missed import Missed
    from gobake.trace.failure import Tree, explain_failure

    stages = {name: s for s in compile_stages(matrix) for name in (s.name, *(late.name for late in s.late))}
    first = next((s for s in seen.failed if s.name.stage in stages), None)
    root = stages[first.name.stage].build_root if first else PurePosixPath(".")
    folder = "" if str(root) == "." else str(root)
    missed = Missed(layout=opened.tree.layout, staged=left.staged, folder=folder) if left.staged else None
    tree = Tree(
        source=SOURCE,
        build_root=root,
        context=opened.project.context,
        shown_from=Path.cwd(),
        missed=missed,
        unread=lambda log: _unread(opened, log),
    )
    return explain_failure(seen, log.plain, tree=tree, interrupted=interrupted, loader_of=left.loader_of)


def _unread(opened: Opened, log: str) -> CompileFailed | None:
    """The error for a package that Go could not read even before the build. Its message then says more than the one
    now, as the build context lacks the package."""
    for trouble in opened.tree.troubles:
        if trouble.package and re.search(rf"package {re.escape(trouble.package)}(?![\w./-])", log):
            error = unreadable(opened.tree.layout, trouble)
            return CompileFailed(error.what, where=error.where, remedy=error.remedy, words=error.words)
    return None


def last_error(log: EventLog) -> str:
    """buildx's last error, in one line."""
    return one_line(log.last_error, 400) or "buildx does not say why"


def lost_its_own(log: EventLog) -> bool:
    """Whether the engine lost its own data: containerd's garbage collection races with the unpacking of several images.
    The user's build is not at fault."""
    errors = [episode.error for vertex in log.vertices.values() for episode in vertex.episodes.values()]
    text = "\n".join([*log.plain, *errors])  # buildx ends with the error of one target, perhaps of another one
    # BuildKit 0.13 may run a step for a target that has ended, if another target still needs the step
    if any("no active sessions" in error for error in errors):
        return True
    return bool(re.search(r"failed to prepare extraction snapshot .*parent snapshot \S+ does not exist", text))


def read_metadata(file: Path | None) -> dict[str, Any]:
    """buildx's metadata by target; {} if the build failed and wrote none."""
    try:
        data = json.loads(file.read_text()) if file else {}
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def digest_of(metadata: Mapping[str, Any], target: str) -> str:
    """The digest of a target's image index; "" if none was made."""
    return str((metadata.get(target) or {}).get(_DIGEST, ""))


def of_image(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What buildx says of a target's image: digests, names and descriptors."""
    return {key: value for key, value in metadata.items() if key.startswith(_OF_IMAGES)}


def size_records(sizes: tuple[ImageSize, ...]) -> tuple[SizeRecord, ...]:
    return tuple(
        SizeRecord(platform=str(s.platform), compressed=s.compressed, uncompressed=s.uncompressed) for s in sizes
    )


def results(
    project: Project,
    matrix: Matrix,
    tag: str,
    metadata: Mapping[str, Any],
    seen: Trace,
    *,
    sizes: Mapping[str, tuple[SizeRecord, ...]],
) -> tuple[TargetRecord, ...]:
    """A record for every target of the matrix."""
    return tuple(_target(project, target, tag, metadata, seen, sizes) for target in matrix.targets)


def with_failed(
    built: Sequence[TargetRecord], requested: Sequence[TargetRecord], reasons: Mapping[str, str]
) -> tuple[TargetRecord, ...]:
    """All requested targets in order, built or not. ``reasons``: why targets were left out, by name."""
    found = {target.name: target for target in built}
    return tuple(found.get(t.name) or replace(t, failure=reasons.get(t.name, "")) for t in requested)


def _target(
    project: Project,
    target: Target,
    tag: str,
    metadata: Mapping[str, Any],
    seen: Trace,
    sizes: Mapping[str, tuple[SizeRecord, ...]],
) -> TargetRecord:
    times = [s for s in seen.steps if s.target in (target.name, "") and s.started]
    begun = min((s.started or 0.0 for s in times), default=0.0)
    ended = max((s.completed or 0.0 for s in times), default=0.0)
    service = target.service
    arguments = {
        "ldflags": service.build.ldflags,
        **({"stamps": " ".join(f"{s.variable}={s.text}" for s in service.stamps)} if service.stamps else {}),
        "tags": ",".join(service.build.tags),
        "package": service.package,
        **{f"env:{key}": value for key, value in service.build.env},
    }
    return TargetRecord(
        name=target.name,
        service=service.name,
        strategy=str(target.strategy),
        platforms=tuple(map(str, target.platforms)),
        images=target.images(project.prefix, tag),
        arguments=digests(arguments),
        digest=digest_of(metadata, target.name),
        sizes=sizes.get(target.name, ()),
        seconds=max(0.0, ended - begun) if times else None,
        package=service.package,
        programs=service.packages[1:],
    )


def facts(opened: Opened, around: CIContext, builder: Builder, info: EngineInfo) -> dict[str, Any]:
    """The fields of a record on the sources, engine and builder of a run."""
    project, checkout = opened.project, opened.checkout
    return {
        "project": project.name,
        "root": str(project.root),
        "revision": checkout.known_revision,
        # a CI checks out a commit, not a branch; a fork's branch may have the name of one of ours
        "branch": checkout.branch or (around.branch if around.trusted else ""),
        "dirty": checkout.dirty,
        "engine": info.engine,
        "buildx": info.buildx,
        "builder": builder.name,
        "machine": _machine(builder, info),
        "driver": builder.driver,
        "nodes": tuple((node.name, ",".join(map(str, node.platforms))) for node in builder.nodes),
        "go_version": project.go_version,
        "source_url": project.source_url,
    }


def _machine(builder: Builder, info: EngineInfo) -> str:
    """A digest of the engine's identity if the builder is the engine, else of the builder's name and the endpoints of
    its nodes; "" if one of these is unknown."""
    parts = [info.identity] if builder.keeps_images else [builder.name, *(node.endpoint for node in builder.nodes)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16] if all(parts) else ""


def evidence(seen: Trace, trace_folder: Path, started: float, matrix: Matrix) -> dict[str, Any]:
    """The fields of a record on the work done: steps, Go's work, modules, warnings."""
    modules: dict[tuple[str, str], None] = {}
    for text in seen.logs.values():
        modules |= dict.fromkeys((m.path, m.version) for m in golog.parse(text).downloaded)
    places: dict[str, list[int]] = defaultdict(list)
    for at, step in enumerate(seen.steps):
        for digest in step.digests:
            places[digest].append(at)
    return {
        "steps": tuple(_step(step, at, seen, places, started, matrix) for at, step in enumerate(seen.steps)),
        "go": go_work(seen, trace_folder, matrix),
        "modules": tuple(modules),
        "warnings": tuple(one_line(w.short) for w in seen.warnings),
    }


def compiled(evidence: Mapping[str, Any]) -> bool:
    """Whether Go compiled a package or downloaded a module."""
    return bool(evidence["modules"]) or any(work.compiled for work in evidence["go"])


def tells_what_was_compiled(event: Event) -> bool:
    """Whether the target `trace` has just written what the compile did. All of Go's work is then done, except in stages
    that compile on their own."""
    return isinstance(event, VertexEvent) and event.completed is not None and not event.error and event.name == _TOLD


def _step(
    step: Step, at: int, seen: Trace, places: Mapping[str, list[int]], started: float, matrix: Matrix
) -> StepRecord:
    needs = {other for digest in step.inputs for other in _nearest(step, places.get(digest, ()), seen)}
    return StepRecord(
        target=step.target or _only(matrix),
        name=step.key,
        stage=step.name.stage,
        platform=step.name.platform,
        instruction=step.name.normal_instruction,
        digest=step.digests[0] if step.digests else "",
        outcome=step.outcome,
        started=step.started - started if step.started is not None else None,
        seconds=step.seconds if step.completed is not None else None,
        error=one_line(step.error, 400),
        canceled=step.canceled,
        transferred=step.transferred,
        site=step.name.site,
        needs=tuple(sorted(needs - {at})),
        beside=step.beside,
    )


def _nearest(step: Step, places: Sequence[int], seen: Trace) -> Sequence[int]:
    """Of several targets' steps with one digest, the one of the step's own target, else the first."""
    return [at for at in places if seen.steps[at].target == step.target] or places[:1]


def _only(matrix: Matrix) -> str:
    return matrix.targets[0].name if len(matrix.targets) == 1 else ""


def go_work(seen: Trace, folder: Path, matrix: Matrix) -> tuple[GoRecord, ...]:
    """What Go did in this run, by platform. Graphs of reused stages are from an older run and do not count."""
    ran = {
        (s.name.stage, s.name.platform) for s in seen.steps if s.outcome is Outcome.EXECUTED and s.name.verb == "RUN"
    }
    found = []
    for platform in map(str, matrix.platforms):
        graphs = list(_graphs(folder, matrix, platform))
        fresh = [text for stage, text in graphs if (stage, platform) in ran or (stage, "") in ran]
        if graphs:
            whole = actiongraph.parse(text for _, text in graphs)
            found.append(_go_record(platform, actiongraph.parse(fresh), whole))
    return tuple(found)


def _graphs(folder: Path, matrix: Matrix, platform: str) -> Iterator[tuple[str, str]]:
    """(Stage, text of a graph that Go wrote in it)."""
    place = folder / platform.replace("/", "_")
    place = place if place.is_dir() else folder  # for a single platform the exporter makes no folder
    for stage in compile_stages(matrix):
        for file in sorted(place.glob(f"{stage.name}*.json")):
            if _stage_of(file.stem) == stage.name:
                yield stage.name, file.read_text()
        for late in stage.late:
            for batch in late.batches:
                file = place / f"{batch.folder}.json"
                if file.is_file():
                    yield late.name, file.read_text()


def loader_in(folder: Path, service: str, platform: str) -> str | None:
    """The loader that a service's binary names, as written by the compile stage; None if it wrote none."""
    place = folder / platform.replace("/", "_")
    try:
        return ((place if place.is_dir() else folder) / "loaders" / service).read_text().strip()
    except OSError:
        return None


def lacking(folder: Path, matrix: Matrix) -> list[str]:
    """A line on what the tree lacks and Go completed in the build."""
    counts = []
    for stage in compile_stages(matrix):
        for file in folder.glob(f"**/{stage.name}.lacking"):
            with contextlib.suppress(OSError, ValueError):
                counts.append(int(file.read_text()))
    if not any(counts):
        return []
    many = max(counts)
    return [
        f"go.work.sum lacks {many} line{'s' if many > 1 else ''}, which Go added for this build alone; "
        "`go mod download` in the workspace writes them"
    ]


def read_ahead(events: Iterable[Event], folder: Path, matrix: Matrix) -> None:
    """Read Go's graphs as soon as the trace target sent them, while buildx still writes images."""
    if any(map(tells_what_was_compiled, events)):
        with contextlib.suppress(OSError, ValueError):  # they are read again at the end
            for platform in map(str, matrix.platforms):
                actiongraph.parse(text for _, text in _graphs(folder, matrix, platform))


def _go_record(platform: str, work: actiongraph.GoWork, whole: actiongraph.GoWork) -> GoRecord:
    """The record of Go's work. ``work``: of this run; ``whole``: with the graphs of reused stages."""
    at = {package.import_path: number for number, package in enumerate(work.compiled)}
    return GoRecord(
        platform=platform,
        packages=whole.packages_total,
        compiled=tuple((p.import_path, p.seconds) for p in work.compiled),
        linked=tuple((p.import_path, p.seconds) for p in work.linked),
        imports=tuple(tuple(sorted(at[i] for i in work.imports[path] if i in at)) for path in at),
        actions=tuple(sorted(work.actions.items())),
        commands=tuple(
            GoCommandRecord(
                package=command.import_path,
                packages=len(command.packages),
                compiled=tuple(sorted(at[p] for p in command.packages if p in at)),
            )
            for command in whole.commands
        ),
    )


def _stage_of(stem: str) -> str:
    """The stage that wrote a graph: `compile-2` of compile-2-packages, `compile` of its second batch, compile.2."""
    return stem.split(".")[0].removesuffix("-packages")
