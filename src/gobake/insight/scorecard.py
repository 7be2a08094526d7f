"""Computes the figures of one run from its record and those of earlier runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from itertools import islice

from gobake.insight.card import CommandFigures, GoFigures, Part, RunSummary, Scorecard, WorkSaved, work_of
from gobake.insight.cold import last_cold
from gobake.insight.costs import Costs, cached_packages, last_costs, longest
from gobake.insight.identity import platform_of
from gobake.insight.modules import module_of
from gobake.insight.work import critical_path, figures, host_seconds, saved_by_steps, seconds_at_work
from gobake.runs.record import GoRecord, RunRecord, StepRecord, TargetRecord, digests

_ASKED = 2  # earlier runs to search for a cold one, for a record of an older version that names none
_SEARCHED = 5  # earlier runs to search for the packages of a build in which Go did not run


def scorecard(record: RunRecord, earlier: Sequence[RunRecord]) -> Scorecard:
    """The scorecard of a run. ``earlier``: newest first; reads only as many as needed."""
    costs = last_costs(record, earlier)
    path, path_seconds = critical_path(record)
    before = host_seconds(record)
    return Scorecard(
        run=record,
        steps=figures(record, costs),
        go=_go(record.go),
        commands=_commands(record),
        modules_total=_modules_total(record, earlier),
        modules_downloaded=len(record.modules) if record.steps else None,
        services=_parts(record, costs, _service),
        strategies=_parts(record, costs, _strategy),
        platforms=_parts(record, costs, _platform),
        critical_path=path,
        critical_seconds=path_seconds + before if path_seconds is not None else before or None,
        cold=record.cold or last_cold(record, earlier, _ASKED),
        work=_work_saved(record, costs),
    )


def summary_of(card: Scorecard) -> RunSummary:
    """The summary of a run, for lists, trends and gates."""
    run = card.run
    return RunSummary(
        id=run.id,
        started=run.started,
        seconds=run.seconds,
        outcome=run.outcome,
        branch=run.branch,
        revision=run.revision,
        builder=run.builder,
        services=tuple(dict.fromkeys(t.service for t in run.targets)),
        targets=len(run.targets),
        executed=card.steps.executed,
        hit_rate=card.steps.hit_rate,
        go_hit_rate=card.go.hit_rate if card.go else None,
        compiled=card.go.compiled if card.go else None,
        saved=card.saved,
        go_version=run.go_version,
        modules=_modules_digest(run),
        policy=run.cache_policy,
        work=work_of(run),
        names=tuple(t.name for t in run.targets),
    )


# ---- Go


def _go(works: Sequence[GoRecord]) -> GoFigures | None:
    if not works:
        return None
    return GoFigures(
        total=sum(w.packages for w in works),
        compiled=sum(len(w.compiled) for w in works),
        linked=sum(len(w.linked) for w in works),
        seconds=sum(seconds for w in works for _, seconds in (*w.compiled, *w.linked)),
    )


def _commands(record: RunRecord) -> tuple[CommandFigures, ...]:
    """The figures of every service on every platform; a package of two services counts for both."""
    services = {command.package: _services(record, command.package) for w in record.go for command in w.commands}
    found = []
    for work in record.go:
        for command in work.commands:
            compiled = [work.compiled[at][1] for at in command.compiled if 0 <= at < len(work.compiled)]
            linked = [seconds for package, seconds in work.linked if package == command.package]
            go = GoFigures(
                total=command.packages,
                compiled=len(compiled),
                linked=len(linked),
                seconds=sum(compiled) + sum(linked),
            )
            found += [
                CommandFigures(service=service, package=command.package, platform=work.platform, go=go)
                for service in services[command.package]
            ]
    return tuple(sorted(found, key=lambda c: (c.service, c.platform, c.package)))


def _services(record: RunRecord, package: str) -> tuple[str, ...]:
    """The services built from a main package."""
    return tuple(dict.fromkeys(t.service for t in record.targets if made_of(t, package)))


def made_of(target: TargetRecord, package: str) -> bool:
    """Whether a target's image is built from a main package; a record may hold its name or only a digest of it."""
    return package in (target.package, *target.programs) or digests({"package": package})[0] in target.arguments


def _modules_total(record: RunRecord, earlier: Sequence[RunRecord]) -> int | None:
    """The number of modules of the commands' packages; if the packages are unknown, of modules in go.mod files. None if
    the inputs are not on record."""
    if not record.inputs.modules:
        return 0 if record.inputs.packages else None
    names = {name for name, _ in record.inputs.modules}
    own = {path for path, _ in record.inputs.packages}
    for one in (record, *(e for e in islice(earlier, _SEARCHED) if _alike(e, record))):
        packages = {path for work in one.go for path in (*dict(work.actions), *dict(work.compiled))}
        if packages:
            return len({module_of(path, names) for path in packages - own} - {""})
    return len(names - {module_of(path, names) for path in own})


def _alike(one: RunRecord, other: RunRecord) -> bool:
    return one.inputs.modules == other.inputs.modules and one.inputs.packages == other.inputs.packages


def _modules_digest(record: RunRecord) -> str:
    if not record.inputs.modules:
        return ""
    lines = "".join(f"{name} {version}\n" for name, version in record.inputs.modules)
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


# ---- parts


def _parts(record: RunRecord, costs: Costs, name: Callable[[TargetRecord | None, StepRecord], str]) -> tuple[Part, ...]:
    """The parts, one for each name that ``name`` gives to steps; steps with "" are in none."""
    targets = {t.name: t for t in record.targets}
    places: dict[str, list[int]] = {}
    for at, step in enumerate(record.steps):
        part = name(targets.get(step.target), step)
        if part:
            places.setdefault(part, []).append(at)
    return tuple(
        Part(name=part, steps=figures(record, costs, places[part]), seconds=seconds_at_work(record, places[part]))
        for part in sorted(places)
    )


def _service(target: TargetRecord | None, _step: StepRecord) -> str:
    return target.service if target else ""


def _strategy(target: TargetRecord | None, _step: StepRecord) -> str:
    return target.strategy if target else ""


def _platform(target: TargetRecord | None, step: StepRecord) -> str:
    return platform_of(step, target.platforms if target else ())


# ---- saved


def _work_saved(record: RunRecord, costs: Costs) -> WorkSaved | None:
    """The seconds saved; None if something came from a cache and no record has any of its costs."""
    steps, known, unknown = saved_by_steps(record, costs)
    cached = list(cached_packages(record))
    packages = [costs.packages[pair] for pair in cached if pair in costs.packages]
    if (unknown or cached) and not known and not packages:
        return None
    return WorkSaved(steps=steps, packages=sum(packages), cost=_cost(record), unknown=unknown)


def _cost(record: RunRecord) -> float:
    """Seconds spent on layer caches and seeds. Seeds are processed one after the other, so they add up."""
    layers = [longest(record.caches, direction) or 0.0 for direction in ("import", "export")]
    return sum(layers) + sum(seed.seconds for seed in record.seeds)
