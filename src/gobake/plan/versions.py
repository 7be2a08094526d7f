"""The version of a build and its source, in this order: the command line, gobake.yaml, --tag, git.

The values are those of the bake file's variables, by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from gobake.checkout.git import Checkout
from gobake.config import stamps
from gobake.errors import UsageError
from gobake.model import Project
from gobake.targets.matrix import Matrix

DEV = "dev"  # the default version
LATEST = "latest"
_SEMANTIC = re.compile(r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?")  # no +: not valid in image tags


class Versions(Struct, frozen=True, kw_only=True):
    """Values for labels and for linking into programs."""

    values: Mapping[str, str]  # by variable of the bake file
    source: str  # where the version comes from
    notes: tuple[str, ...] = ()  # for the user


class Said(Struct, frozen=True, kw_only=True):
    """The command line's values."""

    tag: str = LATEST
    version: str = ""


def choose(project: Project, checkout: Checkout, told: Mapping[str, str], on: Said) -> Versions:
    """Choose the version. ``told``: by variable, git's description of modules with own tags, and VCS information."""
    said, source = _said(project, on)
    plain = said or checkout.description or (on.tag if on.tag != LATEST else DEV)
    source = source or ("git" if checkout.description else "--tag" if on.tag != LATEST else "nothing: the default")
    values = {
        "VERSION": plain,
        **{name: (said or value or plain) if name.startswith("VERSION") else value for name, value in told.items()},
        "REVISION": checkout.known_revision,
        "SHORT_REVISION": checkout.short_revision if not checkout.refusal else checkout.known_revision,
        "CREATED": checkout.commit_date,
        "DIRTY": str(checkout.dirty).lower() if checkout.revision else "",
        "BRANCH": checkout.branch,
    }
    return Versions(values=values, source=source, notes=(*_notes(project, checkout, plain, said), *project.unstamped))


def _said(project: Project, on: Said) -> tuple[str, str]:
    if on.version:
        return on.version, "--version"
    if project.version:
        return project.version, "version in gobake.yaml"
    if _SEMANTIC.fullmatch(on.tag):
        return on.tag, "--tag"
    return "", ""


def _notes(project: Project, checkout: Checkout, version: str, said: str) -> tuple[str, ...]:
    if checkout.refusal:
        return (
            f"warning: git refuses to tell the commit: {checkout.refusal}; the version is {version}, the revision "
            f"{checkout.known_revision}; {checkout.remedy}",
        )
    if checkout.revision and not checkout.tagged and checkout.shallow and not said:
        return (
            f"warning: this clone is shallow and has no tag to name the version by: it is {version}; fetch what is "
            "missing: git fetch --tags --unshallow",
        )
    if not checkout.revision and any(service.vcs for service in project.services):
        return ("warning: `vcs: true` tells programs nothing: there is no commit in Git",)
    return ()


def used(matrix: Matrix, versions: Versions) -> dict[str, str]:
    """Return the values that the labels and programs of a matrix use."""
    names = [s.version_variable for s in matrix.services] + [*stamps.all_arguments(matrix.services)]
    return {name: versions.values.get(name, "") for name in ("VERSION", "REVISION", "CREATED", *names)}


def linked(matrix: Matrix, versions: Versions) -> str:
    """Return what is linked into the programs of a matrix, as text for comparison.

    Raises UsageError for a value that no linker flag can contain.
    """
    for service in matrix.services:
        for stamp in service.stamps:
            value = stamps.filled(service, stamp, versions.values, "")
            try:
                stamps.quoted(value)
            except ValueError:
                raise UsageError(
                    f"{stamp.variable} of {service.name} would be {value!r}, with both kinds of quotes",
                    remedy="go build -ldflags can pass only one kind in a value: choose another version or text",
                ) from None
    names = stamps.all_arguments(matrix.services)
    return " ".join(f"{name}={versions.values.get(name, '')}" for name in names)
