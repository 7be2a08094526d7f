"""Why a program did not get into an image: what the compile stage's own shell says (bake/programs.j2), and what a COPY
does not find because the shell put the program elsewhere.

Texts in, errors out; failure.py asks here.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gobake.binary.loaders import unfit
from gobake.errors import BuildFailed
from gobake.model import Strategy

# Asks which loader the program of a service and platform names; None where that cannot be found out.
LoaderOf = Callable[[str, str], str | None]

_NOT_WRITTEN = re.compile(
    r"^gobake: (?P<service>\S+): (?P<words>go build has neither written nor confirmed \S+ .*)$", re.M
)
_ABSENT = re.compile(r'"/out/(?P<place>static|glibc|musl|libraries)/(?P<service>[^"/]+)/?": not found')


def not_written(log: str) -> BuildFailed | None:
    """A program that go build did not make: one of an earlier build lay there, or none."""
    found = _NOT_WRITTEN.search(log)
    if not found:
        return None
    return BuildFailed(
        f"the program of {found['service']} is missing: {found['words']}",
        remedy="nothing older is taken for it; `go list -f '{{.Target}}'` tells the name that Go gives it",
    )


def cannot_start(reason: str, names: tuple[str, ...], platform: str, loader_of: LoaderOf | None) -> BuildFailed | None:
    """A program that is not where the images that can start it copy from. ``names``: the step's target and stage."""
    found = _ABSENT.search(reason)
    if not found:
        return None
    words = [name.removesuffix("-pack") for name in names]
    strategy = next((s for s in Strategy if any(word.endswith(f"-{s}") for word in words)), "the image")
    loader = loader_of(found["service"], platform) if loader_of else None
    return unfit(found["service"], str(strategy), found["place"], loader)
