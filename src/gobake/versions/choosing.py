"""Which version a build has, and why: what the command line says, else gobake.yaml, else --tag, else git.

The values are those of the bake file's variables, by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gobake.dataclass import dataclass
from gobake.errors import UsageError
from gobake.git import Checkout
from gobake.matrix import Matrix
from gobake.model import Project
from gobake.versions import stamps

DEV = "dev"  # the version where nothing tells one
LATEST = "latest"
_SEMANTIC = re.compile(r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?")  # a tag of an image has no +


@dataclass(frozen=True, kw_only=True)
class Versions:
    """What is linked into programs and written on images."""

    values: Mapping[str, str]  # by variable of the bake file
    source: str  # where the version comes from
    notes: tuple[str, ...] = ()  # what the user should know of it


def choose(project: Project, checkout: Checkout, modules: Mapping[str, str], *, tag: str, version: str) -> Versions:
    """``modules``: descriptions by variable of modules with tags of their own. ``version``: of the command line."""
    said, source = _said(project, tag, version)
    plain = said or checkout.description or (tag if tag != LATEST else DEV)
    source = source or ("git" if checkout.description else "nothing else tells one")
    values = {
        "VERSION": plain,
        **{name: said or description or plain for name, description in modules.items()},
        "REVISION": checkout.known_revision,
        "SHORT_REVISION": checkout.short_revision if not checkout.refusal else checkout.known_revision,
        "CREATED": checkout.commit_date,
        "DIRTY": str(checkout.dirty).lower() if checkout.revision else "",
        "BRANCH": checkout.branch,
    }
    return Versions(values=values, source=source, notes=_notes(checkout, plain, said))


def _said(project: Project, tag: str, version: str) -> tuple[str, str]:
    if version:
        return version, "--version"
    if project.version:
        return project.version, "version in gobake.yaml"
    if _SEMANTIC.fullmatch(tag):
        return tag, "--tag"
    return "", ""


def _notes(checkout: Checkout, version: str, said: str) -> tuple[str, ...]:
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
    return ()


def used(matrix: Matrix, versions: Versions) -> dict[str, str]:
    """The values that labels and programs of a matrix are made of."""
    names = [s.version_variable for s in matrix.services] + [*stamps.all_arguments(matrix.services)]
    return {name: versions.values.get(name, "") for name in ("VERSION", "REVISION", "CREATED", *names)}


def linked(matrix: Matrix, versions: Versions) -> str:
    """What is linked into the programs of a matrix, as a text to compare.

    Raises UsageError for a value that no flag of the linker can hold.
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
