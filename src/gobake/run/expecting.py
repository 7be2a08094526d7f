"""What a build will probably compile: from the last runs, else from the host's Go. Only the display needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from gobake.gotool import settings
from gobake.gotool.asking import Query, Question
from gobake.gotool.counting import packages_of
from gobake.insight.expected import Compiled, Expected, expected
from gobake.model import Platform
from gobake.plan.build_plan import BuildPlan
from gobake.proc import futures
from gobake.runs.record import RunRecord


def begin(plan: BuildPlan, recent: Sequence[RunRecord], tell: Callable[[Expected], None]) -> None:
    """Tell what the last runs say of the compiles; then, in the background, what Go says of those that they lack.

    ``recent``: newest first.
    """
    known = expected(recent)
    tell(known)
    if len(plan.stages) != 1 or not plan.host_go:
        return
    commands = frozenset(command.package for command in plan.stages[0].commands)
    lacking = [platform for platform in plan.matrix.platforms if not known.packages(str(platform), commands)]
    if lacking:
        futures.start(lambda: _ask(plan, sorted(commands), lacking, known, tell))


def _ask(
    plan: BuildPlan,
    commands: Sequence[str],
    platforms: Iterable[Platform],
    known: Expected,
    tell: Callable[[Expected], None],
) -> None:
    stage, layout = plan.stages[0], plan.opened.tree.layout
    root = next(b for b in layout.builds if b.directory == layout.context / stage.build_root)
    for platform in platforms:
        variables = settings.deciding(dict(stage.options.env))
        query = Query(platform=platform, tags=stage.options.tags, variables=variables)
        many = packages_of(commands, Question(root=root, query=query), plan.host_go or "go")
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
