"""What a compile will probably come to, from the last runs: packages in all, and seconds left. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Set

from msgspec import Struct

from gobake.runs.outcomes import Outcome
from gobake.runs.record import GoRecord, RunRecord


class Compiled(Struct, frozen=True, kw_only=True):
    """A compile of an earlier run, for one platform."""

    platform: str
    packages: int  # of all commands
    commands: tuple[tuple[str, int], ...]  # (import path, its packages)
    compiled: frozenset[str]
    seconds: float  # of the step, or of this machine's go builds


class Expected(Struct, frozen=True, kw_only=True):
    """What earlier runs tell; the newest first."""

    compiles: tuple[Compiled, ...] = ()

    def packages(self, platform: str, commands: Set[str]) -> int:
        """Return the number of packages of these commands (import paths); 0 if it is unknown."""
        for one in self._of(platform):
            known = dict(one.commands)
            if known.keys() == commands:
                return one.packages
            if len(commands) == 1 and commands <= known.keys():
                return known[next(iter(commands))]
        return 0

    def seconds_left(self, platform: str, compiled: Set[str], elapsed: float) -> float | None:
        """Return the probable rest of a compile that has compiled these packages so far; None if it is unknown.

        The last compile that compiled them all, and few others, is a model for this one.
        """
        models = [one for one in self._of(platform) if compiled and compiled <= one.compiled and one.seconds > 0]
        model = min(models, key=lambda one: len(one.compiled), default=None)
        if model is None:
            return None
        share = len(compiled) / len(model.compiled)
        by_model = model.seconds * (1 - share)
        by_pace = elapsed / share - elapsed
        # the pace of this run counts more, the more of it is known
        return max(0.0, by_model * (1 - share) + by_pace * share)

    def _of(self, platform: str) -> Iterable[Compiled]:
        return (one for one in self.compiles if one.platform == platform)


def expected(records: Iterable[RunRecord]) -> Expected:
    """Return what these runs, newest first, tell of later ones."""
    return Expected(compiles=tuple(one for record in records for work in record.go if (one := _compiled(record, work))))


def _compiled(record: RunRecord, work: GoRecord) -> Compiled | None:
    if not work.packages or not work.commands:
        return None
    steps = [
        step.seconds or 0.0
        for step in record.steps
        if step.outcome == Outcome.EXECUTED
        and step.platform in (work.platform, "")
        and step.stage.startswith("compile")
        and not step.error
    ]
    return Compiled(
        platform=work.platform,
        packages=work.packages,
        commands=tuple((command.package, command.packages) for command in work.commands),
        compiled=frozenset(path for path, _ in work.compiled),
        seconds=max(steps, default=0.0),
    )
