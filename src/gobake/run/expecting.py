"""What a build will probably compile: from the last runs, else from the host's Go. Only the display needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from gobake.errors import Unwritable
from gobake.gotool import settings
from gobake.gotool.asking import Query, Question
from gobake.gotool.counting import packages_of
from gobake.insight.expected import Compiled, Expected, expected
from gobake.insight.history import Records
from gobake.model import Platform
from gobake.plan.build_plan import BuildPlan
from gobake.proc import futures
from gobake.runs.record import RunRecord
from gobake.runs.store import RunStore

_READING_SECONDS = 1.0


def begin(plan: BuildPlan, recent: Sequence[RunRecord], tell: Callable[[Expected], None]) -> None:
    """Tell what the last runs say of the compiles; then, in the background, what others and Go say of those they lack.

    ``recent``: those that could be read at once, newest first.
    """
    known = expected(recent)
    tell(known)
    if len(plan.stages) == 1 and _lacking(plan, known):
        futures.start(lambda: _look_further(plan, known, tell))


def _look_further(plan: BuildPlan, known: Expected, tell: Callable[[Expected], None]) -> None:
    if earlier := _earlier(plan.history):
        known = expected(earlier)
        tell(known)
    if plan.opened.host_go:
        _ask(plan, plan.opened.host_go, known, tell)


def _earlier(history: Path) -> list[RunRecord]:
    try:
        with RunStore(history, writes=False) as store:
            return Records(store).read_ahead(_READING_SECONDS)
    except Unwritable:
        return []


def _commands(plan: BuildPlan) -> frozenset[str]:
    return frozenset(command.package for command in plan.stages[0].commands)


def _lacking(plan: BuildPlan, known: Expected) -> list[Platform]:
    commands = _commands(plan)
    return [platform for platform in plan.matrix.platforms if not known.packages(str(platform), commands)]


def _ask(plan: BuildPlan, go: str, known: Expected, tell: Callable[[Expected], None]) -> None:
    """Ask Go for the packages of the commands, as the survey asked it: without network, compiling nothing."""
    commands = sorted(_commands(plan))
    stage, layout = plan.stages[0], plan.opened.tree.layout
    root = next(b for b in layout.builds if b.directory == layout.context / stage.build_root)
    for platform in _lacking(plan, known):
        variables = settings.deciding(dict(stage.options.env))
        query = Query(platform=platform, tags=stage.options.tags, variables=variables)
        many = packages_of(commands, Question(root=root, query=query), go)
        if many:
            known = Expected(compiles=(*known.compiles, _counted(platform, commands, many)))
            tell(known)


def _counted(platform: Platform, commands: Iterable[str], packages: int) -> Compiled:
    return Compiled(
        platform=str(platform),
        packages=packages,
        commands=tuple((command, 0) for command in commands),
        compiled=frozenset(),
        seconds=0.0,
    )
