"""What the new images of a run consist of: layers, and modules of their programs by the names of functions.

The record of an image that a recent run had is taken over, so only new programs are read. What cannot be read is left
out: it is no reason for a build to fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec.structs import replace

from gobake.errors import GobakeError
from gobake.foreign.checks import Unfit
from gobake.images import sources
from gobake.images.sources import Opened
from gobake.model import Platform, Target
from gobake.paths import scratch_folder
from gobake.plan.request import BuildRequest
from gobake.recipe.dockerfile import BINARIES
from gobake.run.prepare import PreparedBuild
from gobake.runs.record import ContentsRecord, SizeRecord
from gobake.size.contents import by_functions

Sizes = Mapping[str, tuple[SizeRecord, ...]]  # by target
_FAILS = (GobakeError, Unfit, OSError)


def with_contents(
    request: BuildRequest, ready: PreparedBuild, sizes: Sizes, names: Mapping[str, str]
) -> dict[str, tuple[SizeRecord, ...]]:
    """Return the sizes with the contents of the images that services ship. ``names``: references by target."""
    ready.journal.sizes(("",))  # reads the recent runs
    wanted = [t for t in ready.plan.matrix.targets if t.chosen and any(not s.contents for s in sizes.get(t.name, ()))]
    found = dict(sizes)
    if not wanted:
        return found
    with scratch_folder() as scratch:
        for target, opened in _opened(request, ready, names, wanted, scratch):
            found[target.name] = tuple(
                size if size.contents else replace(size, contents=_contents(ready, target, opened, size, scratch))
                for size in sizes[target.name]
            )
    return found


class Images:
    """The images of a target, opened by platform."""

    def __init__(self, reference: str, saved: sources.Saved | None) -> None:
        self._reference, self._saved = reference, saved

    def of(self, platform: Platform) -> Opened | None:
        """Open the image of a platform. Raises GobakeError, Unfit and OSError."""
        if self._saved:
            return self._saved.opened(self._reference, platform)
        return sources.of_registry(self._reference, platform)


def _opened(
    request: BuildRequest, ready: PreparedBuild, names: Mapping[str, str], targets: list[Target], scratch: Path
) -> Iterator[tuple[Target, Images]]:
    in_engine = ready.plan.builder.keeps_images or request.load
    if not targets or not (in_engine or request.push):
        return
    saved = None
    if in_engine:
        try:
            saved = sources.saved_by_engine(sorted(names[target.name] for target in targets), scratch)
        except _FAILS:
            return
    for target in targets:
        yield target, Images(names[target.name], saved)


def _contents(
    ready: PreparedBuild, target: Target, images: Images, size: SizeRecord, scratch: Path
) -> ContentsRecord | None:
    try:
        opened = images.of(Platform.parse(size.platform))
        if opened is None:
            return None
        same = ready.journal.contents(tuple(layer.digest for layer in opened.image.layers))
        if same:
            return same
        path = f"{BINARIES}/{target.service.name}"
        return by_functions(opened, path, scratch)
    except _FAILS:
        return None
