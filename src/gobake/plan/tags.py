"""The tags of a build, with what its commit fills in, and the registries that its images go to."""

from __future__ import annotations

import time
from collections.abc import Mapping

from msgspec.structs import replace

from gobake.errors import UsageError
from gobake.model import Project
from gobake.plan.discover import Opened, versions_of
from gobake.plan.request import BuildRequest
from gobake.plan.trust import surroundings
from gobake.plan.versions import LATEST, Versions
from gobake.targets import tags


def with_tags(
    request: BuildRequest, opened: Opened, environ: Mapping[str, str], *, handed_on: bool
) -> tuple[BuildRequest, Opened, Versions]:
    """Return all three with the tags filled in.

    A template takes the version from elsewhere, and is no version itself. ``handed_on``: the tags of gobake.yaml that a
    commit fills in are left out, as the recipe is for all commits. Raises UsageError if none of --tag can be filled in.
    """
    tag, further = request.tag, request.selection.further_tags
    versions = versions_of(opened, request.project, LATEST if tags.is_template(tag) else tag)
    prefixes = tuple(f"{name}/" for name in opened.project.further_registries) if request.push else ()
    services = (*opened.project.services, *opened.project.left_out)
    if any(map(tags.is_template, (tag, *further, *(each for service in services for each in service.tags)))):
        main = _words(opened, versions, "VERSION", environ)
        found = tags.all_filled((tag, *further), main)
        if not found:
            raise UsageError(
                f"--tag {tag}: {_why(tag, main)}", remedy="add one that every commit has, such as --tag '{{sha}}'"
            )
        tag, further = found[0], found[1:]
        opened = replace(opened, project=_with_tags(opened, versions, environ, handed_on=handed_on))
    selection = replace(request.selection, further_tags=further, further_prefixes=prefixes)
    return replace(request, tag=tag, selection=selection), opened, versions


def _with_tags(opened: Opened, versions: Versions, environ: Mapping[str, str], *, handed_on: bool) -> Project:
    """Fill in the tags of services; those of a module with own versions get its version."""
    known: dict[str, dict[str, str]] = {}

    def of(names: tuple[str, ...], variable: str) -> tuple[str, ...]:
        if handed_on:
            return tuple(name for name in names if not tags.is_template(name))
        if variable not in known:
            known[variable] = _words(opened, versions, variable, environ)
        return tags.all_filled(names, known[variable])

    project = opened.project
    return replace(
        project,
        services=tuple(replace(s, tags=of(s.tags, s.version_variable)) for s in project.services),
        left_out=tuple(replace(s, tags=of(s.tags, s.version_variable)) for s in project.left_out),
    )


def _words(opened: Opened, versions: Versions, variable: str, environ: Mapping[str, str]) -> dict[str, str]:
    around = surroundings(environ, opened.checkout, vouched=opened.vouched)
    branch = around.branch or opened.checkout.branch
    epoch = environ.get("SOURCE_DATE_EPOCH", "")
    return tags.words(
        versions.values.get(variable, ""),
        opened.checkout.revision,
        # whoever opens a pull request chooses the name of its branch, which could be that of a release
        f"pr-{branch}" if around.pull_request and branch else branch,
        dirty=opened.checkout.dirty,
        now=float(epoch) if epoch.isdigit() else time.time(),
    )


def _why(tag: str, values: Mapping[str, str]) -> str:
    if any(word in tag for word in ("version", "major", "minor", "patch")) and not values["version"]:
        return "the commit is no release: git has no version tag for it"
    if any(word in tag for word in ("major", "minor", "patch")) and not values["major"]:
        return f"{values['version']} is a pre-release"
    return "no branch is checked out" if "branch" in tag else "there is no commit in Git"
