"""Why a program was not taken into an image: what the compile stage's own shell says (bake/programs.j2).

Texts in, errors out; failure.py asks here.
"""

from __future__ import annotations

import re

from gobake.errors import BuildFailed

_NOT_WRITTEN = re.compile(
    r"^gobake: (?P<service>\S+): (?P<words>go build has neither written nor confirmed \S+ .*)$", re.M
)


def not_written(log: str) -> BuildFailed | None:
    """A program that go build did not make: one of an earlier build lay there, or none."""
    found = _NOT_WRITTEN.search(log)
    if not found:
        return None
    return BuildFailed(
        f"the program of {found['service']} is missing: {found['words']}",
        remedy="nothing older is taken for it; `go list -f '{{.Target}}'` tells the name that Go gives it",
    )
