"""One record of the runs of all shards, as if they had begun at once: what each did, on whatever machine. Pure.

Seconds are those of the clock: the longest shard's. What the shards took in all is in `joined`. Facts about one machine
stay only if all shards had the same: builder, mounts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import (
    GoCommandRecord,
    GoRecord,
    InputsRecord,
    JoinedRecord,
    RunRecord,
    StepRecord,
    TargetRecord,
)

_T = TypeVar("_T")
_OF_MACHINES = ("engine", "buildx", "builder", "machine", "driver", "cache_policy", "cache_store", "trust")


def join(runs: Sequence[RunRecord], head: RunRecord) -> RunRecord:
    """Return the record of all shards. ``head``: the record of the merge itself, with its id, start and targets."""
    first = runs[0]
    return replace(
        head,
        **{name: _alike([str(getattr(run, name)) for run in runs]) or "" for name in _OF_MACHINES},
        nodes=_alike([run.nodes for run in runs]) or (),
        seconds=max(run.seconds for run in runs),
        outcome=RunOutcome.DONE,
        dirty=any(run.dirty for run in runs),
        go_version=first.go_version,
        source_url=first.source_url,
        fallbacks=first.fallbacks,
        no_cache=any(run.no_cache for run in runs),
        bare=all(run.bare for run in runs) if all(run.bare is not None for run in runs) else None,
        caches=_chained(run.caches for run in runs),
        steps=_steps(runs),
        go=_go(runs),
        modules=tuple(dict.fromkeys(_chained(run.modules for run in runs))),
        seeds=_chained(run.seeds for run in runs),
        warnings=tuple(dict.fromkeys(_chained(run.warnings for run in runs))),
        inputs=_inputs([run.inputs for run in runs]),
        host=_chained(run.host for run in runs),
        smoke=_chained(run.smoke for run in runs),
        retries=_chained(run.retries for run in runs),
        joined=tuple(
            JoinedRecord(run=run.id, name=run.shard.name if run.shard else "", started=run.started, seconds=run.seconds)
            for run in runs
        ),
    )


def targets(runs: Sequence[RunRecord]) -> tuple[TargetRecord, ...]:
    """Return the targets of all shards, each with all of its platforms; its digest is that of its parts, if there is
    one part only."""
    found: dict[str, list[TargetRecord]] = {}
    for target in _chained(run.targets for run in runs):
        found.setdefault(target.name, []).append(target)
    return tuple(_target(found[name]) for name in sorted(found))


def _target(parts: Sequence[TargetRecord]) -> TargetRecord:
    known = [part.seconds for part in parts if part.seconds is not None]
    return replace(
        parts[0],
        platforms=tuple(sorted(_chained(part.platforms for part in parts))),
        digest=parts[0].digest if len(parts) == 1 else "",
        sizes=tuple(sorted(_chained(part.sizes for part in parts), key=lambda size: size.platform)),
        seconds=max(known, default=None),
        pushed=tuple(dict.fromkeys(_chained(part.pushed for part in parts))),
    )


def _alike(values: Sequence[_T]) -> _T | None:
    return values[0] if all(value == values[0] for value in values) else None


def _chained(lists: Iterable[tuple[_T, ...]]) -> tuple[_T, ...]:
    return tuple(item for one in lists for item in one)


def _steps(runs: Sequence[RunRecord]) -> tuple[StepRecord, ...]:
    found: list[StepRecord] = []
    for run in runs:
        before = len(found)
        found += [replace(step, needs=tuple(before + need for need in step.needs)) for step in run.steps]
    return tuple(found)


def _inputs(inputs: Sequence[InputsRecord]) -> InputsRecord:
    found: dict[str, Any] = {}
    for name in InputsRecord.__struct_fields__:
        found[name] = tuple(sorted(set(_chained(getattr(one, name) for one in inputs))))
    return InputsRecord(**found)


# ---- Go


def _go(runs: Sequence[RunRecord]) -> tuple[GoRecord, ...]:
    by_platform: dict[str, list[GoRecord]] = {}
    for work in _chained(run.go for run in runs):
        by_platform.setdefault(work.platform, []).append(work)
    return tuple(_one_go(by_platform[platform]) for platform in sorted(by_platform))


def _one_go(works: Sequence[GoRecord]) -> GoRecord:
    """Return what Go did for a platform; what two shards compiled is compiled once, and took the longer of both."""
    if len(works) == 1:
        return works[0]
    compiled, linked = _longest(work.compiled for work in works), _longest(work.linked for work in works)
    at = {path: number for number, path in enumerate(compiled)}
    imports: dict[str, tuple[int, ...]] = {}
    commands: dict[str, GoCommandRecord] = {}
    for work in works:
        placed = _placed([path for path, _ in work.compiled], at)
        for (path, _), needs in zip(work.compiled, work.imports, strict=False):
            imports.setdefault(path, placed(needs))
        for command in work.commands:
            commands.setdefault(command.package, replace(command, compiled=placed(command.compiled)))
    actions = tuple(sorted(set(_chained(work.actions for work in works))))
    return GoRecord(
        platform=works[0].platform,
        packages=max(len({path for path, _ in actions}), *(work.packages for work in works)),
        compiled=tuple(compiled.items()),
        linked=tuple(linked.items()),
        imports=tuple(imports.get(path, ()) for path in compiled) if imports else (),
        actions=actions,
        commands=tuple(commands[package] for package in sorted(commands)),
    )


def _longest(lists: Iterable[tuple[tuple[str, float], ...]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for path, seconds in _chained(lists):
        found[path] = max(found.get(path, 0.0), seconds)
    return found


def _placed(paths: Sequence[str], at: Mapping[str, int]) -> Callable[[Iterable[int]], tuple[int, ...]]:
    """Return what turns positions among ``paths`` into those among all packages. A damaged record has others."""
    return lambda places: tuple(sorted(at[paths[place]] for place in places if 0 <= place < len(paths)))
