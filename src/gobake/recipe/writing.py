"""Writes recipes into the cache folder; the same recipe is written once, and deleted when no longer used."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from gobake import __version__
from gobake.errors import Unwritable
from gobake.files import whole
from gobake.files.atomic import make_folder
from gobake.files.old import delete_older
from gobake.model import Project
from gobake.recipe import BAKE_FILE, DOCKERFILE, IGNORE_FILE, Recipe
from gobake.recipe.bakefile import TargetCache
from gobake.targets.matrix import Matrix

_KEEP_RECIPES_SECONDS = 14 * 24 * 3600


def recipe_folder(home: Path, project: Project, matrix: Matrix, places: str, caches: Mapping[str, TargetCache]) -> Path:
    """Return the folder of a recipe. ``places``: a text with the paths that it reads and writes."""
    mark = hashlib.sha256(repr((project, matrix.targets, places, caches, __version__)).encode()).hexdigest()[:16]
    return home / "recipes" / mark


def write_recipe(folder: Path, texts: Recipe) -> None:
    """Write a recipe, and delete recipes unused for two weeks. Raises Unwritable."""
    try:
        make_folder(folder)
        files = {DOCKERFILE: texts.dockerfile, IGNORE_FILE: texts.ignore, BAKE_FILE: texts.bake}
        _write({folder / name: text.encode() for name, text in files.items()})
        os.utime(folder)
        delete_older(folder.parent.iterdir(), _KEEP_RECIPES_SECONDS)
    except OSError as error:
        raise Unwritable(f"{folder} cannot be written: {error.strerror}", remedy="is the disk full?") from None


def _write(files: Mapping[Path, bytes]) -> None:
    """Write only files that differ: a concurrent run of the same project may be reading the others."""
    whole.write_all({f: content for f, content in files.items() if not f.is_file() or f.read_bytes() != content})
