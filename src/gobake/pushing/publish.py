"""Gives the names to images that are in their registries already, by digest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct

from gobake import engine
from gobake.errors import GobakeError, RegistryRefused
from gobake.proc.backoff import pause, rest
from gobake.pushing.immutable import require_same
from gobake.registry import Repository, parts
from gobake.trace.passing import passes

_AT_ONCE = 6  # images
_SECONDS = 60.0
_TRIES, _FIRST_SECONDS, _MOST_SECONDS = 4, 1.0, 8.0  # where buildx sets names, which repeats nothing itself


class Image(Struct, frozen=True, kw_only=True):
    """An image of one target, complete in every repository of its names."""

    target: str
    names: tuple[str, ...]  # the references to set, each with a tag
    digests: tuple[str, ...]  # the image, or its parts, of which an index is made
    annotations: Mapping[str, str] = {}  # of an index that is made
    never_moving: tuple[str, ...] = ()  # of the names
    source: str = ""  # the repository that has it; "": each of those of its names

    @property
    def repositories(self) -> tuple[str, ...]:
        return repositories(self.names)


class Named(Struct, frozen=True, kw_only=True):
    """What became of an image's names."""

    image: Image
    names: tuple[str, ...]  # that were set
    kept: tuple[str, ...] = ()  # that never move, and name the same image already
    error: GobakeError | None = None


def repositories(names: Sequence[str]) -> tuple[str, ...]:
    """Return the repositories of references, each once."""
    return tuple(dict.fromkeys(parts(name)[0] for name in names))


def publish(images: Sequence[Image], builder: str, say: Callable[[str], None]) -> tuple[Named, ...]:
    """Set the names of all images, some at once. An image whose names cannot all be set has an error.

    ``builder``: whose registries buildx uses where this machine does not reach one. ``say``: takes a line for the user.
    """
    if not images:
        return ()
    count = sum(len(image.names) for image in images)
    say(f"all is pushed; setting {count} tag{'s' if count != 1 else ''}")
    with ThreadPoolExecutor(min(_AT_ONCE, len(images))) as pool:
        return tuple(pool.map(lambda image: _publish(image, builder), images))


def kept_lines(named: Sequence[Named]) -> tuple[str, ...]:
    """Return a line for each name that stays as it is."""
    return tuple(f"{name} stays as it is: it never moves, and has the same image" for one in named for name in one.kept)


def error_of(named: Sequence[Named]) -> GobakeError | None:
    """Return what prevented names, in one error; None if all are set."""
    failed = [one for one in named if one.error]
    if not failed:
        return None
    lacking = [name for one in failed for name in one.image.names if name not in (*one.names, *one.kept)]
    first = failed[0].error
    more = f", and {len(lacking) - 1} more" if len(lacking) > 1 else ""
    return RegistryRefused(
        f"{lacking[0] if lacking else failed[0].image.target}{more}: not tagged: {first.what if first else ''}",
        remedy=(first.remedy if first else "") or "the images are pushed by digest: `gobake push` sets the tags",
    )


def _publish(image: Image, builder: str) -> Named:
    done: list[str] = []
    kept: list[str] = []
    for repository in image.repositories:
        names = [name for name in image.names if parts(name)[0] == repository]
        try:
            fixed = [name for name in names if name in image.never_moving]
            kept += require_same(fixed, image.digests[0] if len(image.digests) == 1 else "")
            names = [name for name in names if name not in kept]
            if names:
                _name(repository, names, image, builder)
        except GobakeError as error:
            return Named(image=image, names=tuple(done), kept=tuple(kept), error=error)
        done += names
    return Named(image=image, names=tuple(done), kept=tuple(kept))


def _name(repository: str, names: Sequence[str], image: Image, builder: str) -> None:
    """Set names of one repository. Raises GobakeError."""
    if len(image.digests) == 1 and image.source in ("", repository):
        try:
            Repository(repository, seconds=_SECONDS).tag(image.digests[0], [parts(name)[2] for name in names])
        except RegistryRefused:
            pass  # the builder may have other certificates, or an engine's permission to use http
        else:
            return
    sources = [f"{image.source or repository}@{digest}" for digest in image.digests]
    for before in range(_TRIES):
        try:
            engine.name_image(names, sources, builder, image.annotations)
        except RegistryRefused as error:
            if before == _TRIES - 1 or not passes(error.what):
                raise
            if not rest(pause(before, first=_FIRST_SECONDS, most=_MOST_SECONDS), engine.ending):
                raise
        else:
            return
