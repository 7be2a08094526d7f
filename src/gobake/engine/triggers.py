"""ONBUILD: steps that a base image adds to what is built from it, and that no recipe shows.

BuildKit reports all steps of a build before it begins the first, and names those of triggers. So they are detected in
its output, for the very image that it resolved: no query is needed, and no tag can move in between.
"""

from __future__ import annotations

import json
import re
from typing import Any

from gobake.errors import BaseImageRefused

_TRIGGER = re.compile(r"\[([^\]]*?) *(?:\d+/\d+)?\] ONBUILD ")
_BASE = re.compile(r"\[[^\]]*\] FROM (\S+)")


class Triggers:
    """The triggers of one build. BuildKit may report a trigger before the image, so the image's name is added last."""

    def __init__(self) -> None:
        self._bases: dict[object, str] = {}  # references by the digests of their FROM steps
        self._found: tuple[str, list[Any]] | None = None  # stage and inputs of the first trigger

    def feed(self, line: str) -> bool:
        """Read a line of buildx; return whether it reports the first trigger."""
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
        """The error for the first trigger, with what is known so far."""
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
