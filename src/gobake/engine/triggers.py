"""ONBUILD: steps that a base image adds to whatever is built from it, and that no recipe shows.

BuildKit tells all steps of a build before it begins the first, those of triggers by their name. So they are seen in
what it says anyway, of the very image that it resolved: nothing is asked before a build, and no tag moves in between.
"""

from __future__ import annotations

import json
import re
from typing import Any

from gobake.errors import BaseImageRefused

_TRIGGER = re.compile(r"\[([^\]]*?) *(?:\d+/\d+)?\] ONBUILD ")
_BASE = re.compile(r"\[[^\]]*\] FROM (\S+)")


def trigger(line: str) -> BaseImageRefused | None:
    """Of one event of buildx: what is to be said of a trigger in it, if there is one."""
    if "] ONBUILD " not in line:
        return None
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return None
    found = told.get("vertexes") if isinstance(told, dict) else None
    steps = [step for step in found or () if isinstance(step, dict)] if isinstance(found, list) else []
    bases = {step.get("digest"): match[1] for step in steps if (match := _BASE.match(str(step.get("name"))))}
    for step in steps:
        if match := _TRIGGER.match(str(step.get("name"))):
            return _refused(match[1], next((bases[one] for one in _inputs(step) if one in bases), ""))
    return None


def _inputs(step: dict[str, Any]) -> list[Any]:
    found = step.get("inputs")
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _refused(stage: str, reference: str) -> BaseImageRefused:
    image = reference.partition("@")[0].removeprefix("docker.io/library/").removeprefix("docker.io/")
    what = f"the base image {image}" if image else f"the base image of {stage}"
    return BaseImageRefused(
        f"{what} has ONBUILD triggers, which would run steps that no recipe shows",
        remedy="name one without them under `bases` in gobake.yaml, or with --base",
    )
