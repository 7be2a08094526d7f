"""`docker buildx imagetools create`: images in a registry get names, or become one image of several platforms."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from gobake.engine import views
from gobake.engine.builder import buildx_command, not_started, refusal
from gobake.errors import NoBuildx, RegistryRefused
from gobake.proc import command
from gobake.proc.command import Late, NotStarted
from gobake.text.printable import one_line

_SECONDS = 600.0  # layers may be copied to another registry


def name_image(names: Sequence[str], sources: Sequence[str], builder: str, annotations: Mapping[str, str]) -> None:
    """Give names to an image; of several sources an index is made, with their attestations.

    ``names``: references with a tag; layers that another registry lacks are copied there. ``sources``: references with
    a digest, all in one registry. One source stays as it is, byte for byte. ``annotations``: of a new index.

    buildx reaches registries as the builder does: with its certificates, and over http where its configuration says so.
    Source: docker/buildx, util/imagetools/create.go. Raises NoEngine, NoBuildx and RegistryRefused.
    """
    words = [
        *buildx_command(),
        "imagetools",
        "create",
        *views.options(builder),
        "--prefer-index=false",  # else a single manifest becomes an index of one
        *(word for name in names for word in ("--tag", name)),
        *(word for key, value in annotations.items() for word in ("--annotation", f"index:{key}={value}")),
        *sources,
    ]
    try:
        done = command.run(words, env={**os.environ, **views.settings(builder)}, seconds=_SECONDS)
    except NotStarted as error:
        raise not_started(words[0], error) from None
    except Late:
        raise RegistryRefused(f"{names[0]}: not tagged within {_SECONDS:g} s") from None
    if done.code == 0:
        return
    refused = refusal(done.err, ("buildx", "imagetools"))
    if isinstance(refused, NoBuildx):
        raise refused
    said = [line.removeprefix("ERROR: ") for line in done.err.splitlines() if line.startswith("ERROR: ")]
    raise RegistryRefused(f"{names[0]}: {one_line(said[-1] if said else done.last, 300)}")
