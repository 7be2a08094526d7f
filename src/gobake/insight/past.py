"""The runs before one, and the last of them that had a step."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import cached_property

from msgspec import Struct

from gobake.insight.identity import Place
from gobake.runs.outcomes import Outcome
from gobake.runs.record import RunRecord, StepRecord, TargetRecord
from gobake.trace.names import TRACE as TRACE

MISSED = (Outcome.EXECUTED, Outcome.SHARED)
_HAD = (*MISSED, Outcome.REUSED, Outcome.IMPORTED, Outcome.UNKNOWN)


class Look(Struct, frozen=True, dict=True):
    """A run with cached views of it."""

    run: RunRecord

    @cached_property
    def targets(self) -> dict[str, TargetRecord]:
        return {target.name: target for target in self.run.targets}

    @cached_property
    def files(self) -> dict[str, str]:
        return dict(self.run.inputs.files)

    @cached_property
    def copied(self) -> dict[str, str]:
        """Files that go into images; records of older versions do not separate them from the compile's files."""
        return dict(self.run.inputs.copied or self.run.inputs.files)

    @cached_property
    def variables(self) -> dict[str, str]:
        return dict(self.run.inputs.variables)

    @cached_property
    def places(self) -> tuple[Place, ...]:
        return tuple(self._place(step) for step in self.run.steps)

    @cached_property
    def _only_platform(self) -> str:
        """The platform of all targets if there is only one, else ""."""
        found = {platform for target in self.run.targets for platform in target.platforms}
        return next(iter(found)) if len(found) == 1 else ""

    def _place(self, step: StepRecord) -> Place:
        words = step.site.split()
        return Place(
            target=self.target_of(step.target),
            platform=step.platform or self._only_platform,
            stage=step.stage,
            index=int(words[-2]) if len(words) > 1 and words[-2].isdecimal() else 0,
            verb=step.instruction.partition(" ")[0],
            text=step.instruction,
        )

    def target_of(self, name: str) -> str:
        """The target of a name; a bake target that only exports a platform's cache belongs to the cache's target."""
        return name if name in self.targets or "--" not in name else name.partition("--")[0]

    @cached_property
    def had(self) -> dict[Hashable, int]:
        """Positions of the steps that ended with a result, by every reading of their places."""
        found: dict[Hashable, int] = {}
        for at, (step, place) in enumerate(zip(self.run.steps, self.places, strict=True)):
            ended = step.started is not None and step.seconds is not None
            if step.outcome in _HAD and ended and not step.error and not step.canceled:
                for reading in place.readings():
                    found.setdefault(reading, at)
        return found

    def find(self, place: Place) -> int | None:
        return next((self.had[reading] for reading in place.readings() if reading in self.had), None)

    def needs(self, at: int) -> tuple[int, ...]:
        """Positions of the steps whose results a step used."""
        return tuple(need for need in self.run.steps[at].needs if 0 <= need < len(self.run.steps) and need != at)

    def ancestors(self, at: int) -> tuple[int, ...]:
        """Positions of all steps that a step builds on, nearest first."""
        found: dict[int, None] = {}
        waiting = list(self.needs(at))
        for need in waiting:
            if need not in found and need != at:
                found[need] = None
                waiting.extend(self.needs(need))
        return tuple(found)


class Found(Struct, frozen=True, kw_only=True):
    """A step of an earlier run."""

    look: Look
    at: int


class Past:
    """The runs before one. Those of the same targets come first, as they have the same compile steps."""

    def __init__(self, record: RunRecord, earlier: Sequence[RunRecord]) -> None:
        before = [run for run in earlier if run.id != record.id]
        names = {target.name for target in record.targets}
        before.sort(key=lambda run: {target.name for target in run.targets} != names)  # stable: newest first within
        self.looks = tuple(Look(run) for run in before)

    def all(self, place: Place) -> Iterator[Found]:
        for look in self.looks:
            at = look.find(place)
            if at is not None:
                yield Found(look=look, at=at)

    def last(self, place: Place) -> Found | None:
        return next(self.all(place), None)
