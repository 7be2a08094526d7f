"""The images of a recorded run: where they are, and by which names they are to be pushed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gobake.errors import UsageError
from gobake.registry import parts
from gobake.runs.record import RunRecord, TargetRecord

NOTHING: Mapping[str, Any] = MappingProxyType({"schema": 1, "run": "", "project": "", "revision": "", "images": []})


class Names(Struct, frozen=True, kw_only=True):
    """How images are to be called; empty fields are as the run called them."""

    tags: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()  # registries, with a slash
    further: tuple[str, ...] = ()  # registries that get the images too, unless there are prefixes


def built(record: RunRecord) -> tuple[TargetRecord, ...]:
    """Return the targets with an image. Raises UsageError if there are none."""
    found = tuple(target for target in record.targets if target.digest and not target.failure)
    if not found:
        raise UsageError(f"run {record.id} made no images", remedy="`gobake runs ls` lists the others")
    return found


def names_of(target: TargetRecord, wanted: Names) -> tuple[str, ...]:
    """Return the references to push; the images of strategies that are not the service's own keep their suffix.

    Raises UsageError for names without a registry, which would be somebody's on Docker Hub.
    """
    named = [parts(name) for name in target.images]
    suffix = f"-{target.strategy}"
    chosen = any(not tag.endswith(suffix) for _, _, tag in named)
    tags = wanted.tags if chosen else tuple(f"{tag}{suffix}" for tag in wanted.tags)
    repositories = [f"{prefix}{target.service}" for prefix in wanted.prefixes]
    if not repositories:
        repositories += (repository for repository, _, _ in named)
        repositories += (f"{prefix}{target.service}" for prefix in wanted.further)
    found = [
        f"{repository}:{tag}"
        for repository in dict.fromkeys(repositories)
        for tag in tags or dict.fromkeys(tag for _, _, tag in named)
    ]
    if bare := next((name for name in found if "/" not in name), ""):
        raise UsageError(f"{bare} names no registry", remedy="give --registry PREFIX, such as ghcr.io/acme")
    return tuple(found)


def source_of(target: TargetRecord) -> str:
    """Return the repository of a registry that has the image by its digest; "" if the run pushed it to none."""
    return next((name.partition("@")[0] for name in target.pushed if "@" in name), "")


def document(record: RunRecord) -> dict[str, Any]:
    """Return what a run pushed, as gobake.images.json has it."""
    return {
        "schema": 1,
        "run": record.id,
        "project": record.project,
        "revision": record.revision,
        "images": [_image(target) for target in record.targets if target.pushed],
    }


def _image(target: TargetRecord) -> Mapping[str, Any]:
    return {
        "service": target.service,
        "strategy": target.strategy,
        "platforms": list(target.platforms),
        "digest": target.digest,
        "reference": f"{source_of(target)}@{target.digest}",
        "names": [name for name in target.pushed if "@" not in name],
    }


def with_pushed(record: RunRecord, pushed: Mapping[str, Sequence[str]]) -> RunRecord:
    """Return the record with other references in registries, by target; only these targets."""
    targets = (replace(t, pushed=tuple(pushed[t.name])) for t in record.targets if t.name in pushed)
    return replace(record, targets=tuple(targets))
