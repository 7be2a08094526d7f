"""Explains why a program is not in its image, from messages of the compile stage's shell (bake/programs.j2).

Also from a failed COPY, if the shell put the program into another folder. Pure; failure.py calls it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gobake.binary.loaders import unfit
from gobake.errors import BuildFailed
from gobake.model import Strategy

# Returns the loader of a service's program for a platform; None if unknown.
LoaderOf = Callable[[str, str], str | None]

_NOT_WRITTEN = re.compile(
    r"^gobake: (?P<service>\S+): (?P<words>go build has neither written nor confirmed \S+ .*)$", re.M
)
_ABSENT = re.compile(r'"/out/(?P<place>static|glibc|musl|libraries)/(?P<service>[^"/]+)/?": not found')


def not_written(log: str) -> BuildFailed | None:
    """Return the error for a program that go build did not write: there was only an older one, or none."""
    match = _NOT_WRITTEN.search(log)
    if not match:
        return None
    return BuildFailed(
        f"the program of {match['service']} is missing: {match['words']}",
        remedy="gobake does not use an older one; `go list -f '{{.Target}}'` shows the name that Go gives it",
    )


def cannot_start(reason: str, names: tuple[str, ...], platform: str, loader_of: LoaderOf | None) -> BuildFailed | None:
    """Return the error for a program that the image could not start. ``names``: the step's target and stage."""
    match = _ABSENT.search(reason)
    if not match:
        return None
    words = [name.removesuffix("-pack") for name in names]
    strategy = next((s for s in Strategy if any(word.endswith(f"-{s}") for word in words)), "the image")
    loader = loader_of(match["service"], platform) if loader_of else None
    return unfit(match["service"], str(strategy), match["place"], loader)
