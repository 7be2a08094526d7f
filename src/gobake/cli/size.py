"""`gobake size`: where every byte of an image and of its program is, and what grew."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct
from msgspec.structs import replace

from gobake.cli import completing
from gobake.cli.options import ProjectGiven, bases_of, given_as, history_option, joined, project_options, request
from gobake.cli.param_types import BaseList, MostGrowth, MostSize, NameList, worded
from gobake.cli.single_options import output_option, platform_option
from gobake.config.gates import NONE, GrowthLimit, SizeLimit
from gobake.errors import NoEngine, ProjectError, UsageError
from gobake.model import Platform, Strategy
from gobake.text.printable import one_line
from gobake.text.say import show

if TYPE_CHECKING:
    from gobake.cli.size_against import Shipped
    from gobake.insight.growth import Grown
    from gobake.plan.discover import Opened
    from gobake.size.growth import Document
    from gobake.size.measure import Measured
    from gobake.size.values import SizeReport

_ALL = "all"
_BY_FUNCTIONS = "what grew is counted by functions alone: no more is known of the program before"
_NO_MODULES = "has no sizes by module: builds record them if gobake.yaml has a limit on sizes (gate.max_growth)"
_PATH = ("/", "./", "../", "~/")
_FORMATS = ("text", "json", "markdown", "html")
_PAGE = Path("gobake-size.html")


class SizeGiven(Struct, frozen=True, kw_only=True):
    """What `gobake size` is given."""

    project: ProjectGiven
    history: Path | None
    what: str
    platforms: tuple[tuple[Platform, ...], ...]
    strategy: str | None
    registry: str | None
    tag: str
    bases: tuple[dict[str, str], ...]
    against: str
    max_size: SizeLimit | None
    max_growth: GrowthLimit | None
    top: int
    without: bool
    form: str
    output: Path | None
    choices: tuple[str, ...]


@click.command("size")
@click.argument("what", metavar="SERVICE|IMAGE|PATH", shell_complete=completing.services)
@platform_option("The platform of the image; default: the builder's own, or the only one.")
@click.option(
    "-s", "--strategy", type=click.Choice([str(s) for s in Strategy]), help="The strategy; default: the service's own."
)
@click.option(
    "--registry",
    envvar="GOBAKE_REGISTRY",
    metavar="PREFIX",
    help="The prefix of the service's image, such as ghcr.io/acme.",
    callback=worded("REGISTRY", empty=False),
)
@click.option(
    "-t", "--tag", default="latest", metavar="T", callback=worded("TAG"), help="The tag of the service's image."
)
@click.option(
    "--base",
    "bases",
    envvar="GOBAKE_BASE",
    type=BaseList(),
    multiple=True,
    help="The base images of the service's build: NAME=REF as for it.",
)
@click.option(
    "--against",
    default="",
    metavar="RUN|REF|IMAGE|PATH",
    shell_complete=completing.runs,
    help="Compare with what a run built (an id, `last`, `last~1`), or the last run of a Git commit, branch or tag; "
    "with another image or program, or JSON that `gobake size` wrote.",
)
@click.option(
    "--max-size",
    type=MostSize(),
    help="Fail if the compressed image is larger, such as 20MB; default: from gobake.yaml.",
)
@click.option(
    "--max-growth",
    type=MostGrowth(),
    help="Fail if it is larger than --against by more, such as 500kB or 5%; default: from gobake.yaml.",
)
@click.option(
    "--choices",
    type=NameList(),
    is_flag=False,
    flag_value=_ALL,
    default="",
    help="Measure what choices about the service's program save, each in a build of its own: strip, trimpath, netgo, "
    "osusergo, tags, upx, GOAMD64, GOARM64; default: all.",
)
@click.option(
    "--without",
    is_flag=True,
    help="Of a service: also tell what its program would lose without each module that its own packages import.",
)
@click.option("--top", type=click.IntRange(1, 10_000), default=10, show_default=True, help="Rows of each table.")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True)
@output_option(f"Write to this file; default of --format html: {_PAGE}.")
@history_option
@project_options
@given_as(SizeGiven)
def size_command(given: SizeGiven) -> None:
    """Show where every byte of an image and of its Go program is: by module, package, kind and layer.

    SERVICE is one of the project, whose image has been built. IMAGE is in the engine or a registry. PATH, which begins
    with ./, / or ~/, is a program, an archive of `docker save` or a folder with an OCI layout.

    The exit code is 5 if a limit is exceeded: of these options, or for a service of gobake.yaml.
    """
    from gobake.cli.report import written_page
    from gobake.cli.size_limits import judge, limits
    from gobake.paths import scratch_folder
    from gobake.size.growth import side_of

    if given.max_growth not in (None, NONE) and not given.against:
        raise UsageError("--max-growth needs something to compare with", remedy="give it with --against")
    with scratch_folder() as scratch:
        opened = _project(given)
        shipped = _shipped(given, opened) if opened else None
        now = _of_service(given, shipped, scratch) if shipped else _measured(given, opened, scratch)
        report, change = _compared(given, now, shipped, scratch)
    page = _PAGE if given.form == "html" else None
    with written_page(given.output, page, f"the sizes of {one_line(given.what)} are", quiet=given.project.quiet):
        _show(given, report, change)
    judge(given.what, limits(given.max_size, given.max_growth, shipped), side_of(report), change)


def _show(given: SizeGiven, report: SizeReport, change: Grown | None) -> None:
    from gobake.report import size as shown
    from gobake.size.growth import document

    if given.form == "json":
        show(_json(document(report, change)))
    elif given.form == "html":
        from gobake.report.html.size import as_html

        show(as_html(report, change, given.top), nl=False)
    elif given.form == "markdown":
        show(shown.as_markdown(report, change, given.top), nl=False)
    else:
        shown.print_size(report, change, top=given.top, color=given.project.color)


def _json(told: Document) -> str:
    import msgspec

    return json.dumps(msgspec.to_builtins(told), indent=2)


# ---- what is measured


def _measured(given: SizeGiven, opened: Opened | None, scratch: Path) -> Measured:
    if given.choices:
        raise UsageError(
            f"--choices: {given.what} is not a service of a project", remedy="only a service can be built again"
        )
    if given.without:
        raise UsageError("--without is for services of a project: the graph of packages is that of their sources")
    if given.what.startswith(_PATH):
        return _of_path(given.what, _platform(given), scratch)
    names = [service.name for service in opened.project.services] if opened else []
    return _of_image(given.what, _platform(given), scratch, services=names)


def _project(given: SizeGiven) -> Opened | None:
    """The project here; None where there is none, or where the name can only be an image's or a path."""
    from gobake.plan.discover import open_project

    if given.what.startswith(_PATH) or re.search(r"[:/@]", given.what):
        return None
    try:
        asked = replace(request(given.project, history=given.history), registry=given.registry)
        return open_project(replace(asked, bases=bases_of(given.bases)))
    except ProjectError:
        return None


