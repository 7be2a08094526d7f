"""Advice from recorded runs on what would have been faster, with the seconds it would have saved."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise

from gobake.insight import files
from gobake.insight.absent import same_builder
from gobake.insight.causes import Advice
from gobake.insight.exports import balance
from gobake.insight.packages import lost
from gobake.insight.past import Look
from gobake.runs import window
from gobake.runs.outcomes import Outcome
from gobake.runs.record import MountRecord, RunRecord
from gobake.text.printable import one_line
from gobake.trace.intervals import covered

_OFTEN = 3  # runs in which a file changed alone
_MOVED = 2  # times that a tag moved
_NOT_SOURCES = (".go", ".mod", ".sum", ".work", ".work.sum", ".s", ".c", ".h")
_WORTH_SECONDS = 1.0  # over all runs examined; less is no advice
_WORTH_BYTES = 1_000_000  # of a mount; the loss of less is not reported


def advise(records: Sequence[RunRecord]) -> tuple[Advice, ...]:
    """The advice that saves most comes first. ``records``: newest first."""
    recent = records[: window.RECENT]
    found = [*_changing_files(recent), *_exports(records), *_moving_bases(recent), *_collected_mounts(records)]
    worth = [advice for advice in found if advice.seconds is None or advice.seconds >= _WORTH_SECONDS]
    return tuple(sorted(worth, key=lambda advice: -(advice.seconds or 0.0)))


def _pairs(
    records: Sequence[RunRecord], comparable: Callable[[RunRecord], object]
) -> list[tuple[RunRecord, RunRecord]]:
    """Each run with the one before it, among those that have the evidence."""
    able = [run for run in records if comparable(run)]
    return list(pairwise(able))


def _changing_files(records: Sequence[RunRecord]) -> list[Advice]:
    alone: Counter[str] = Counter()
    seconds: dict[str, float] = defaultdict(float)
    for run, before in _pairs(records, lambda run: run.inputs.files):
        changed = files.changes(dict(run.inputs.files), dict(before.inputs.files))
        if len(changed) == 1 and changed[0].kind == "changed" and not changed[0].what.endswith(_NOT_SOURCES):
            spent = _compile_seconds(run)
            if spent:
                alone[changed[0].what] += 1
                seconds[changed[0].what] += spent
    return [
        Advice(
            kind="changing-file",
            says=one_line(
                f"{path} was all that changed in {count} of the last {len(records)} runs, and each of them compiled: "
                "read it when the program runs (`files` puts it into the image), or make it seldom"
            ),
            seconds=round(seconds[path], 3),
            runs=count,
        )
        for path, count in alone.items()
        if count >= _OFTEN
    ]


def _exports(records: Sequence[RunRecord]) -> list[Advice]:
    found = balance(records)
    if found is None or not found.costs:
        return []
    return [Advice(kind="costly-export", says=found.says, seconds=round(found.spent - found.saved, 3), runs=found.runs)]


def _moving_bases(records: Sequence[RunRecord]) -> list[Advice]:
    moved: Counter[str] = Counter()
    seconds: dict[str, float] = defaultdict(float)
    for name in sorted({name for run in records for name, _ in run.inputs.bases}):
        for run, before in _pairs(records, lambda run, name=name: name in dict(run.inputs.bases)):  # type: ignore[misc]
            now, then = ({d for known, d in side.inputs.bases if known == name} for side in (run, before))
            if not now & then:
                moved[name] += 1
                seconds[name] += _seconds_on(run, name)
    return [
        Advice(
            kind="moving-base",
            says=one_line(
                f"{name} stood for another image {count} times in the last {len(records)} runs, and what is built on "
                f"it was built again: pin it in `bases` of gobake.yaml as {name}@sha256:…"
            ),
            seconds=round(seconds[name], 3),
            runs=count,
        )
        for name, count in moved.items()
        if count >= _MOVED
    ]


def _collected_mounts(records: Sequence[RunRecord]) -> list[Advice]:
    names: dict[str, None] = {}
    seconds, runs = 0.0, 0
    for at, run in enumerate(records[: window.RECENT]):
        eaten = [mount.name for mount in run.mounts if not run.no_cache and _eaten(run, mount, records[at + 1 :])]
        if not eaten:
            continue
        runs += 1
        names |= dict.fromkeys(eaten)
        again = 0.0
        for work in run.go:
            gone = lost(run, work, records[at + 1 :])
            again += sum(spent for path, spent in work.compiled if path in gone)
        seconds += min(again, _compile_seconds(run))
    if not runs:
        return []
    says = (
        f"cache mount {', '.join(names)} had lost what an earlier run on the same builder left, in {runs} of the last "
        f"{min(len(records), window.RECENT)} runs: let the builder keep more (its garbage collection's limits), "
        "or keep seeds (--cache-store)"
    )
    return [Advice(kind="collected-mount", says=one_line(says), seconds=round(seconds, 3), runs=runs)]


def _eaten(run: RunRecord, mount: MountRecord, earlier: Sequence[RunRecord]) -> bool:
    if mount.before is None or mount.name not in ("gobuild", "gomod"):
        return False
    for before in earlier:
        if not same_builder(before, run):
            continue
        for known in before.mounts:
            if known.id == mount.id and known.after is not None:
                return not before.no_cache and known.after >= _WORTH_BYTES and mount.before < known.after / 2
    return False


# ---- seconds


def _compile_seconds(run: RunRecord) -> float:
    """Seconds in which compile steps were running."""
    look = Look(run)
    return _spent(run, {at for at, place in enumerate(look.places) if place.compiles})


def _seconds_on(run: RunRecord, reference: str) -> float:
    """Seconds in which the pull of a base image, or steps that build on it, were running."""
    look = Look(run)
    bases = {
        at for at, place in enumerate(look.places) if place.verb == "FROM" and place.text.endswith(f" {reference}")
    }
    above = {at for at in range(len(run.steps)) if at in bases or bases & set(look.ancestors(at))}
    return _spent(run, above)


def _spent(run: RunRecord, positions: set[int]) -> float:
    """Seconds in which at least one of the executed steps was running, as they overlap."""
    return covered(
        (step.started, step.started + step.seconds)
        for at, step in enumerate(run.steps)
        if at in positions
        and step.outcome == Outcome.EXECUTED
        and step.started is not None
        and step.seconds is not None
    )
