"""`gobake metrics`: the history for Prometheus."""

from __future__ import annotations

import click

from gobake.cli.options import given_as, history_option, on_command_line, project_options, without_meaning
from gobake.cli.records import RecordsGiven, open_records, project_and_history, record_of
from gobake.errors import UsageError
from gobake.text.say import say, show


class MetricsGiven(RecordsGiven, frozen=True, kw_only=True):
    """What `gobake metrics` is given."""

    listen: str | None
    push: str | None


@click.command("metrics")
@without_meaning("builder", "verbose")
@click.option(
    "--listen",
    metavar="[ADDR:]PORT",
    help="Serve /metrics until Ctrl-C, on the loopback address unless another is given.",
)
@click.option(
    "--push",
    envvar="GOBAKE_PUSH_GATEWAY",
    metavar="URL",
    help="Send the last run to a push gateway.",
)
@history_option
@project_options
@given_as(MetricsGiven)
def metrics_command(given: MetricsGiven) -> None:
    """Print the last run of each branch, and totals over all runs, as Prometheus metrics.

    \b
    gobake metrics --listen 9469                   for Prometheus to scrape
    gobake metrics --push http://gateway:9091      from CI, after a build
    gobake report --format prometheus -o X.prom    for node_exporter's textfile collector
    """
    if given.listen is not None and on_command_line("push"):
        raise UsageError("--listen waits to be asked and --push sends", remedy="leave one out")
    if given.listen is not None:
        _listen(given, given.listen)
    elif given.push:
        _push(given, given.push)
    else:
        _print(given)


def _print(given: MetricsGiven) -> None:
    from gobake.report.prometheus.collector import Meter
    from gobake.report.prometheus.exposition import text

    project, folder = project_and_history(given)
    with open_records(given, folder) as store:
        store.resolve("last")  # says what to do if there is none
        show(text(Meter(project.name).read(store)), nl=False)


def _push(given: MetricsGiven, gateway: str) -> None:
    from gobake.insight.history import card_of
    from gobake.report.prometheus.exposition import exposition
    from gobake.report.prometheus.push import push

    with open_records(given) as store:
        record = record_of(store, "last")
        push(gateway, exposition(card_of(store, record)), project=record.project, branch=record.branch)
    if not given.project.quiet:
        say(f"run {record.id} pushed")


def _listen(given: MetricsGiven, place: str) -> None:
    from prometheus_client import CollectorRegistry

    from gobake.report.prometheus.collector import Meter
    from gobake.report.prometheus.server import address, serve

    where = address(place)
    project, folder = project_and_history(given)
    meter = Meter(project.name)

    def read() -> CollectorRegistry:
        with open_records(given, folder) as store:
            return meter.read(store)

    read()  # the first read of a long history is slow, so it is done before Prometheus waits for it
    serve(where, read, say=lambda text: None if given.project.quiet else say(f"{text}  (Ctrl-C ends it)", err=True))
