"""Measures the images of a run that are compared, by starting them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from gobake.choosing.account import Built
from gobake.engine.interrupt import interruptible
from gobake.errors import Interrupted
from gobake.model import Target
from gobake.plan.build_plan import BuildPlan
from gobake.run.session import sayer
from gobake.run.smoke import engine_of
from gobake.starting import measure, smoke
from gobake.starting.start import Stopped


def with_measured(plan: BuildPlan, targets: Sequence[Target], built: Sequence[Built]) -> list[Built]:
    """Return the images with what their starts showed. ``targets``: of each image. Raises Interrupted and NoEngine."""
    there, request = engine_of(plan.builder.answer), plan.request
    images = [
        smoke.image(target, one.platform, one.image, there, request.smoke_seconds)
        for target, one in zip(targets, built, strict=True)
    ]
    with interruptible() as pressed:
        try:
            found = measure.measure_all(images, sayer(request), pressed)
        except Stopped:
            raise Interrupted("interrupted; no container is left") from None
    return [replace(one, measured=measured) for one, measured in zip(built, found, strict=True)]
