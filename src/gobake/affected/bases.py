"""Whether base images have moved under their tags since a run: its record has the digests, registries tell today's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from gobake import engine
from gobake.affected.difference import Kind, Reason
from gobake.errors import GobakeError
from gobake.foreign import oci
from gobake.model import Project, Strategy, Target, is_dockerfile
from gobake.registry import Repository, parts
from gobake.runs.record import RunRecord

_SECONDS = 15.0
_SHORT = 19  # characters of a digest that are shown: sha256: and twelve digits


def references(project: Project, target: Target) -> set[str]:
    """Return the base images of a target, the golang image among them; not those that are pinned or its own."""
    found = {project.base(target.service, target.strategy), project.bases.go}
    if target.strategy is Strategy.UPX:
        found.add(project.bases.upx)
    return {one for one in found if one and "@" not in one and "$" not in one and not is_dockerfile(one)}


def moved(
    project: Project, targets: Iterable[Target], record: RunRecord, now: Callable[[str], str]
) -> Mapping[str, list[Reason]]:
    """Return the reasons by service. ``now``: tells the digest of a reference today; "" for unknown.

    A digest that neither the record nor a registry tells is no reason.
    """
    used: dict[str, set[str]] = {}
    for target in targets:
        used.setdefault(target.service.name, set()).update(references(project, target))
    today = {reference: now(reference) for reference in sorted(set().union(*used.values()))} if used else {}
    then = {reference: _recorded(record, reference) for reference in today}
    changed = {one for one, digest in today.items() if digest and then[one] and digest not in then[one]}
    return {
        service: [
            Reason(kind=Kind.BASE, text=f"{one} is {today[one][:_SHORT]} now, was {min(then[one])[:_SHORT]}")
            for one in sorted(wanted & changed)
        ]
        for service, wanted in used.items()
    }


def _recorded(record: RunRecord, reference: str) -> set[str]:
    """Return the digests of a reference in a record, which has full names: docker.io/library/alpine:3.22."""
    name = reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"
    return {digest for known, digest in record.inputs.bases if known == name or known.endswith(f"/{name}")}


def in_registry(reference: str) -> str:
    """Return the digest of an image today, as the engine or docker's login finds it; "" if neither does."""
    if found := engine.registry_digest(reference):
        return found
    name, _, tag = parts(reference)
    try:
        body = Repository(name, seconds=_SECONDS).manifest_bytes(tag)
    except GobakeError:
        return ""
    return oci.digest_of(body) if body else ""
