"""The rows of a live display as values: shared work, then the targets. Pure; knows no terminal.

Shared work is what several targets need: a compile, a base image on its way. Its label begins with what is done (`go
build`, `base image`, `stage`), that of a target is its service and strategy.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from gobake.insight.expected import Expected
from gobake.model import Strategy, Target
from gobake.runs.outcomes import Outcome
from gobake.text.printable import one_line, printable
from gobake.trace import golog
from gobake.trace.hostwork import HostWork
from gobake.trace.labels import compiles, image_of, stage_label
from gobake.trace.names import StepKind, StepName
from gobake.trace.steps import Step, Trace
from gobake.trace.transfers import Transfer, together

TELLING_SECONDS = 3.0  # of a compile, after which its end is estimated
_RESOLVING_SECONDS = 2.0  # of a base image, for a row before its bytes come
_LEAST_BYTES = 1_000_000  # of the client's files, for a row of their own


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
    shared: bool = False  # work that several targets need, such as the compile
    now: str = ""  # the instruction that it executes
    waits: tuple[str, ...] = ()  # labels of the shared work that it waits for, or that failed
    since: float | None = None  # when that began, in seconds since the epoch
    ended: float | None = None
    reached: int = 0  # steps
    total: int = 0
    packages: int = 0  # compiled so far, as `go build -v` names them
    of: int = 0  # packages of all commands; 0: unknown
    package: str = ""  # the last one that Go named
    modules: int = 0  # downloaded so far
    module: str = ""  # the last one
    left: float | None = None  # seconds that a compile will probably take
    moved: Transfer | None = None
    said: str = ""  # the last line of its output, or its first error
    counts: Mapping[Outcome, int] = {}


def rows(
    trace: Trace,
    targets: Sequence[Target],
    moves: Mapping[str, Transfer] | None = None,
    expected: Expected | None = None,
    now: float = 0.0,
    *,
    is_over: bool = True,
) -> list[Row]:
    """The shared work that is or was done, then the targets in the requested order.

    ``moves``: what is in transfer, by vertex. ``expected``: what earlier runs tell. ``now``: seconds since the epoch.
    ``is_over``: the build has ended; before, a canceled step is only one that BuildKit merged with an equal one, unless
    something has failed.
    """
    reading = _Reading(trace, targets, moves or {}, expected or Expected(), now)
    reading.cancels = is_over or bool(trace.failed)
    return reading.rows()


def host_row(work: HostWork) -> Row:
    """The row of what this machine's Go compiles before the build."""
    return Row(
        label=work.label,
        state=RowState.FAILED if work.failed else RowState.WORKING if work.ended is None else RowState.DONE,
        shared=True,
        since=work.started,
        ended=work.ended,
        packages=work.packages,
        of=work.total,
        package=work.package,
    )


# ---- names


def shown(name: StepName, width: int = 90) -> str:
    """A step as one line: `go build linux/arm64`, `api-scratch linux/arm64: copy binary`."""
    text = name.label
    return text if len(text) <= width else text[: width - 1] + "…"


def place_label(stage: str, platform: str, base: StepName | None = None) -> str:
    """What users read of shared work: `go build linux/arm64`, `base image golang:1.26`."""
    return f"base image {image_of(base.normal_instruction)}" if base else stage_label(stage, platform)


def instruction(name: StepName) -> str:
    """The instruction for people: a RUN without its mounts, a base image without its digest."""
    text = " ".join(name.normal_instruction.split())
    if name.verb != "RUN":
        return one_line(text)
    found = re.search(r"\bgo (?:build|list|test|install|generate|mod download)\b", text)
    return f"RUN {found[0]}" if found else one_line(re.sub(r"^RUN(?: --\w+=\S+)+", "RUN", text))


# ---- what is built


def commands_of(targets: Iterable[Target]) -> frozenset[str]:
    """The import paths of all commands in the compile."""
    return frozenset(path for t in targets if t.strategy is not Strategy.PREBUILT for path in t.service.packages)


def only_platform(targets: Iterable[Target]) -> str:
    """The platform of all targets, which BuildKit's names then leave out; "" if there are several."""
    platforms = {str(platform) for target in targets for platform in target.platforms}
    return next(iter(platforms)) if len(platforms) == 1 else ""


# ---- reading a trace

_Place = tuple[str, str]  # stage and platform


