"""Joins the shards of a matrix: their images become one image for all platforms, with its tags, and their runs one.

Names come from the tree and the command line, as in a build; only digests are taken from records, which may come from
anybody. Nothing is tagged before everything is known to be there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from gobake import __version__, engine
from gobake.engine import EngineInfo
from gobake.engine.interrupt import interruptible
from gobake.errors import GobakeError, Interrupted, RegistryRefused, UsageError
from gobake.foreign import checks, oci
from gobake.foreign.checks import Unfit
from gobake.insight import shards_joined
from gobake.insight.history import Records, prompt_cold, prompt_summary
from gobake.insight.shards_chosen import Chosen
from gobake.model import Platform, Target
from gobake.outcome import read
from gobake.plan.build_plan import BuildPlan, make_plan
from gobake.plan.builder import assumed
from gobake.plan.discover import Opened
from gobake.plan.request import BuildRequest
from gobake.plan.shards import NATIVE
from gobake.pushing.immutable import never_moving, require_same
from gobake.pushing.index import KIND, Part, index_of
from gobake.pushing.publish import Image, Named, error_of, publish
from gobake.recipe.annotations import of_descriptor, of_index
from gobake.registry import Repository, parts
from gobake.report import ci_summary
from gobake.run.session import sayer
from gobake.runs.begun import next_id
from gobake.runs.journal import Journal
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import RunRecord, TargetRecord
from gobake.targets.matrix import select

_AT_ONCE = 6
_SECONDS = 60.0
_LONGEST_PLATFORM = 40


class Merged(Struct, frozen=True, kw_only=True):
    """What became of the shards."""

    plan: BuildPlan
    record: RunRecord
    notes: tuple[str, ...]
    error: GobakeError | None  # not all tags are set


def planned(wanted: BuildRequest, opened: Opened, chosen: Chosen) -> BuildPlan:
    """Return the plan of the matrix whose shards were chosen. Raises UsageError for services that are not there."""
    shard = chosen.shard
    known = {service.name for service in (*opened.project.services, *opened.project.left_out)}
    found = tuple((service, tuple(map(_platform, platforms))) for service, platforms in shard.parts)
    for service, _ in found:
        if service not in known:  # names only: a record gives no patterns
            what = f"the shards have a service {service[:80]!r}, and this project has none"
            raise UsageError(what, remedy="merge in the checkout that was built")
    selection = replace(
        wanted.selection,
        services=tuple(service for service, _ in found),
        parts=found,
        every_strategy=shard.every_strategy,
    )
    return make_plan(replace(wanted, selection=selection), opened, assumed(NATIVE), os.environ)


def _platform(text: str) -> Platform:
    return Platform.parse(text[:_LONGEST_PLATFORM])


def merge(plan: BuildPlan, chosen: Chosen) -> Merged:
    """Tag the images of all shards, and keep one record of their runs.

    Raises UsageError for shards of other images, and RegistryRefused before any tag is set.
    """
    started = time.time()
    say = sayer(plan.request)
    found = _parts(plan, chosen)
    with interruptible() as pressed:
        images = _complete(plan, found)
        if pressed():
            raise Interrupted("interrupted; nothing is tagged")
        named = publish(images, plan.request.project.builder, say)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            digests = dict(zip((one.image.target for one in named), pool.map(_digest, named), strict=True))
        if pressed():
            raise Interrupted("interrupted; run it again to set all tags")
    error = error_of(named)
    record = _record(plan, chosen, named, digests, started)
    if error:
        error = RegistryRefused(error.what, remedy="nothing has to be built: run `gobake ci merge` again")
        record = replace(record, outcome=RunOutcome.FAILED, failure=str(error))
    record, notes = _kept(plan, record)
    return Merged(plan=plan, record=record, notes=(*chosen.notes, *notes), error=error)


# ---- images


class _Parts(Struct, frozen=True, kw_only=True):
    """An image whose parts are in its repositories."""

    target: Target
    image: Image
    platforms: dict[str, tuple[Platform, ...]]  # of each part, by its digest


def _parts(plan: BuildPlan, chosen: Chosen) -> list[_Parts]:
    selected = select(plan.project, plan.request.selection, (NATIVE,)).targets
    known = {target.name: target for target in selected}
    pushed = {target.name: target.pushed for run in chosen.runs for target in run.targets}
    found: list[_Parts] = []
    for name, digests in sorted(chosen.targets.items()):
        target = known.get(name)
        if target is None:
            raise UsageError(f"this tree has no target {name[:80]!r}", remedy="merge in the checkout that was built")
        _same_place(plan, target, pushed[name])
        platforms: dict[str, tuple[Platform, ...]] = {}
        for platform in sorted(digests):
            digest = _checked(name, digests[platform])
            platforms[digest] = (*platforms.get(digest, ()), _platform(platform))
        names = target.images(plan.project.prefix, plan.request.tag)
        image = Image(
            target=name,
            names=names,
            digests=tuple(platforms),
            never_moving=never_moving(names, plan.project.immutable),
        )
        found.append(_Parts(target=target, image=image, platforms=platforms))
    return found


def _checked(name: str, digest: str) -> str:
    try:
        return checks.digest(digest)
    except Unfit as error:
        raise UsageError(f"{name}: {error}", remedy="nothing is tagged") from None


def _same_place(plan: BuildPlan, target: Target, pushed: Sequence[str]) -> None:
    """Raise UsageError if an image was pushed elsewhere than its names are."""
    there = {parts(reference)[0] for reference in pushed}
    lacking = [repository for repository in target.repositories(plan.project.prefix) if repository not in there]
    if lacking:
        what = f"{target.name} was pushed to {', '.join(sorted(there))[:300]}, and not to {lacking[0]}"
        raise UsageError(what, remedy="give the same --registry as to the build; nothing is tagged")


def _complete(plan: BuildPlan, found: Sequence[_Parts]) -> list[Image]:
    """Return the images with their indexes, which have no tags yet, after all parts were found.

    Raises RegistryRefused, also for a tag that never moves and names another image.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        images = list(pool.map(partial(_with_index, plan), found))
    for image in images:
        require_same(image.never_moving, image.digests[0] if len(image.digests) == 1 else "")
    return images


