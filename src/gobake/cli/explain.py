"""`gobake explain`: why steps missed and packages were compiled, in the last or any run."""

from __future__ import annotations

import json

import click
from msgspec.structs import replace

from gobake.cli import completing
from gobake.cli.options import given_as, history_option, project_options, without_meaning
from gobake.cli.records import RecordsGiven, open_records
from gobake.insight.causes import Explanation
from gobake.runs.record import RunRecord, TargetRecord, UnreadableRecord
from gobake.text.say import show


class ExplainGiven(RecordsGiven, frozen=True, kw_only=True):
    """What `gobake explain` is given."""

    target: str
    run: str
    form: str


@click.command("explain")
@without_meaning("builder", "verbose", "quiet")
@click.argument("target", default="", metavar="[TARGET]", shell_complete=completing.targets)
@click.option(
    "--run",
    "run",
    default="last",
    metavar="RUN",
    shell_complete=completing.runs,
    help="The run: an id, the beginning of one, `last`, or `last~1` for the run before it.",
)
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@history_option
@project_options
@given_as(ExplainGiven)
def explain_command(given: ExplainGiven) -> None:
    """Explain why steps missed the cache.

    Shows the first miss of each target, what changed, and which Go packages were compiled as a result.

    TARGET is a target (api-scratch) or a service (api). Without TARGET, all targets of the run are explained.
    """
    from gobake.errors import UsageError
    from gobake.insight.explain import explain
    from gobake.insight.history import earlier
    from gobake.report import explained

    with open_records(given) as store:
        run_id = store.resolve(given.run)
        try:
            record = store.get(run_id)
        except UnreadableRecord as error:
            raise UsageError(f"run {run_id} {error}") from None
        chosen = _targets(record, given.target)
        found = _only(explain(record, earlier(store, record)), record, chosen)
    if given.form == "json":
        show(json.dumps(explained.as_json(found), indent=2))
    elif given.form == "markdown":
        show(explained.as_markdown(found), nl=False)
    else:
        explained.print_explanation(found, color=given.project.color)


def _targets(record: RunRecord, name: str) -> frozenset[str]:
    """Return the targets that a name means; empty without a name."""
    if not name:
        return frozenset()
    found = frozenset(t.name for t in record.targets if name in (t.name, t.service) or _lies_in(t, name))
    if found:
        return found
    from gobake.config.spelling import shown
    from gobake.errors import UsageError
    from gobake.text.nearest import did_you_mean
    from gobake.text.printable import one_line

    known = sorted({one_line(word) for t in record.targets for word in (t.name, t.service)})
    otherwise = f"`gobake runs show {record.id}` lists its targets"
    remedy = did_you_mean(name, known, otherwise) if known else "run `gobake build` first"
    raise UsageError(f"run {record.id} built no target or service {shown(name)}", remedy=remedy)


def _lies_in(target: TargetRecord, path: str) -> bool:
    """Whether a folder (./cmd/api) or an import path is that of the target's command."""
    bare = path.removeprefix("./").rstrip("/")
    return (
        "/" in path
        and bare != ""
        and any(f"/{package}".endswith(f"/{bare}") for package in (target.package, *target.programs))
    )


def _only(found: Explanation, record: RunRecord, chosen: frozenset[str]) -> Explanation:
    """Return what concerns the chosen targets; Go packages are chosen by the commands that contain them."""
    if not chosen:
        return found
    from gobake.insight.scorecard import made_of

    misses = tuple(miss for miss in found.misses if chosen & {miss.target, *miss.targets})
    wanted = [target for target in record.targets if target.name in chosen]
    packages = {
        (work.platform, work.compiled[at][0])
        for work in record.go
        for command in work.commands
        if any(made_of(target, command.package) for target in wanted)
        for at in command.compiled
        if 0 <= at < len(work.compiled)
    }
    causes = tuple(c for c in found.packages if any((c.platform, name) in packages for name in c.packages))
    services = {target.service for target in wanted}
    host = tuple(one for one in found.host if services & set(one.services))
    return replace(found, misses=misses, packages=causes, host=host)
