"""Binaries compiled outside the build: where they are expected, and which are missing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from gobake.model import Platform, Project, Service, Strategy, Target
from gobake.recipe import prebuilt_folder, prebuilt_name
from gobake.targets.matrix import Matrix

NO_GO = "no Go on this machine to compile it"
NOT_ASKED = "nobody asked for it (`-s prebuilt` does, and this machine's Go compiles it)"


class Missing(Struct, frozen=True, kw_only=True):
    """A binary that does not exist at its path."""

    service: Service
    platform: Platform
    path: Path  # the expected path

    @property
    def asked(self) -> bool:
        """Whether gobake.yaml asks for the strategy: it is the service's chosen one, or listed for it."""
        listed = self.service.strategies != tuple(Strategy)
        return self.service.strategy is Strategy.PREBUILT or (listed and Strategy.PREBUILT in self.service.strategies)


def missing(project: Project, matrix: Matrix) -> tuple[Missing, ...]:
    found = []
    for target in targets(matrix):
        for platform in target.platforms:
            path = expected(project, target.service, platform)
            if not path.is_file():
                found.append(Missing(service=target.service, platform=platform, path=path))
    return tuple(found)


def not_compiled(project: Project, matrix: Matrix) -> frozenset[str]:
    """Return services without such a binary that need none, because they chose another strategy."""
    return frozenset(
        gap.service.name for gap in missing(project, matrix) if gap.service.strategy is not Strategy.PREBUILT
    )


def without(project: Project, matrix: Matrix, lacking: Iterable[Missing], why: str = NO_GO) -> Matrix:
    """Return the matrix without targets whose binary does not exist and cannot be compiled here."""
    names = {m.service.name for m in lacking}
    gone = [t for t in targets(matrix) if t.service.name in names]
    reason = f"{', '.join(sorted(names))} in prebuilt: no {project.prebuilt} and {why}"
    return matrix.without(gone, reason) if gone else matrix


def targets(matrix: Matrix) -> list[Target]:
    """Return the targets made from such binaries."""
    return [t for t in matrix.targets if t.strategy is Strategy.PREBUILT]


def expected(project: Project, service: Service, platform: Platform) -> Path:
    """Return a binary's path according to the project's pattern."""
    return project.root / prebuilt_folder(project) / name_of(project, service, platform)


def name_of(project: Project, service: Service, platform: Platform) -> str:
    """Return a binary's file name, as in the recipe's COPY."""
    return prebuilt_name(project, service, platform.os, platform.arch, platform.variant)
