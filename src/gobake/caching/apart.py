"""Builds of a project's recipe for another purpose than its images: the result is a folder of files.

The recipe is rendered in full, so the steps have the mounts, secrets and arguments of the user's own build; a final
stage says which files are wanted.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from gobake import engine, recipe
from gobake.caching.seeds.solve import Given, solve
from gobake.context.staging import Staged
from gobake.credentials import EventRedactor, Redactor
from gobake.errors import GobakeError
from gobake.gotool.packages import GoTree
from gobake.model import Platform, Project
from gobake.recipe.words import hcl
from gobake.targets.matrix import Matrix

SECONDS = 7200.0


class Apart(Struct, frozen=True, kw_only=True):
    """Where to build, and with what."""

    platform: Platform
    builder: str
    secrets: Mapping[str, str]  # environment of the build's secrets
    variables: Mapping[str, str]  # other variables of the recipe's secrets: paths
    values: Mapping[str, str]  # values linked into binaries, by build argument
    home: Path  # the project's cache folder, which keeps copies of the sources
    redactor: Redactor = field(default_factory=Redactor)  # of the secrets


def rendered(project: Project, matrix: Matrix, tree: GoTree) -> recipe.Recipe:
    """Render a recipe whose targets get their own contexts."""
    return recipe.render(project, matrix, tree, recipe.Places(context="", dockerfile="", prebuilt="", exact=True))


def with_env(dockerfile: str, stage: str, setting: str) -> str:
    """Set a variable at the beginning of a stage: its steps are then none that any layer cache knows."""
    text, count = re.subn(rf"(?m)^(FROM \S+ AS {re.escape(stage)})$", rf"\1\nENV {setting}", dockerfile)
    assert count == 1, f"the recipe has {count} stages {stage}"
    return text


def build(asked: Apart, texts: Mapping[str, recipe.Recipe], result: str, folder: Path, staged: Staged) -> str:
    """Build the stage ``result`` of all recipes at once, so that a shared base image is pulled once.

    The files are in ``folder / name of the recipe``. Returns an error in one line, "" for success.
    """
    targets = {name: _target(asked, folder / f"{name}.Dockerfile", text, staged) for name, text in texts.items()}
    for name, target in targets.items():
        target |= {"target": result, "output": [f"type=local,dest={folder / name}"]}
    named = {name: "" for text in texts.values() for name in json.loads(text.bake)["variable"]}
    return solve(
        targets,
        folder,
        builder=asked.builder,
        seconds=SECONDS,
        namespace="",  # each recipe sets its own
        given=Given(
            secrets=asked.secrets,
            variables={**named, **asked.variables, **asked.secrets},
            redact=EventRedactor(asked.redactor).line,
        ),
    ).error


def _target(asked: Apart, file: Path, text: recipe.Recipe, staged: Staged) -> dict[str, Any]:
    """A bake target with the secrets of the project's targets."""
    file.write_text(text.dockerfile, encoding="utf-8")
    file.with_name(f"{file.name}.dockerignore").write_text(text.ignore, encoding="utf-8")
    base = json.loads(text.bake)["target"]["_base"]
    return {
        **base,
        "context": str(staged.sources),
        "dockerfile": str(file),
        "platforms": [str(asked.platform)],
        "args": {**base.get("args", {}), **{name: hcl(value) for name, value in asked.values.items()}},
    }


def forget(fresh: str, builder: str) -> None:
    """Delete the mounts of a build that has its own; a failure is ignored, as they do no harm."""
    with contextlib.suppress(GobakeError):
        for mount in engine.cache_mounts(builder) or ():
            if f"{fresh}-" in mount.id:
                with contextlib.suppress(GobakeError):
                    engine.delete_mount(mount.record, builder)
