"""The content of `gobake init`: a repository's services, with the settings from its build files."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from gobake.config.initfile import Entry
from gobake.errors import UsageError
from gobake.model import Project, Service
from gobake.plan.discover import Opened, told
from gobake.plan.project import Overrides, Told, make_project
from gobake.recipe.dockerfile import BINARIES
from gobake.services.commands import commands
from gobake.services.rules import Wishes, decide
from gobake.services.settings import settings, strategy_hint
from gobake.services.values import Evidence, Source, Verdict
from gobake.versions.variables import declared

_READ = {
    "goreleaser": ".goreleaser.yaml builds none of its commands for linux",
    "ko": ".ko.yaml builds none of its commands",
    "dockerfile": "no Dockerfile builds, copies or starts one of its commands",
}


class Begun(Struct, frozen=True, kw_only=True):
    """The content of a new gobake.yaml."""

    project: Project
    name: str
    entries: dict[str, Entry] = {}  # by service
    left_out: tuple[str, ...] = ()


def begin(opened: Opened, source: str) -> Begun:
    """Collect the content. Raises UsageError if the files name no command.

    ``source``: read only files of that kind; "" for all.
    """
    known = told(opened.tree)
    project = opened.project
    if source:
        known = replace(known, evidence=_only(known.evidence, Source(source)))
        overrides = Overrides(registry=project.registry, bases=dict(opened.config.bases) if opened.config else {})
        project = make_project(None, opened.tree, overrides, project.source_url, known)
    verdicts = {verdict.command.import_path: verdict for verdict in _verdicts(opened, known)}
    if source and not any(v.builds or v.images for v in verdicts.values()):
        raise UsageError(
            f"--from {source}: {_READ[source]} in {project.root}", remedy="leave --from away to read all that is there"
        )
    if source:
        keep = {path for path, verdict in verdicts.items() if verdict.shipped}
        project = replace(project, services=tuple(s for s in project.services if s.package in keep))
    return Begun(
        project=project,
        name=opened.project.name,
        entries={s.name: _entry(opened, project, s, verdicts.get(s.package)) for s in project.services},
        left_out=tuple(_left_out(project, s, verdicts.get(s.package)) for s in project.left_out),
    )


def _only(evidence: Evidence, source: Source) -> Evidence:
    builds = tuple(build for build in evidence.builds if build.source is source)
    images = evidence.images if source is Source.DOCKERFILE else ()
    return replace(evidence, builds=builds, images=images)


def _verdicts(opened: Opened, known: Told) -> tuple[Verdict, ...]:
    found = [replace(c, empty=c.import_path in known.idle) for c in commands(opened.tree)]
    return decide(found, known.evidence, Wishes())


def _entry(opened: Opened, project: Project, service: Service, verdict: Verdict | None) -> Entry:
    if verdict is None:
        return Entry()
    found = settings(
        verdict, f"{BINARIES}/{service.binary}", lambda path: (project.root / path).exists(),
        declared(service, opened.tree),
    )  # fmt: skip
    strategy, why = strategy_hint(verdict)
    hint = (f"strategy: {strategy}  # {why}",) if strategy else ()
    return Entry(why=verdict.why if verdict.shipped else "", keys=found.keys, notes=(*hint, *found.notes))


def _left_out(project: Project, service: Service, verdict: Verdict | None) -> str:
    why = service.why if verdict is None or verdict.shipped else verdict.why
    return f"{service.name} ({project.folder(service)}): {why}"
