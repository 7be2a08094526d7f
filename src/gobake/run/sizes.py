"""The sizes of a run's images: from recent runs, or else from the engine or the registry.

With a limit on sizes, also what the images consist of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gobake import engine
from gobake.model import Target
from gobake.outcome import read
from gobake.plan.request import BuildRequest
from gobake.run.prepare import PreparedBuild
from gobake.runs.record import SizeRecord


def sizes_of(
    request: BuildRequest, ready: PreparedBuild, metadata: Mapping[str, Any]
) -> dict[str, tuple[SizeRecord, ...]]:
    """Return sizes by target; images whose digest is in a recent run are not asked for."""
    digests = {t.name: read.digest_of(metadata, t.name) for t in ready.plan.matrix.targets}
    known = ready.journal.sizes(digests.values())
    references = {t.name: _reference(request, ready, t, digests[t.name]) for t in ready.plan.matrix.targets}
    names = {target: name for target, name in references.items() if digests[target] not in known}
    found: Mapping[str, tuple[engine.ImageSize, ...]] = {}
    if names and ready.plan.keeps_images:
        found = engine.image_sizes(list(names.values()))
    elif names and request.push:
        found = {name: engine.remote_sizes(name) for name in names.values()}
    sizes = {target: known[digest] for target, digest in digests.items() if digest in known}
    sizes |= {target: read.size_records(found[name]) for target, name in names.items() if name in found}
    config = ready.plan.opened.config
    if request.gate.asks_sizes or (config and config.gate.asks_sizes):
        from gobake.run.contents import with_contents

        return with_contents(request, ready, sizes, references)
    return sizes


def _reference(request: BuildRequest, ready: PreparedBuild, target: Target, digest: str) -> str:
    """Return the name by which an image is found: in a registry its digest, which it has before any tag."""
    prefix = ready.plan.project.prefix
    if request.push and digest and not ready.plan.keeps_images:
        return f"{target.repositories(prefix)[0]}@{digest}"
    return target.image(prefix, request.tag)
