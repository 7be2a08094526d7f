"""What must stay because of something outside of a registry: runs of late, and deployments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

from gobake.foreign import checks
from gobake.foreign.checks import Unfit
from gobake.registry import parts, place_of
from gobake.retention.choose import Held
from gobake.runs.record import RunRecord

LARGEST_TEXT = 64 << 20  # bytes of a file that names what is deployed
_DIGEST = re.compile(r"(?<![0-9a-zA-Z])sha256:[0-9a-f]{64}(?![0-9a-f])")
_TAG = re.compile(r"([a-z0-9][a-z0-9._:/-]{0,200})/([a-z0-9._-]{1,100}):([A-Za-z0-9_][A-Za-z0-9._-]{0,127})")


class Push(Struct, frozen=True, kw_only=True):
    """What a run may have pushed: a small part of its record."""

    run: str  # its id
    started: float  # seconds since the epoch
    images: tuple[tuple[str, tuple[str, ...]], ...]  # (digest, names)


def push_of(record: RunRecord) -> Push:
    images = tuple((target.digest, target.images) for target in record.targets if _is_digest(target.digest))
    return Push(run=record.id, started=record.started, images=images)


def held(repository: str, pushes: Iterable[Push], since: float, deployments: Mapping[str, str]) -> Held:
    """Return what stays in a repository.

    ``since``: the runs of this moment or later name what stays. ``deployments``: texts by the name of their file.
    """
    digests: dict[str, str] = {}
    tags: dict[str, str] = {}
    times: dict[str, float] = {}
    for name, text in deployments.items():
        digests |= dict.fromkeys(_DIGEST.findall(text), f"deployed: {name}")
        tags |= dict.fromkeys(_tags_in(text, repository), f"deployed: {name}")
    for push in pushes:
        for digest, _ in push.images:
            times[digest] = max(times.get(digest, 0.0), push.started)
            if push.started >= since:
                digests.setdefault(digest, f"of the run {push.run}")
    return Held(digests=digests, tags=tags, times=times)


def candidates(repository: str, pushes: Iterable[Push], deployments: Mapping[str, str]) -> tuple[str, ...]:
    """Return the digests that may be in a repository without a tag: of runs that pushed to it, and of deployments."""
    here = place_of(repository)
    found: dict[str, None] = {}
    for text in deployments.values():
        found |= dict.fromkeys(_DIGEST.findall(text))
    for push in pushes:
        for digest, names in push.images:
            if any(place_of(name) == here for name in _repositories(names)):
                found[digest] = None
    return tuple(found)


def _is_digest(text: str) -> bool:
    """Whether it is one: records may be of others."""
    try:
        return bool(checks.digest(text))
    except Unfit:
        return False


def _repositories(images: Iterable[str]) -> set[str]:
    found = set()
    for image in images:
        try:
            found.add(parts(image)[0])
        except AssertionError:  # not a reference
            continue
    return found


def _tags_in(text: str, repository: str) -> Iterable[str]:
    here = place_of(repository)
    for match in _TAG.finditer(text):
        if place_of(f"{match[1]}/{match[2]}") == here:
            yield match[3]
