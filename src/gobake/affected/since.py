"""Which commit to compare with if the user names none: a pull request's base, or the last run that built everything."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from gobake.affected import between
from gobake.affected.bases import in_registry, moved
from gobake.affected.between import Found
from gobake.caching.store.history import travel
from gobake.checkout import snapshot
from gobake.errors import GobakeError, UsageError
from gobake.paths import scratch_folder
from gobake.plan.build_plan import BuildPlan
from gobake.plan.trust import surroundings
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import RunRecord
from gobake.runs.store import RunStore

_RECORDS = 50  # that are searched, newest first


class Base(Struct, frozen=True, kw_only=True):
    """A commit to compare with, and why this one, for people."""

    revision: str
    how: str


def look(plan: BuildPlan, ref: str, environ: Mapping[str, str], *, bases: bool = False) -> tuple[Base, Found]:
    """Return what differs from a commit. ``ref``: "" for the usual one, by where the run is.

    ``bases``: ask registries, too, whether base images have moved since that commit was built.

    Raises UsageError for a commit that the clone does not have, as far as it was named or is a pull request's base.
    """
    base = _base(plan, ref, environ)
    if not base.revision:
        return base, between.everything(plan, base.how)
    with scratch_folder() as scratch:
        found = between.compare(plan, base.revision, scratch)
    return base, _with_bases(plan, found) if bases and not found.note else found


def _with_bases(plan: BuildPlan, found: Found) -> Found:
    """Add the bases that have moved since the last run on record that built the commit."""
    record = next((one for one in _records(plan) if one.revision == found.revision and one.inputs.bases), None)
    if record is None:
        return replace(found, note="whether base images have moved is unknown: no run of that commit is on record")
    reasons = moved(plan.project, plan.matrix.targets, record, in_registry)
    services = {name: (*known, *reasons.get(name, ())) for name, known in found.services.items()}
    return replace(found, services=services)


def _base(plan: BuildPlan, ref: str, environ: Mapping[str, str]) -> Base:
    root, checkout = plan.project.root, plan.opened.checkout
    if ref:
        return Base(revision=snapshot.revision_of(root, ref), how=ref)
    around = surroundings(environ, checkout)
    if around.pull_request:
        named = around.base_revision or (f"origin/{around.base_branch}" if around.base_branch else "")
        if not named:
            raise UsageError("the CI does not tell the base of this pull request", remedy="name it: --since REF")
        base = snapshot.revision_of(root, named)
        return Base(
            revision=snapshot.common(root, base, "HEAD") or base, how=f"the base, {around.base_branch or named}"
        )
    record = _last_complete(plan)
    if record is None:
        return Base(revision="", how="no run that built all of them is on record; --since names a commit")
    try:
        return Base(revision=snapshot.revision_of(root, record.revision), how=f"run {record.id}")
    except UsageError as error:
        return Base(revision="", how=str(error))


def _last_complete(plan: BuildPlan) -> RunRecord | None:
    """Return the last run of this branch that built all that is asked about, from a commit without changes."""
    wanted = {(t.service.name, str(t.strategy), str(p)) for t in plan.matrix.targets for p in t.platforms}
    around = plan.caches.surroundings
    branch = plan.opened.checkout.branch or (around.branch if around.trusted else "")  # as records have it
    for record in _records(plan):
        if record.outcome is not RunOutcome.DONE or record.dirty or not record.revision:
            continue
        if record.branch == branch and wanted <= _built(record):
            return record
    return None


def _records(plan: BuildPlan) -> Iterator[RunRecord]:
    """Yield the last runs, newest first: of this machine, and then of the cache store; none that cannot be read."""
    known: list[RunRecord] = []
    with contextlib.suppress(GobakeError), RunStore.reading(plan.history) as store:
        known = store.recent(_RECORDS)
    yield from known
    remote = travel(plan.caches, plan.project.name)
    if remote and remote.reads:
        with contextlib.suppress(GobakeError):
            others = remote.newest(_RECORDS, {record.id for record in known})
            yield from sorted(others, key=lambda record: record.id, reverse=True)


def _built(record: RunRecord) -> set[tuple[str, str, str]]:
    return {(t.service, t.strategy, platform) for t in record.targets if not t.failure for platform in t.platforms}
