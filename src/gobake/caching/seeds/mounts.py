"""The cache mounts of a project: those of the compile stages, of seeds and of a builder."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from msgspec import Struct

from gobake.engine import CacheMount
from gobake.model import Platform, Project
from gobake.recipe.stages import compile_stages
from gobake.targets.matrix import Matrix


class Mount(Struct, frozen=True, kw_only=True):
    """One cache mount."""

    name: str  # gomod, gobuild, golink-compile-linux-amd64: the folder of a seed
    id: str  # as in the generated Dockerfile
    namespace: str = ""  # a build sees the mount only in this namespace

    @property
    def locked(self) -> bool:
        """Whether one build at a time uses it, as two links must not write the same binary."""
        return self.name.startswith("golink")


def mounts_of(project: Project, matrix: Matrix, *, vendored: bool = False) -> tuple[Mount, ...]:
    """The mounts of a matrix, in the order of the reports; none if nothing is compiled."""
    stages = compile_stages(matrix)
    links = [f"golink-{s.name}-{p.os}-{p.arch}{p.variant}" for s in stages for p in matrix.platforms]
    names = [*([] if vendored else ["gomod"]), "gobuild", *links] if stages else []
    return tuple(Mount(name=name, id=f"{project.mounts}-{name}", namespace=project.namespace) for name in names)


def of_platforms(mounts: Sequence[Mount], platforms: Iterable[Platform]) -> tuple[Mount, ...]:
    """The mounts that a build for these platforms uses; only those of links are for one platform."""
    ends = tuple(f"-{p.os}-{p.arch}{p.variant}" for p in platforms)
    return tuple(mount for mount in mounts if not mount.locked or mount.name.endswith(ends))


def namespace_of(mounts: Sequence[Mount]) -> str:
    """The namespace that all mounts of a project share."""
    return mounts[0].namespace if mounts else ""


def halves_of(mounts: Sequence[Mount], half_programs: Collection[str]) -> dict[str, tuple[Mount, ...]]:
    """The mounts that each image of a seed fills; a locked mount is in one image only."""
    return {
        "seed": tuple(m for m in mounts if m.name not in half_programs),
        "half": tuple(m for m in mounts if not m.locked or m.name in half_programs),
    }


_NAMES = re.compile(r"gomod|gobuild|golink-.+")


def mounts_among(project: Project, listed: Iterable[CacheMount]) -> tuple[Mount, ...]:
    """The project's mounts among those that a builder lists, of any matrix."""
    prefix = f"{project.mounts}-"
    names = sorted({m.id.removeprefix(prefix) for m in listed if m.id.startswith(prefix)})
    return tuple(
        Mount(name=name, id=prefix + name, namespace=project.namespace) for name in names if _NAMES.fullmatch(name)
    )
