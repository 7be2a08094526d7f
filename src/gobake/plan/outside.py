"""Binaries that are compiled outside of the build: where they are looked for, and which are missing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from gobake.model import Platform, Project, Service, Strategy, Target
from gobake.recipe import prebuilt_folder, prebuilt_name
from gobake.targets.matrix import Matrix

NO_GO = "no Go on this machine to compile it"


class Missing(Struct, frozen=True, kw_only=True):
    """A binary that the pattern does not find."""

    service: Service
    platform: Platform
    path: Path  # where it was looked for


def missing(project: Project, matrix: Matrix) -> tuple[Missing, ...]:
    found = []
    for target in targets(matrix):
        for platform in target.platforms:
            path = expected(project, target.service, platform)
            if not path.is_file():
                found.append(Missing(service=target.service, platform=platform, path=path))
    return tuple(found)


def not_compiled(project: Project, matrix: Matrix) -> frozenset[str]:
    """Services that nobody compiled outside, and that need not be: another strategy is their chosen one."""
    return frozenset(
        gap.service.name for gap in missing(project, matrix) if gap.service.strategy is not Strategy.PREBUILT
    )


def without(project: Project, matrix: Matrix, lacking: Iterable[Missing], why: str = NO_GO) -> Matrix:
    """The matrix less the targets whose binary neither exists nor can be compiled here."""
    names = {m.service.name for m in lacking}
    gone = [t for t in targets(matrix) if t.service.name in names]
    reason = f"{', '.join(sorted(names))} in prebuilt: no {project.prebuilt} and {why}"
    return matrix.without(gone, reason) if gone else matrix


def targets(matrix: Matrix) -> list[Target]:
    """Those that are made from such binaries."""
    return [t for t in matrix.targets if t.strategy is Strategy.PREBUILT]


def expected(project: Project, service: Service, platform: Platform) -> Path:
    """Where the project's pattern says that a binary lies."""
    return project.root / prebuilt_folder(project) / name_of(project, service, platform)


def name_of(project: Project, service: Service, platform: Platform) -> str:
    """A binary's file name, as the recipe's COPY names it."""
    return prebuilt_name(project, service, platform.os, platform.arch, platform.variant)
