"""Sets the tags of images that a run has pushed by their digests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from gobake.engine.interrupt import interruptible
from gobake.outcome import read
from gobake.plan.build_plan import BuildPlan
from gobake.pushing import immutable
from gobake.pushing.immutable import never_moving
from gobake.pushing.publish import Image, error_of, kept_lines, publish
from gobake.run.bake import Baked
from gobake.run.session import Session


def tag_images(session: Session, baked: Baked) -> Baked:
    """Tag what the run pushed, now that all of it is there; without tags to set, only note what was pushed."""
    plan = session.ready.plan
    metadata = read.read_metadata(session.ready.call.metadata_file)
    images = _images(session, metadata)
    by_digest = {
        image.target: tuple(f"{repository}@{image.digests[0]}" for repository in image.repositories) for image in images
    }
    if not plan.pushes_by_digest:
        tagged = {image.target: image.names for image in images}
        return replace(baked, pushed={name: (*by_digest[name], *tagged[name]) for name in by_digest})
    if session.request.untagged:
        return replace(baked, pushed=by_digest)
    with interruptible() as pressed:
        named = publish(images, plan.builder.name, session.say)
    for line in kept_lines(named):
        session.say(line)
    return replace(
        baked,
        pushed={one.image.target: (*by_digest[one.image.target], *one.names) for one in named},
        withheld=error_of(named),
        interrupted=pressed(),
        seconds=session.begun.seconds(),
    )


def require_free(plan: BuildPlan) -> None:
    """Refuse a build whose immutable tags are taken. Raises RegistryRefused."""
    names = [
        name
        for target in plan.matrix.targets
        for name in never_moving(target.images(plan.project.prefix, plan.request.tag), plan.project.immutable)
    ]
    seen = plan.opened.checkout
    # without a push by digest nothing can be compared before the tag is set
    same = plan.pushes_by_digest and not seen.dirty
    immutable.require_free(names, seen.revision if same else "")


def _images(session: Session, metadata: Mapping[str, Any]) -> list[Image]:
    plan, found = session.ready.plan, []
    for target in plan.matrix.targets:
        digest = read.digest_of(metadata, target.name)
        if digest:
            names = target.images(plan.project.prefix, session.request.tag)
            found.append(
                Image(
                    target=target.name,
                    names=names,
                    digests=(digest,),
                    never_moving=never_moving(names, plan.project.immutable),
                )
            )
    return found
