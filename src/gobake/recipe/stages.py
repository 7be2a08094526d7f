"""The compile stages of a matrix: services with the same build options and build root share a stage.

Pure values; dockerfile.py and the templates write them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from msgspec import Struct

from gobake.config import stamps
from gobake.model import BuildOptions, Program, Service, Strategy
from gobake.targets.matrix import Matrix


class Command(Struct, frozen=True, kw_only=True):
    """One main package in a compile stage."""

    service: Service
    program: Program | None = None  # an additional command of the service's image; None for its main program

    @property
    def name(self) -> str:
        """The program's folder below /out/LIBC; it is unique, since service names have no +."""
        return f"{self.service.name}+{self.program.name}" if self.program else self.service.name

    @property
    def file(self) -> str:
        """The program's name in the image."""
        return self.program.name if self.program else self.service.name

    @property
    def package(self) -> str:
        """Its import path."""
        return self.program.package if self.program else self.service.package

    @property
    def linked(self) -> str:
        """The file name that `go build -o FOLDER/` writes."""
        return self.program.binary if self.program else self.service.binary

    @property
    def late(self) -> bool:
        """Whether it is linked in a late stage, with values that change from commit to commit."""
        return self.service.late

    @property
    def arguments(self) -> tuple[str, ...]:
        """The build arguments that are linked in; those that change least come first."""
        return stamps.arguments(self.service)


class Batch(Struct, frozen=True, kw_only=True):
    """Commands that one `go build -o FOLDER/` can write without name clashes."""

    folder: str
    commands: tuple[Command, ...]

    @property
    def service(self) -> Service:
        """One of its services; all are linked with the same flags."""
        return self.commands[0].service


class LateStage(Struct, frozen=True, kw_only=True):
    """A stage that links with one set of build arguments, so other arguments do not rerun it.

    Late stages of one compile stage run one after the other, because they share a cache mount; those whose values
    change least come first.
    """

    name: str
    base: str  # the stage before it
    arguments: tuple[str, ...]  # build arguments
    batches: tuple[Batch, ...]

    @property
    def commands(self) -> tuple[Command, ...]:
        return tuple(command for batch in self.batches for command in batch.commands)

    @property
    def stamps(self) -> bool:
        return any(command.service.stamps for command in self.commands)

    @property
    def vcs(self) -> bool:
        return any(command.service.vcs for command in self.commands)


class CompileStage(Struct, frozen=True, kw_only=True):
    """One `go build` for many services."""

    name: str
    build_root: PurePosixPath
    options: BuildOptions
    commands: tuple[Command, ...]
    native: bool  # it runs on the target platform: cgo without a cross compiler
    after: str = ""  # the stage that it waits for: one go build at a time per platform

    @property
    def plain(self) -> tuple[Batch, ...]:
        """The commands that this stage itself links."""
        return _batches(self.name, [c for c in self.commands if not c.late])

    @property
    def stamped(self) -> tuple[Command, ...]:
        """The commands that late stages link."""
        return tuple(c for c in self.commands if c.late)

    @property
    def late(self) -> tuple[LateStage, ...]:
        """Its late stages, in order."""
        groups: dict[tuple[str, ...], list[Command]] = {}
        for command in sorted(self.stamped, key=lambda c: _rank(c.arguments)):
            groups.setdefault(command.arguments, []).append(command)
        stages: list[LateStage] = []
        batches: list[Batch] = []
        for arguments, commands in groups.items():
            new = _batches("stamp" + self.name.removeprefix("compile"), commands, first=len(batches) + 1)
            base = stages[-1].name if stages else self.name
            stages.append(LateStage(name=new[0].folder, base=base, arguments=arguments, batches=new))
            batches += new
        return tuple(stages)

    def output_stage(self, service: Service) -> str:
        """Return the stage whose /out has the service's programs."""
        return next((late.name for late in self.late if service in (c.service for c in late.commands)), self.name)

    def arguments(self, service: Service | None = None) -> tuple[str, ...]:
        """Return the build arguments of all stages up to the one that links a service; None for all stages."""
        names: dict[str, None] = {}
        if service and not service.late:
            return ()
        for late in self.late:
            names |= dict.fromkeys(late.arguments)
            if service and late.name == self.output_stage(service):
                break
        return tuple(names)


def commands_of(service: Service) -> tuple[Command, ...]:
    """Return the commands in a service's image; its main program comes first."""
    return (Command(service=service), *(Command(service=service, program=program) for program in service.programs))


def compile_stages(matrix: Matrix) -> tuple[CompileStage, ...]:
    """Return the stages `compile`, `compile-2` ..., ordered by build root and options."""
    groups: dict[tuple[PurePosixPath, BuildOptions], list[Command]] = {}
    needed = {t.service.name for t in matrix.targets if t.strategy is not Strategy.PREBUILT}
    for service in matrix.services:
        if service.name in needed:
            groups.setdefault((service.build_root, service.build), []).extend(commands_of(service))
    stages: list[CompileStage] = []
    for number, key in enumerate(sorted(groups, key=lambda k: (str(k[0]), k[1])), start=1):
        root, options = key
        stages.append(
            CompileStage(
                name="compile" if number == 1 else f"compile-{number}",
                build_root=root,
                options=options,
                native=options.native,
                after=stages[-1].name if stages else "",
                commands=tuple(sorted(groups[key], key=lambda c: c.name)),
            )
        )
    return tuple(stages)


def _rank(arguments: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Return a sort key for late stages: the argument that changes most often decides."""
    order = tuple(stamps.ARGUMENTS.values())
    ranks = [len(order) if a.startswith("VCS") else order.index(a) if a in order else 0 for a in arguments]
    return max(ranks, default=-1), arguments


def _batches(stage: str, commands: Sequence[Command], first: int = 1) -> tuple[Batch, ...]:
    rounds: list[list[Command]] = []
    for command in commands:
        for batch in rounds:
            if _linked_alike(batch[0], command) and all(other.linked != command.linked for other in batch):
                batch.append(command)
                break
        else:
            rounds.append([command])
    return tuple(
        Batch(folder=stage if number == 1 else f"{stage}.{number}", commands=tuple(batch))
        for number, batch in enumerate(rounds, start=first)
    )


def _linked_alike(one: Command, other: Command) -> bool:
    return (one.service.stamps, one.arguments) == (other.service.stamps, other.arguments)
