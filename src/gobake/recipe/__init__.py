"""Renders the Dockerfile, ignore file and bake file of targets; they work with plain `docker buildx bake`."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from gobake.context.admitted import packages
from gobake.gotool.packages import GoTree
from gobake.model import Project
from gobake.recipe import bakefile, dockerfile, ignore
from gobake.recipe.bakefile import (
    CA_VARIABLE,
    ENVIRONMENT_VARIABLE,
    GOENV_VARIABLE,
    KNOWN_HOSTS_VARIABLE,
    NETRC_VARIABLE,
    SSH_VARIABLE,
    TRACE,
    Places,
    TargetCache,
    exporter_name,
)
from gobake.recipe.dockerfile import CERTIFICATES, NETRC, libc_of, prebuilt_folder, prebuilt_name
from gobake.recipe.ignore import downloads
from gobake.targets.matrix import Matrix

__all__ = [
    "BAKE_FILE",
    "CA_VARIABLE",
    "CERTIFICATES",
    "DOCKERFILE",
    "ENVIRONMENT_VARIABLE",
    "GOENV_VARIABLE",
    "IGNORE_FILE",
    "KNOWN_HOSTS_VARIABLE",
    "NETRC",
    "NETRC_VARIABLE",
    "READ_BY_BAKE",
    "SSH_VARIABLE",
    "TRACE",
    "Places",
    "Recipe",
    "TargetCache",
    "downloads",
    "exporter_name",
    "libc_of",
    "packages",
    "prebuilt_folder",
    "prebuilt_name",
    "render",
]

DOCKERFILE = "gobake.Dockerfile"
IGNORE_FILE = f"{DOCKERFILE}.dockerignore"
BAKE_FILE = "docker-bake.json"
# Files that bake reads beside ours if none is named (docker/buildx, bake.defaultFilenames and compose-go)
READ_BY_BAKE = (
    *("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"),
    *("docker-bake.hcl", "docker-bake.override.json", "docker-bake.override.hcl"),
)
HEADER = """Written by gobake for {project}; run `gobake render` again rather than editing it.
It needs nothing of gobake: `docker buildx bake` in this folder builds it."""


class Recipe(Struct, frozen=True, kw_only=True):
    """The three generated texts."""

    dockerfile: str
    ignore: str
    bake: str


def render(
    project: Project,
    matrix: Matrix,
    tree: GoTree,
    places: Places | None = None,
    caches: Mapping[str, TargetCache] | None = None,
    tag: str = "latest",
) -> Recipe:
    """Return the recipe of a matrix.

    ``places``: None for bake in the project's own folder. ``caches``: layer caches by target; None for none. ``tag``:
    the default of TAG. The Dockerfile does not depend on where it is written.
    """
    header = HEADER.format(project=project.name)
    folder = str(dockerfile.prebuilt_folder(project))
    places = places or Places(context=".", dockerfile=DOCKERFILE, prebuilt=folder)
    return Recipe(
        dockerfile=dockerfile.render(project, matrix, tree, header),
        ignore=ignore.nothing_left_out(header) if places.exact else ignore.ignore_file(project, matrix, tree, header),
        bake=bakefile.render(
            project,
            matrix,
            places,
            caches,
            downloads=downloads(matrix, tree),
            tag=tag,
        ),
    )
