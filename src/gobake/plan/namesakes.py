"""Images of other projects whose names a build takes: without a registry prefix, all names share one namespace."""

from __future__ import annotations

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
    answers = ((name, api.get(f"/v1.44/images/{quote(name)}/json", _SECONDS)) for name in names[:_ASKED])
    return tuple(note for name, answer in answers if (note := told(name, answer, project.name)))


def told(name: str, answer: Any, project: str) -> str:
    """Return the note about one response of the engine (ImageInspect), or ""."""
    labels = (answer.get("Config") or {}).get("Labels") if isinstance(answer, dict) else None
    other = labels.get(LABEL, "") if isinstance(labels, dict) else ""
    if not other or other == project:
        return ""
    return f"{name} was an image of project {other}; `registry` in gobake.yaml or --registry tells the two apart"
