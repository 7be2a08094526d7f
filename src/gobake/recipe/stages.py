"""Which compile stages a matrix needs: services with equal build options and one build root share a stage.

Pure values; the Dockerfile's words are in dockerfile.py and in the templates.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from gobake.dataclass import dataclass
from gobake.matrix import Matrix
from gobake.model import BuildOptions, Service, Strategy


@dataclass(frozen=True, kw_only=True)
class Command:
    """One main package in a compile stage."""

    service: Service

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def package(self) -> str:
        return self.service.package

    @property
    def linked(self) -> str:
        """The file's name as `go build -o FOLDER/` writes it."""
        return self.service.binary

    @property
    def stamp(self) -> str:
        return self.service.version_stamp


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Commands that one `go build -o FOLDER/` can write without one overwriting another."""

    folder: str
    stamp: str  # the variable that the version is linked into, "" for none
    commands: tuple[Command, ...]


@dataclass(frozen=True, kw_only=True)
class CompileStage:
    """One `go build` for many services."""

    name: str
    build_root: PurePosixPath
    options: BuildOptions
    commands: tuple[Command, ...]
    native: bool  # runs on the target platform: cgo without a cross compiler

    @property
    def plain(self) -> tuple[Batch, ...]:
        return _batches(self.name, [c for c in self.commands if not c.stamp])

    @property
    def stamped(self) -> tuple[Command, ...]:
        return tuple(c for c in self.commands if c.stamp)

    @property
    def late(self) -> tuple[Batch, ...]:
        return _batches(self.stamp_name, self.stamped)

    @property
    def stamp_name(self) -> str:
        return "stamp" + self.name.removeprefix("compile")

    def output_stage(self, service: Service) -> str:
        """The stage whose /out holds the service's files."""
        return self.stamp_name if service.version_stamp else self.name


def compile_stages(matrix: Matrix) -> tuple[CompileStage, ...]:
    """Stages in a stable order: `compile`, then `compile-2` ... by build root and options."""
    groups: dict[tuple[PurePosixPath, BuildOptions], list[Command]] = {}
    needed = {t.service.name for t in matrix.targets if t.strategy is not Strategy.PREBUILT}
    for service in matrix.services:
        if service.name in needed:
            groups.setdefault((service.build_root, service.build), []).append(Command(service=service))
    stages = []
    for number, key in enumerate(sorted(groups, key=lambda k: (str(k[0]), k[1])), start=1):
        root, options = key
        stages.append(
            CompileStage(
                name="compile" if number == 1 else f"compile-{number}",
                build_root=root,
                options=options,
                native=options.native,
                commands=tuple(sorted(groups[key], key=lambda c: c.name)),
            )
        )
    return tuple(stages)


def _batches(stage: str, commands: Sequence[Command]) -> tuple[Batch, ...]:
    rounds: list[list[Command]] = []
    for command in commands:
        for batch in rounds:
            if batch[0].stamp == command.stamp and all(other.linked != command.linked for other in batch):
                batch.append(command)
                break
        else:
            rounds.append([command])
    return tuple(
        Batch(folder=stage if number == 1 else f"{stage}.{number}", stamp=batch[0].stamp, commands=tuple(batch))
        for number, batch in enumerate(rounds, start=1)
    )