class _Reading:
    """One look at a trace."""

    cancels = True  # whether canceled steps were canceled for good

    def __init__(
        self, trace: Trace, targets: Sequence[Target], moves: Mapping[str, Transfer], expected: Expected, now: float
    ) -> None:
        self.trace = trace
        self.targets = targets
        self.moves = moves
        self.expected = expected
        self.now = now
        self.steps: dict[str, list[Step]] = defaultdict(list)
        for step in trace.steps:
            self.steps[step.target].append(step)
        self.shared = _shared_stages(trace)
        self.several = len({stage for stage, _ in self.shared if re.fullmatch(r"compile(-\d+)?", stage)}) > 1

    def rows(self) -> list[Row]:
        stages = [row for place, steps in self.shared.items() if (row := self._stage(place, steps))]
        shared = [*stages, *self._images(), *self._files()]
        return [*(shared or self._registries()), *map(self._target, self.targets)]

    def _label(self, place: _Place) -> str:
        """The label of a stage; BuildKit leaves out the only platform."""
        stage, platform = place
        return place_label(stage, platform or (only_platform(self.targets) if compiles(stage) else ""))

    # ---- shared work

    def _stage(self, place: _Place, steps: Sequence[Step]) -> Row | None:
        """The row of a shared stage; None if everything came from a cache."""
        moved = together(self.moves, (digest for s in steps for digest in s.digests))
        if not moved and not any(s.running or s.failed or s.outcome is Outcome.EXECUTED for s in steps):
            return None
        running = _oldest(steps)
        executed = [s for s in steps if s.outcome is Outcome.EXECUTED]
        worked = [s for s in executed if s.name.verb == "RUN"] or executed
        failed = next((s for s in steps if s.failed), None)
        if failed:
            state = RowState.FAILED
        elif running or moved:
            state = RowState.WORKING
        elif any(s.canceled for s in steps):
            if not self.cancels:
                return None
            state = RowState.CANCELED
        else:
            state = RowState.DONE if all(s.reached for s in steps) else RowState.WORKING
        label = self._label(place)
        row = Row(
            label=label if label.startswith("go ") else f"stage {label}",
            state=state,
            shared=True,
            now=running.name.label.partition(": ")[2] if running else "",
            since=running.started if running else min((s.started for s in worked if s.started), default=None),
            ended=max((s.completed for s in steps if s.completed), default=None) if state is RowState.DONE else None,
            reached=sum(s.reached for s in steps),
            total=len(steps),
            moved=moved,
            counts=_counts(steps),
        )
        return self._with_log(row, [failed] if failed else [s for s in steps if s.reached], place)

    def _with_log(self, row: Row, steps: Sequence[Step], place: _Place | None = None) -> Row:
        """Add what Go says in the log of these steps; ``place``: of a compile that several targets share."""
        texts = [self.trace.log(step) for step in steps]
        logs = [golog.parse(text) for text in texts]
        compiled = [path for log in logs for path in log.compiled]
        modules = [module for log in logs for module in log.downloaded]
        of, left = 0, None
        if place and row.label.startswith("go build ") and place[0].startswith("compile") and not self.several:
            platform = place[1] or only_platform(self.targets)
            known = self.expected.packages(platform, commands_of(self.targets))
            of = known if known >= len(compiled) else 0
            elapsed = self.now - (row.since or self.now)
            if row.state is RowState.WORKING and elapsed >= TELLING_SECONDS:
                left = self.expected.seconds_left(platform, set(compiled), elapsed)
        return replace(
            row,
            packages=len(compiled),
            of=of,
            package=compiled[-1] if compiled else "",
            modules=len(modules),
            module=f"{modules[-1].path} {modules[-1].version}" if modules else "",
            left=left,
            said=_said(texts, logs, failed=row.state is RowState.FAILED),
        )

    def _images(self) -> list[Row]:
        """Base images that are on their way."""
        found: dict[str, Row] = {}
        for step in filter(self._fetches, self.trace.steps):
            moved = together(self.moves, step.digests)
            label = place_label("", step.name.platform, base=step.name)
            several = (
                len({s.name.platform for s in self.trace.steps if s.name.instruction == step.name.instruction}) > 1
            )
            label = f"{label} {step.name.platform.removeprefix('linux/')}".rstrip() if several else label
            if moved or self.now - (step.started or self.now) >= _RESOLVING_SECONDS:
                found.setdefault(
                    label, Row(label=label, state=RowState.WORKING, shared=True, since=step.started, moved=moved)
                )
        return list(found.values())

    def _registries(self) -> list[Row]:
        """Registries that are asked about base images, while nothing else goes on."""
        asked = {s.name.instruction: s for s in self.trace.steps if s.name.kind is StepKind.METADATA and s.running}
        return [
            Row(
                label=f"base image {image_of(text)}",
                state=RowState.WORKING,
                shared=True,
                now="asking its registry",
                since=step.started,
            )
            for text, step in sorted(asked.items())
        ]

    def _files(self) -> list[Row]:
        """Large contexts on their way to the engine."""
        moved = together(
            self.moves, (d for s in self.trace.steps if s.name.kind is StepKind.CONTEXT for d in s.digests)
        )
        if not moved or moved.current < _LEAST_BYTES:
            return []
        return [Row(label="files for the engine", state=RowState.WORKING, shared=True, moved=moved)]

    # ---- targets

    def _target(self, target: Target) -> Row:
        single = len(self.targets) == 1  # BuildKit's names leave out the only target
        mine = [*self.steps[target.name], *(self.steps[""] if single else [])]
        steps = [s for s in mine if s.name.kind.counts]
        exports = [s for s in mine if s.name.kind is StepKind.EXPORT_IMAGE]
        own = [s for s in (*steps, *exports) if _place(s) not in self.shared and not self._fetches(s)]
        row = Row(
            label=f"{target.service.name} {target.strategy}",
            state=RowState.WAITING,
            reached=sum(s.reached for s in steps),
            total=len(steps),
            counts=_counts(steps),
        )
        running = _oldest(own)
        if failed := [s for s in (*steps, *exports) if s.failed]:
            mine = [s for s in failed if s in own]
            others = () if mine else tuple(dict.fromkeys(self._label(_place(s)) for s in failed))
            return self._with_log(replace(row, state=RowState.FAILED, waits=others), mine[:1])
        if self.cancels and any(s.canceled for s in (*steps, *exports)):
            return replace(row, state=RowState.CANCELED)
        if running:
            several = len(target.platforms) > 1 and running.name.platform
            platform = running.name.platform.removeprefix("linux/") if several else ""
            what = running.name.label.partition(": ")[2] or instruction(running.name)
            now = " ".join(filter(None, (platform, what)))
            moved = together(self.moves, running.digests)
            now = "" if moved and moved.doing else now
            row = replace(row, state=RowState.WORKING, now=now, since=running.started, moved=moved)
            return self._with_log(row, [running])
        if waits := self._waits(steps):
            return replace(row, waits=waits)
        return replace(row, state=RowState.DONE) if exports else row

    def _fetches(self, step: Step) -> bool:
        """Whether a step is a base image that is resolved or on its way, which has a row of its own."""
        return step.name.kind is StepKind.BASE and (step.running or together(self.moves, step.digests) is not None)

    def _waits(self, steps: Sequence[Step]) -> tuple[str, ...]:
        """The labels of the shared work that a target waits for."""
        found: dict[str, None] = {}
        for step in sorted(steps, key=lambda s: (s.started or 0.0, s.key)):
            if step.name.kind is StepKind.BASE:
                if self._fetches(step):
                    found[place_label("", step.name.platform, base=step.name)] = None
            elif step.running:
                found[self._label(_place(step))] = None
        return tuple(found)


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


def _said(texts: Sequence[str], logs: Sequence[golog.GoLog], *, failed: bool) -> str:
    """The last line of some output that is neither a package nor the step's sign of life; of a failure Go's error."""
    if failed and (errors := [error for log in logs for error in log.errors]):
        return one_line(str(errors[0]))
    named = {path for log in logs for path in log.compiled} | {golog.BEAT}
    for text in reversed(texts):
        for line in reversed(printable(text[-2000:]).split("\n")):
            if line.strip() and line.strip() not in named and not line.startswith("go: downloading "):
                return one_line(line)
    return ""


def _oldest(steps: Iterable[Step]) -> Step | None:
    return min((s for s in steps if s.running), key=lambda s: (s.started or 0.0, s.key), default=None)


def _counts(steps: Sequence[Step]) -> dict[Outcome, int]:
    """Steps by outcome, without running ones, which have none yet."""
    return dict(Counter(s.outcome for s in steps if s.counts and not s.running))