def _platform(given: SizeGiven) -> Platform | None:
    found = joined(given.platforms)
    if len(found) > 1:
        raise UsageError("one platform is measured at a time", remedy="name one with --platform")
    return found[0] if found else None


def _of_path(what: str, platform: Platform | None, scratch: Path) -> Measured:
    from gobake.images import sources
    from gobake.size import measure

    path = Path(what).expanduser()
    try:
        if path.is_dir():
            return measure.image(what, sources.layout(path, platform), "", scratch)
        with path.open("rb") as file:
            begin = file.read(4)
        if begin == b"\x7fELF":
            return measure.program(what, path)
        if begin[:2] == b"\x1f\x8b" or begin == b"\x28\xb5\x2f\xfd":
            raise UsageError(f"{what} is compressed", remedy="unpack it first: gunzip or unzstd")
        try:
            return measure.image(what, sources.archive(path, platform), "", scratch)
        except UsageError as error:
            if "not an archive" in error.what:
                raise UsageError(f"{what} is neither a program nor an image: not an ELF file, and no archive") from None
            raise
    except OSError as error:
        raise UsageError(f"{what} cannot be read: {error.strerror or error}") from None


def _of_image(what: str, platform: Platform | None, scratch: Path, services: list[str]) -> Measured:
    from gobake.config import patterns
    from gobake.images import sources
    from gobake.size import measure
    from gobake.text.nearest import did_you_mean

    if not re.fullmatch(patterns.REFERENCE, what):
        raise UsageError(f"{what!r} is not the name of an image", remedy="a path begins with ./, / or ~/")
    try:
        found = sources.of_engine(what, platform, scratch)
    except NoEngine:
        found = None  # a registry may have it
        if "/" not in what:
            raise
    if found is None and "/" in what:
        found = sources.of_registry(what, platform)
    if found is None:
        remedy = did_you_mean(what, services, "a path begins with ./, / or ~/")
        raise UsageError(f"there is no service and no image {what}", remedy=remedy)
    return measure.image(what, found, "", scratch)


