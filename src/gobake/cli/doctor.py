"""`gobake doctor`: what is wrong with this machine, its engine, its builder and its registries."""

from __future__ import annotations

import json

import click
from msgspec import Struct
from msgspec.structs import replace

from gobake.cli.options import (
    CachesGiven,
    ProjectGiven,
    cache_options,
    caches_of,
    format_option,
    given_as,
    project_options,
    request,
    without_meaning,
)
from gobake.errors import ExitCode
from gobake.text.say import show


class DoctorGiven(Struct, frozen=True, kw_only=True):
    """What `gobake doctor` is given."""

    project: ProjectGiven
    caches: CachesGiven
    fix: bool
    form: str


@click.command("doctor")
@without_meaning("verbose", "quiet")
@project_options
@cache_options
@click.option(
    "--fix", is_flag=True, help="Start nodes that stand still, and delete this project's cache mounts of a month ago."
)
@format_option
@given_as(DoctorGiven)
def doctor_command(given: DoctorGiven) -> int:
    """Check engine, buildx, builder, image store, platforms, garbage collection, disks, clocks, registries and proxies.

    Each finding has its remedy. The exit code is 3 if there is a problem. Nothing is changed without --fix, but that an
    upload to the registry is begun and given up.
    """
    from gobake.doctor.examine import examine, mend
    from gobake.doctor.findings import State
    from gobake.engine import BuilderQuery
    from gobake.plan.request import BuildRequest
    from gobake.report import doctor
    from gobake.targets.matrix import Selection

    with BuilderQuery(given.project.builder) as query:
        wanted = BuildRequest(
            project=replace(request(given.project), lenient=True),
            selection=Selection(every_strategy=True),
            caches=caches_of(given.caches),
        )
        patient, findings = examine(wanted, query)
        done = tuple(mend(patient, findings, given.project.builder)) if given.fix else ()
    if given.form == "json":
        show(json.dumps(doctor.as_json(findings, done), indent=2))
    else:
        doctor.print_findings(findings, done)
    return ExitCode.NO_ENGINE if any(one.state is State.PROBLEM for one in findings) else ExitCode.DONE
