"""Which commit to compare with if the user names none: a pull request's base, or the last run that built everything."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

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
_COMMITS = 4  # that are compared with beside that of the last full run


class Base(Struct, frozen=True, kw_only=True):
    """A commit to compare with, and why this one, for people."""

    revision: str
    how: str
    later: tuple[RunRecord, ...] = ()  # runs of the branch since then, newest first, which built some services only


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
        found = _built_since(plan, found, base, scratch)
    return base, _with_bases(plan, found) if bases and not found.note else found


def _built_since(plan: BuildPlan, found: Found, base: Base, scratch: Path) -> Found:
    """Take out the services that later runs have built as they are now; a few commits are looked at.

    Else a branch whose pushes build what they affect would build, in each of them, all that has changed since its last
    full run.
    """
    left = {name: reasons for name, reasons in found.services.items() if reasons}
    built: dict[str, set[tuple[str, str, str]]] = {}  # by commit, newest first
    for record in base.later:
        built.setdefault(record.revision, set()).update(_built(record))
    wanted = _wanted(plan)
    for number, (revision, done) in enumerate(list(built.items())[:_COMMITS]):
        names = {name for name in left if {one for one in wanted if one[0] == name} <= done}
        if not names:
            continue
        try:
            (scratch / str(number)).mkdir()
            then = between.compare(plan, revision, scratch / str(number))
        except UsageError:  # a shallow clone does not have it
            continue
        left = {name: reasons for name, reasons in left.items() if name not in names or then.services[name]}
    return replace(found, services={name: left.get(name, ()) for name in found.services})


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
    record, later = _last_complete(plan)
    if record is None:
        return Base(revision="", how="no run that built all of them is on record; --since names a commit")
    try:
        revision = snapshot.revision_of(root, record.revision)
        return Base(revision=revision, how=f"run {record.id}", later=tuple(later))
    except UsageError as error:
        return Base(revision="", how=str(error))


def _last_complete(plan: BuildPlan) -> tuple[RunRecord | None, list[RunRecord]]:
    """Return (the last run of this branch that built all that is asked about, later ones that built some of it).

    All are of commits without changes.
    """
    wanted, later = _wanted(plan), list[RunRecord]()
    around = plan.caches.surroundings
    branch = plan.opened.checkout.branch or (around.branch if around.trusted else "")  # as records have it
    for record in _records(plan):
        if record.outcome is not RunOutcome.DONE or record.dirty or not record.revision:
            continue
        if record.branch != branch:
            continue
        if wanted <= _built(record):
            return record, [one for one in later if one.id > record.id]
        later.append(record)
    return None, []


def _wanted(plan: BuildPlan) -> set[tuple[str, str, str]]:
    return {(t.service.name, str(t.strategy), str(p)) for t in plan.matrix.targets for p in t.platforms}


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
