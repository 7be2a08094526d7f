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


class Triggers:
    """Those of one build. BuildKit may tell of a trigger before it tells of the image, so that its name comes last."""

    def __init__(self) -> None:
        self._bases: dict[object, str] = {}  # references by their digests of FROM steps
        self._found: tuple[str, list[Any]] | None = None  # stage and inputs of the first trigger

    def feed(self, line: str) -> bool:
        """Whether a line of buildx tells of the first one."""
        before = self._found
        if "] FROM " in line or "] ONBUILD " in line:
            for step in _steps(line):
                self._look(str(step.get("name")), step)
        return before is None and self._found is not None

    def _look(self, name: str, step: dict[str, Any]) -> None:
        if base := _BASE.match(name):
            self._bases[step.get("digest")] = base[1]
        elif self._found is None and (trigger := _TRIGGER.match(name)):
            inputs = step.get("inputs")
            self._found = trigger[1], inputs if isinstance(inputs, list) else []

    @property
    def error(self) -> BaseImageRefused | None:
        """What is to be said of it, as far as it is known by now."""
        if self._found is None:
            return None
        stage, inputs = self._found
        reference = next((self._bases[one] for one in inputs if isinstance(one, str) and one in self._bases), "")
        image = reference.partition("@")[0].removeprefix("docker.io/library/").removeprefix("docker.io/")
        what = f"the base image {image}" if image else f"the base image of {stage}"
        return BaseImageRefused(
            f"{what} has ONBUILD triggers, which would run steps that no recipe shows",
            remedy="name one without them under `bases` in gobake.yaml, or with --base",
        )


def _steps(line: str) -> list[dict[str, Any]]:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return []
    found = told.get("vertexes") if isinstance(told, dict) else None
    return [step for step in found if isinstance(step, dict)] if isinstance(found, list) else []
