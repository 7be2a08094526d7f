"""Pushes the images of a recorded run, from the registry that has them or from the engine."""

from __future__ import annotations

from collections.abc import Callable

from gobake.engine import shipping
from gobake.errors import GobakeError, UsageError
from gobake.pushing.immutable import never_moving, require_same
from gobake.pushing.publish import Image, Named, publish
from gobake.pushing.recorded import Names, built, names_of, source_of
from gobake.registry import parts
from gobake.runs.record import RunRecord, TargetRecord

Say = Callable[[str], None]


def push_again(record: RunRecord, wanted: Names, immutable: tuple[str, ...], builder: str, say: Say) -> list[Named]:
    """Push all images of a run; those that are in a registry are copied there, without a build.

    Raises UsageError for images that are nowhere to be found; other errors are in the result.
    """
    images = [_image(target, wanted, immutable) for target in built(record)]
    away = [image for image in images if image.source]
    here = [image for image in images if not image.source]
    ids = {image.target: _id(record, image) for image in here}
    return [*publish(away, builder, say), *(_from_engine(image, ids[image.target], say) for image in here)]


def _image(target: TargetRecord, wanted: Names, immutable: tuple[str, ...]) -> Image:
    names = names_of(target, wanted)
    return Image(
        target=target.name,
        names=names,
        digests=(target.digest,),
        never_moving=never_moving(names, immutable),
        source=source_of(target),
    )


def _id(record: RunRecord, image: Image) -> str:
    """Return the engine's id of an image; it is the recorded digest. Raises UsageError and NoEngine."""
    found = shipping.image_id(image.digests[0])
    if not found:
        raise UsageError(
            f"the engine has no image {image.digests[0]} of {image.target}, which run {record.id} made",
            remedy="`gobake build --push` builds from the caches and pushes; --load keeps the images in the engine",
        )
    return found


def _from_engine(image: Image, its_id: str, say: Say) -> Named:
    done: list[str] = []
    kept: list[str] = []
    try:
        kept += require_same(image.never_moving, image.digests[0])
        for name in (name for name in image.names if name not in kept):
            say(f"pushing {name}")
            shipping.push_image(its_id, name)
            done.append(name)
    except GobakeError as error:
        return Named(image=image, names=tuple(done), kept=tuple(kept), error=error)
    return Named(image=image, names=tuple(done), kept=tuple(kept))


def references(named: Named) -> tuple[str, ...]:
    """Return what a record says of an image that was pushed: by digest, and by the tags that were set."""
    repositories = dict.fromkeys(parts(name)[0] for name in named.names)
    return (*(f"{repository}@{named.image.digests[0]}" for repository in repositories), *named.names)
