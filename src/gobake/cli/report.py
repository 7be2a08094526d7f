"""`gobake report`: how well the caches of a run worked, and how runs compare."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gobake.cli import completing
from gobake.cli.options import (
    GateGiven,
    gate_options,
    gate_wish,
    given_as,
    history_option,
    on_command_line,
    project_options,
    request,
    without_meaning,
)
from gobake.cli.records import RecordsGiven, open_records, record_of
from gobake.cli.single_options import output_option
from gobake.cli.strays import tell_stray
from gobake.errors import Unwritable, UsageError
from gobake.runs.outcomes import RunOutcome
from gobake.text.say import say, show

if TYPE_CHECKING:
    from gobake.insight.account import Account
    from gobake.insight.card import RunSummary
    from gobake.runs.record import RunRecord
    from gobake.runs.store import RunStore

_FORMATS = ("text", "json", "markdown", "prometheus", "html")
_PAGE = Path("gobake-report.html")


class ReportGiven(RecordsGiven, frozen=True, kw_only=True):
    """What `gobake report` is given."""

    gate: GateGiven
    run: str
    form: str
    opened: bool
    output: Path | None
    compare: str
    last: int | None


@click.command("report")
@without_meaning("builder", "verbose")
@click.argument("run", default="last", metavar="[RUN]", shell_complete=completing.runs)
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option(
    "--open",
    "opened",
    is_flag=True,
    help="Write the page of --format html and open it in the browser, if there is one.",
)
@output_option("Write the report to this file.")
@click.option(
    "--compare",
    default="",
    metavar="RUN|BRANCH",
    shell_complete=completing.runs,
    help="Compare with another run, or with the last successful one of a branch.",
)
@click.option(
    "--last",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="Show the last N runs, and the trends of their branches.",
)
@gate_options
@history_option
@project_options
@given_as(ReportGiven)
def report_command(given: ReportGiven) -> None:
    """Show how well the caches of a run worked: steps, Go packages, seconds spent and saved.

    RUN is an id, the beginning of one, `last`, or `last~1` for the run before it.
    """
    from gobake.insight.history import summaries
    from gobake.runs.window import SUMMARIES

    page = given.form == "html" or given.opened
    if given.opened and given.form != "html" and on_command_line("form"):
        raise UsageError(f"--open opens a page, and --format is {given.form}", remedy="leave one out")
    if given.last and not page and (given.compare or given.run != "last" or given.form == "prometheus"):
        raise UsageError(
            "--last is about many runs, and RUN, --compare and --format prometheus about one", remedy="leave one out"
        )
    with open_records(given) as store:
        if page:
            known = summaries(store, max(given.last or 0, SUMMARIES))
            record, found = _write_page(given, store, known)
            _judge(given, known[:SUMMARIES], record, found)
            return
        if given.last:
            with written_to(given.output):
                _print_runs(given, given.last, store)
            return
        known = summaries(store, SUMMARIES)
        with written_to(given.output):
            record, found = _print_run(given, store, known)
        _judge(given, known, record, found)


def _print_run(given: ReportGiven, store: RunStore, known: Sequence[RunSummary]) -> tuple[RunRecord, Account]:
    from gobake.insight.history import account_of, card_of

    record = record_of(store, given.run)
    form = given.form
    other = _other(store, record, given.compare, known) if given.compare else None
    found = account_of(store, record, card_of(store, other) if other else None, known)
    if form == "json":
        from gobake.report.figures_json import Report, as_json

        show(json.dumps(as_json(Report(account=found)), indent=2))
    elif form == "prometheus":
        from gobake.report.prometheus.exposition import exposition

        show(exposition(found.card), nl=False)
    elif form == "markdown":
        from gobake.report.figures_markdown import as_markdown

        show(as_markdown(found), nl=False)
    else:
        from gobake.report.figures_text import print_report

        print_report(found, color=given.project.color)
    return record, found


def _print_runs(given: ReportGiven, count: int, store: RunStore) -> None:
    from gobake.insight.history import account_of, summaries
    from gobake.insight.trend import trends
    from gobake.runs.window import SUMMARIES

    known = summaries(store, max(count, SUMMARIES))
    found = known[:count]
    if not found:
        record_of(store, "last")  # says why there is none
    course = trends(found)
    if given.form == "json":
        from gobake.report.figures_json import Report, as_json

        account = account_of(store, record_of(store, found[0].id), known=known)
        show(json.dumps(as_json(Report(account=account, runs=found, trends=course)), indent=2))
    elif given.form == "markdown":
        from gobake.report.figures_markdown import runs_as_markdown

        show(runs_as_markdown(found, course), nl=False)
    else:
        from gobake.report.figures_text import print_runs

        print_runs(found, course, color=given.project.color)


def _write_page(given: ReportGiven, store: RunStore, known: Sequence[RunSummary]) -> tuple[RunRecord, Account]:
    """Write the page to a file, then print where it is."""
    from gobake.insight.growth import course
    from gobake.insight.history import account_of, card_of, earlier, package_costs
    from gobake.insight.trend import trends
    from gobake.report.html.bundle import bundle
    from gobake.report.html.page import Page, as_html
    from gobake.runs.window import SUMMARIES

    vega = bundle()  # first: if it is missing, nothing else is needed
    record = record_of(store, given.run)
    other = _other(store, record, given.compare, known) if given.compare else None
    past = earlier(store, record)  # large records, read once for both
    found = account_of(store, record, card_of(store, other) if other else None, known[:SUMMARIES], past)
    runs = known[: given.last or SUMMARIES]
    page = Page(
        account=found,
        runs=runs,
        trends=trends(runs),
        package_costs=package_costs(record, past),
        points=course(record, past),
    )
    file = given.output or _PAGE
    with written_to(file):
        show(as_html(page, vega), nl=False)
    if file.is_file():  # not for /dev/stdout
        say(f"the report of run {record.id} is in {file}")
        tell_stray(file, quiet=given.project.quiet)
        if given.opened and _has_browser():
            import webbrowser

            webbrowser.open(file.resolve().as_uri())
    return record, found


def _has_browser() -> bool:
    """Whether a browser has a window to open: not in a CI, and on Linux only with a display."""
    if os.environ.get("CI"):
        return False
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


# ---- runs


def _other(store: RunStore, record: RunRecord, name: str, known: Sequence[RunSummary]) -> RunRecord:
    """Return the run with an id, or the last successful one of a branch."""
    branch = next((d for d in known if d.branch == name and d.id != record.id and d.outcome == RunOutcome.DONE), None)
    if branch:
        return record_of(store, branch.id)
    try:
        return record_of(store, name)
    except UsageError as error:
        raise UsageError(
            f"--compare: {error.what}, and no run of a branch {name!r} went well", remedy=error.remedy
        ) from None


# ---- the gate


def _judge(given: ReportGiven, known: Sequence[RunSummary], record: RunRecord, found: Account) -> None:
    """Judge if an option asks for it; gobake.yaml has the defaults of the other options. Raises GateFailed."""
    from gobake.config.gates import GateConfig
    from gobake.insight.gate import gate_of
    from gobake.plan.discover import open_project
    from gobake.run.gate import Past, judge_or_fail

    wish = gate_wish(given.gate)
    if wish == GateConfig():
        return
    config = open_project(request(given.project, history=given.history)).config
    branch = record.branch or next(iter(record.fallbacks), "")
    gate = gate_of(config.gate if config else GateConfig(), wish, branch)
    if gate.asks:
        past = Past(summaries=[summary for summary in known if summary.id < record.id], growth=found.growth)
        project = given.project
        judge_or_fail(gate, found.card, past, found.explanation, color=project.color, quiet=project.quiet)


# ---- where it goes


@contextmanager
def written_page(output: Path | None, page: Path | None, what: str, *, quiet: bool) -> Iterator[None]:
    """Write what is printed to the file, or to the usual one of a page. ``what``: to say of a page, `the sizes are`."""
    file = output or page
    with written_to(file):
        yield
    if page and file and file.is_file():  # not for /dev/stdout
        say(f"{what} in {file}")
        tell_stray(file, quiet=quiet)


@contextmanager
def written_to(file: Path | None) -> Iterator[None]:
    """Write what is printed to the file, completely or not at all."""
    from gobake.files import atomic

    if file is None:
        yield
        return
    special = file.exists() and not file.is_file()  # such as /dev/stderr
    try:
        with file.open("wb") if special else atomic.replaced(file) as raw:
            out = TextIOWrapper(raw, encoding="utf-8")
            try:
                with redirect_stdout(out):
                    yield
            finally:
                out.detach()  # closed where it was opened
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unwritable(f"{file} cannot be written: {reason}", remedy="name a file elsewhere") from None
