"""`gobake metrics`: the history for Prometheus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gobake.cli.options import as_given, history_option, project_options, request
from gobake.errors import UsageError
from gobake.text.say import say, show

if TYPE_CHECKING:
    from gobake.model import Project


@click.command("metrics")
@click.option(
    "--listen",
    metavar="[ADDR:]PORT",
    help="Serve /metrics until Ctrl-C; on the loopback address unless another is named.",
)
@click.option(
    "--push",
    envvar="GOBAKE_PUSH_GATEWAY",
    metavar="URL",
    help="Send the last run to a push gateway.",
)
@history_option
@project_options
@as_given
def metrics_command(given: dict[str, Any]) -> None:
    """Print the last run of each branch, and sums over all runs, as Prometheus metrics.

    \b
    gobake metrics --listen 9469                   for Prometheus to scrape
    gobake metrics --push http://gateway:9091      from CI, after a build
    gobake report --format prometheus -o X.prom    for node_exporter's textfile collector
    """
    listen = given["listen"] is not None
    if listen and click.get_current_context().get_parameter_source("push") is click.core.ParameterSource.COMMANDLINE:
        raise UsageError("--listen waits to be asked and --push sends", remedy="leave one out")
    if listen:
        _listen(given)
    elif given["push"]:
        _push(given)
    else:
        _print(given)


def _print(given: dict[str, Any]) -> None:
    from gobake.report.prometheus.collector import Meter
    from gobake.report.prometheus.exposition import text
    from gobake.runs.begun import open_history

    project, folder = _opened(given)
    with open_history(folder) as store:
        store.resolve("last")  # says what to do if there is none
        show(text(Meter(project.name).read(store)), nl=False)


def _push(given: dict[str, Any]) -> None:
    from gobake.cli.report import _record
    from gobake.insight.history import card_of
    from gobake.report.prometheus.exposition import exposition
    from gobake.report.prometheus.push import push
    from gobake.runs.begun import open_history

    with open_history(_opened(given)[1]) as store:
        record = _record(store, "last")
        push(given["push"], exposition(card_of(store, record)), project=record.project, branch=record.branch)
    if not given["quiet"]:
        say(f"run {record.id} pushed")


def _listen(given: dict[str, Any]) -> None:
    from prometheus_client import CollectorRegistry

    from gobake.report.prometheus.collector import Meter
    from gobake.report.prometheus.server import address, serve
    from gobake.runs.begun import open_history

    where = address(given["listen"])
    project, folder = _opened(given)
    meter = Meter(project.name)

    def read() -> CollectorRegistry:
        with open_history(folder) as store:
            return meter.read(store)

    read()  # the first read of a long history is slow, so it is done before Prometheus waits for it
    serve(where, read, say=lambda text: None if given["quiet"] else say(f"{text}  (Ctrl-C ends it)", err=True))


def _opened(given: dict[str, Any]) -> tuple[Project, Path]:
    """Return (the project, the folder of its records)."""
    from gobake.plan.discover import history_folder, open_project

    asked = request(given)
    opened = open_project(asked)
    return opened.project, history_folder(opened, asked)
