"""Images of other projects whose names a build takes: without a registry prefix, all names share one namespace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from gobake.engine import api
from gobake.model import Project
from gobake.targets.matrix import Matrix

LABEL = "dev.gobake.project"
_ASKED = 16  # images; more notes would not be read
_SECONDS = 2.0


def namesakes(project: Project, matrix: Matrix, tag: str) -> tuple[str, ...]:
    """Return a note for each image of another project on this engine whose name the build takes."""
    if project.prefix:
        return ()
    names = [t.image("", tag) for t in matrix.targets if t.chosen]
    taken: dict[str, list[str]] = {}  # by the project that had them
    for name in names[:_ASKED]:
        if other := owner(api.get(f"/v1.44/images/{quote(name)}/json", _SECONDS), project.name):
            taken.setdefault(other, []).append(name)
    return tuple(told(other, found) for other, found in taken.items())


def owner(answer: Any, project: str) -> str:
    """Return the other project that one response of the engine (ImageInspect) names, or ""."""
    labels = (answer.get("Config") or {}).get("Labels") if isinstance(answer, dict) else None
    other = labels.get(LABEL, "") if isinstance(labels, dict) else ""
    return "" if not isinstance(other, str) or other == project else other


def told(other: str, names: Sequence[str]) -> str:
    """Return the note about images of one other project."""
    what = f"{names[0]} was an image" if len(names) == 1 else f"{names[0]} and {len(names) - 1} more were images"
    return f"{what} of project {other}; `registry` in gobake.yaml or --registry tells the two apart"
