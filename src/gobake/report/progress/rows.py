"""The rows of a live display as values: one per shared stage and one per target. Pure; knows no terminal."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from gobake.model import Platform, Target
from gobake.runs.outcomes import Outcome
from gobake.text.printable import one_line
from gobake.trace import golog
from gobake.trace.hostwork import HostWork
from gobake.trace.names import StepKind, StepName
from gobake.trace.steps import Step, Trace


class RowState(StrEnum):
    """State of a row. If a terminal is too low for all rows, later states are left out first."""

    FAILED = "failed"
    WORKING = "working"
    CANCELED = "canceled"
    WAITING = "waiting"
    DONE = "done"


class Row(Struct, frozen=True, kw_only=True):
    """One line of a live display."""

    label: str
    state: RowState
    shared: bool = False  # a stage that several targets share, such as the compile
    platforms: str = ""
    now: str = ""  # what it does or waits for
    since: float | None = None  # when that began, in seconds since the epoch
    reached: int = 0  # steps
    total: int = 0
    packages: int = 0  # compiled so far, as `go build -v` names them
    of: int = 0  # packages to compile at most; 0: unknown
    ended: float | None = None
    modules: int = 0  # downloaded so far
    counts: Mapping[Outcome, int] = {}


def rows(trace: Trace, targets: Sequence[Target]) -> list[Row]:
    """The busy stages that targets share, then the targets in the requested order."""
    shared = _shared_stages(trace)
    busy = [_stage_row(trace, place, steps) for place, steps in shared.items()]
    return [row for row in busy if row] + [_target_row(trace, target, shared, len(targets) == 1) for target in targets]


def host_row(work: HostWork) -> Row:
    """The row of what this machine's Go compiles before the build."""
    state = RowState.FAILED if work.failed else RowState.WORKING if work.ended is None else RowState.DONE
    return Row(
        label=work.label,
        state=state,
        shared=True,
        now=work.package,
        since=work.started,
        packages=work.packages,
        of=work.total,
        ended=work.ended,
    )


def shown(name: StepName, width: int = 90) -> str:
    """A step as one line: `compile linux/arm64  RUN go build ...`."""
    where = " ".join(filter(None, (name.stage or name.target, name.platform)))
    text = one_line(f"{where}  {instruction(name)}" if where else instruction(name))
    return text if len(text) <= width else text[: width - 1] + "…"


def instruction(name: StepName) -> str:
    """The instruction for people: a RUN without its mounts, a base image without its digest."""
    text = " ".join(name.normal_instruction.split())
    if name.verb != "RUN":
        return one_line(text)
    found = re.search(r"\bgo (?:build|list|test|install|generate|mod download)\b", text)
    return f"RUN {found[0]}" if found else one_line(re.sub(r"^RUN(?: --\w+=\S+)+", "RUN", text))


def short_platforms(platforms: Sequence[Platform]) -> str:
    """`amd64, arm/v7`, without linux, as images are built for linux only."""
    return ", ".join(str(platform).removeprefix("linux/") for platform in platforms)


_Place = tuple[str, str]  # stage and platform


def _shared_stages(trace: Trace) -> dict[_Place, list[Step]]:
    """The stages that several targets share, with the steps that did the work, in order."""
    users: dict[_Place, set[str]] = defaultdict(set)
    own = [s for s in trace.steps if s.name.kind is StepKind.INSTRUCTION]
    for step in own:
        users[_place(step)].add(step.target)
    places = {place for place, targets in users.items() if len(targets) > 1}
    found: dict[_Place, dict[str, Step]] = defaultdict(dict)
    for step in own:
        if _place(step) in places:
            seen = found[_place(step)]
            before = seen.get(step.digests[0])
            if before is None or before.outcome is Outcome.SHARED:
                seen[step.digests[0]] = step
    return {place: list(found[place].values()) for place in sorted(found)}


def _place(step: Step) -> _Place:
    return step.name.stage, step.name.platform


def _stage_row(trace: Trace, place: _Place, steps: Sequence[Step]) -> Row | None:
    """The row of a shared stage; None if everything came from a cache."""
    if not any(s.running or s.failed or s.outcome is Outcome.EXECUTED for s in steps):
        return None
    running = _oldest(steps)
    logs = [golog.parse(trace.log(s)) for s in steps if s.reached]
    if any(s.failed for s in steps):
        state = RowState.FAILED
    elif running:
        state = RowState.WORKING
    elif any(s.canceled for s in steps):
        state = RowState.CANCELED
    else:
        state = RowState.DONE if all(s.reached for s in steps) else RowState.WORKING
    return Row(
        label=" ".join(filter(None, place)),
        state=state,
        shared=True,
        now=instruction(running.name) if running else "",
        since=running.started if running else None,
        reached=sum(s.reached for s in steps),
        total=len(steps),
        packages=sum(len(log.compiled) for log in logs),
        modules=sum(len(log.downloaded) for log in logs),
        counts=_counts(steps),
    )


def _target_row(trace: Trace, target: Target, shared: Mapping[_Place, object], single: bool) -> Row:
    """The row of a target. ``single``: it is the only one, so that BuildKit's names leave it out."""
    mine = [s for s in trace.steps if s.target == target.name or (single and not s.target)]
    steps = [s for s in mine if s.name.kind.counts]
    exports = [s for s in mine if s.name.kind is StepKind.EXPORT_IMAGE]
    now, since, log = "", None, golog.GoLog()
    state = RowState.WORKING
    if any(s.failed for s in (*steps, *exports)):
        state = RowState.FAILED
    elif any(s.canceled for s in (*steps, *exports)):
        state = RowState.CANCELED
    elif running := _oldest([s for s in (*steps, *exports) if _place(s) not in shared]):
        now, since = instruction(running.name), running.started
        log = golog.parse(trace.log(running))
    elif waits := _oldest(steps):
        now = "waits for " + " ".join(filter(None, _place(waits)))
    elif exports:
        state = RowState.DONE
    elif not any(s.reached for s in steps):
        state = RowState.WAITING
    return Row(
        label=f"{target.service.name} {target.strategy}",
        state=state,
        platforms=short_platforms(target.platforms),
        now=now,
        since=since,
        reached=sum(s.reached for s in steps),
        total=len(steps),
        packages=len(log.compiled),
        modules=len(log.downloaded),
        counts=_counts(steps),
    )


def _oldest(steps: Sequence[Step]) -> Step | None:
    return min((s for s in steps if s.running), key=lambda s: (s.started or 0.0, s.key), default=None)


def _counts(steps: Sequence[Step]) -> dict[Outcome, int]:
    """Steps by outcome, without running ones, which have none yet."""
    return dict(Counter(s.outcome for s in steps if s.counts and not s.running))