# ---- what it is compared with


def _compared(
    given: SizeGiven, now: Measured, shipped: Shipped | None, scratch: Path
) -> tuple[SizeReport, Grown | None]:
    """Compare with --against; both by functions where one has no other names."""
    from gobake.binary.anatomy import Basis
    from gobake.cli.size_against import recorded, with_sources
    from gobake.size.growth import alike, grown, side_of

    if not given.against:
        return now.report, None
    measured = None
    before = recorded(given.against, shipped) if shipped and not _is_path(given.against) else None
    if before is None:
        measured = _before(given, scratch)
        before = side_of(measured.report)
    side, report = side_of(now.report), now.report
    if before.contents.program is None and measured is None:
        report = replace(report, notes=(*report.notes, f"{before.name} {_NO_MODULES}"))
    elif not alike(before, side):
        side = side_of(now.by_functions().report)
        before = side_of(measured.by_functions().report) if measured else before
        if side.functions and report.program and report.program.basis != Basis.FUNCTIONS:
            report = replace(report, notes=(*report.notes, _BY_FUNCTIONS))
    change = grown(before, side)
    return report, with_sources(change, shipped) if shipped else change


def _is_path(text: str) -> bool:
    return text.startswith(_PATH) or text.endswith(".json")


def _before(given: SizeGiven, scratch: Path) -> Measured:
    from gobake.size import measure
    from gobake.size.values import decoded

    if not _is_path(given.against):
        return _of_image(given.against, _platform(given), scratch, services=[])
    path = Path(given.against).expanduser()
    if path.suffix != ".json":
        return _of_path(given.against, _platform(given), scratch)
    try:
        return measure.Measured(report=decoded(path))
    except OSError as error:
        raise UsageError(f"{given.against} cannot be read: {error.strerror}", remedy="check --against") from None


# ---- a service


def _shipped(given: SizeGiven, opened: Opened) -> Shipped | None:
    """The image of the service that was named; None if none was."""
    from gobake.caching.policy.options import CacheOptions
    from gobake.cli.size_against import Shipped
    from gobake.engine import BuilderQuery
    from gobake.plan.build_plan import settle
    from gobake.plan.builder import answered

    if all(service.name != given.what for service in opened.project.services):
        return None
    with BuilderQuery(given.project.builder) as query:
        builder = answered(query)
    opened, caches = settle(opened, CacheOptions(), builder, os.environ)
    service = next(service for service in opened.project.services if service.name == given.what)
    return Shipped(
        asked=request(given.project, history=given.history),
        opened=opened,
        service=service,
        strategy=Strategy(given.strategy) if given.strategy else service.strategy,
        platform=_platform(given) or builder.native,
        branch=caches.surroundings.branch,
    )


def _of_service(given: SizeGiven, shipped: Shipped, scratch: Path) -> Measured:
    from gobake.cli.size_choices import Choosing
    from gobake.cli.size_linking import Linking
    from gobake.images import sources
    from gobake.model import Target
    from gobake.recipe.dockerfile import BINARIES
    from gobake.size import measure

    project, service, platform = shipped.opened.project, shipped.service, shipped.platform
    target = Target(service=service, strategy=shipped.strategy, platforms=(platform,))
    reference = target.image(project.prefix, given.tag)
    image = sources.of_engine(reference, platform, scratch)
    if image is None and project.prefix:
        image = sources.of_registry(reference, platform)
    if image is None:
        raise UsageError(f"there is no image {reference}", remedy=f"build it first: gobake build {service.name}")
    version = image.image.labels.get("org.opencontainers.image.version", "")
    compiled = shipped.strategy is not Strategy.PREBUILT
    if given.without and not compiled:
        raise UsageError("--without needs a program that the builder links", remedy="choose another --strategy")
    linking = Linking(shipped, given.project, given.tag, version, scratch) if compiled else None
    path = f"{BINARIES}/{service.name}"
    choosing = Choosing(given.choices, shipped) if given.choices else None
    found = measure.image(f"{service.name} {shipped.strategy}", image, path, scratch, linking)
    if given.without and linking:
        found = found.with_modules(linking)
    if choosing and linking:
        return choosing.measured(found, linking.asked, scratch, quiet=given.project.quiet)
    return found