def _with_index(plan: BuildPlan, found: _Parts) -> Image:
    every = [platform for own in found.platforms.values() for platform in own]
    beside = {p: of_descriptor(plan.project, found.target, p, plan.variables) for p in every}
    pieces: list[Part] = []
    for repository in found.image.repositories:
        texts = {digest: _text(repository, digest) for digest in found.platforms}
        pieces = [Part(platforms=own, text=texts[d], annotations=beside) for d, own in found.platforms.items()]
    if len(pieces) == 1:
        return found.image
    annotations = of_index(plan.project, found.target, plan.variables)
    try:
        index = index_of(pieces, annotations)
    except Unfit as error:
        raise RegistryRefused(f"{found.target.name}: what a shard pushed {error}", remedy="nothing is tagged") from None
    try:
        for repository in found.image.repositories:
            digest = Repository(repository, seconds=_SECONDS).put_manifest(index, KIND)
    except RegistryRefused:  # buildx makes an index, perhaps in another order, where it reaches the registry
        return replace(found.image, annotations=annotations)
    return replace(found.image, digests=(digest,))


def _text(repository: str, digest: str) -> bytes:
    """Return a manifest. Raises RegistryRefused if it is not there."""
    reference = f"{repository}@{digest}"
    try:
        found = Repository(repository, seconds=_SECONDS).manifest_bytes(digest)
    except RegistryRefused:  # the builder may have other certificates, or an engine's permission to use http
        text = engine.inspect_image(reference, "", _SECONDS)
        found = None if text is None else text.encode()
    if found is None:
        raise RegistryRefused(f"{reference} is not in its registry", remedy="nothing is tagged: run its shard again")
    return found


def _digest(named: Named) -> str:
    """Return the digest that the names of an image have now; "" if it has none."""
    if len(named.image.digests) == 1:
        return named.image.digests[0]
    if not named.names:
        return ""
    try:
        repository, _, tag = parts(named.names[0])
        return Repository(repository, seconds=_SECONDS).current(tag)
    except RegistryRefused:
        text = engine.inspect_image(named.names[0], "", _SECONDS)
        return oci.digest_of(text.encode()) if text else ""


# ---- the record


def _record(
    plan: BuildPlan, chosen: Chosen, named: Sequence[Named], digests: Mapping[str, str], started: float
) -> RunRecord:
    by_target = {one.image.target: one for one in named}
    targets = shards_joined.targets(chosen.runs)
    head = RunRecord(
        id=next_id(plan.history, started),
        started=started,
        seconds=0.0,
        outcome=RunOutcome.DONE,
        command=plan.request.command,
        gobake=__version__,
        targets=tuple(_target(target, by_target[target.name], digests[target.name]) for target in targets),
        **read.facts(plan.opened, plan.caches.surroundings, plan.builder.answer, EngineInfo()),
    )
    record = shards_joined.join(chosen.runs, head)
    return replace(record, seconds=record.seconds + time.time() - started)


def _target(target: TargetRecord, named: Named, digest: str) -> TargetRecord:
    by_digest = tuple(f"{repository}@{digest}" for repository in named.image.repositories if digest)
    return replace(target, images=named.image.names, digest=digest, pushed=(*by_digest, *named.names))


def _kept(plan: BuildPlan, record: RunRecord) -> tuple[RunRecord, Iterable[str]]:
    """Keep the record in the local and the remote history and in CI's summary; return it, and notes for the user."""
    from gobake.caching.store.history import travel

    journal = Journal(plan.history)
    past = Records(journal.store) if journal.store else None
    if past:
        record = replace(record, cold=prompt_cold(record, past))
    notes = journal.keep(record, (), lambda kept: prompt_summary(kept, past) if past else None)
    remote = travel(plan.caches, plan.project.name)
    if remote:
        remote.send(record, journal.summary)
        notes += remote.notes
    if ci_summary.wanted(os.environ):
        notes += ci_summary.summarise(record, plan.history, plan.project.root, os.environ)
    return record, notes
