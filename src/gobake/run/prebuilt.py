"""Binaries compiled outside the build: found by the project's pattern, or compiled by the host's Go.

They are collected in one folder, under the names in the recipe's COPY. That folder is a named context of the build.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from gobake.binary import elf, loaders
from gobake.errors import ProjectError, Unwritable
from gobake.model import Platform, Project, Service, Strategy
from gobake.plan import outside
from gobake.recipe import libc_of
from gobake.run.host_compile import Compile, HostGo, compile_all, dated
from gobake.runs.record import HostCompileRecord
from gobake.targets.matrix import Matrix
from gobake.trace.hostwork import HostWork
from gobake.trust import hostcode


def stage(
    project: Project, matrix: Matrix, folder: Path, host: HostGo, tell: Callable[[HostWork], None] = lambda _work: None
) -> tuple[HostCompileRecord, ...]:
    """Collect all binaries in ``folder``, and return what was compiled for it, with times since the epoch.

    ``tell``: takes what is compiled at the moment. Raises ProjectError if a binary is missing, CompileFailed if Go
    fails.
    """
    lacking = outside.missing(project, matrix)
    _may_compile(project, lacking, host)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for target in outside.targets(matrix):
            for platform in target.platforms:
                source = outside.expected(project, target.service, platform)
                if source.is_file():
                    _stays_inside(project, source)
                    _lay(source, _place(project, folder, target.service, platform))
    except OSError as error:
        raise Unwritable(f"{folder} cannot be written: {error.strerror}", remedy="is the disk full?") from None
    # without {variant} in the pattern, one binary is for several: the lowest variant, which runs on all of them
    gaps = {gap.path: gap for gap in sorted(lacking, key=lambda gap: gap.platform, reverse=True)}
    if not gaps or not host.go:
        return ()
    return compile_all(
        [
            Compile(
                host=host, service=g.service, platform=g.platform, place=_place(project, folder, g.service, g.platform)
            )
            for g in lacking
            if gaps[g.path] is g
        ],
        tell,
    )


def _may_compile(project: Project, lacking: Sequence[outside.Missing], host: HostGo) -> None:
    """Raise ProjectError if a missing binary cannot or must not be compiled on this machine."""
    for gap in lacking if host.go else ():
        if refused := hostcode.refusal(gap.service):
            key, value = refused
            raise ProjectError(
                f"{key} of {gap.service.name} ({value}) may start or write anything, and is not for this machine's Go",
                remedy=f"compile it to {project.prebuilt} yourself, or choose another strategy",
            )
    if lacking and not host.go:
        first = lacking[0]
        raise ProjectError(
            f"there is no {first.path} for {first.service.name} in prebuilt",
            remedy=f"compile it to {project.prebuilt}"
            + (
                ", or have a Go that is new enough on this machine"
                if host.is_trusted
                else "; nothing of a project that is not trusted is compiled on this machine"
            ),
        )


def check(project: Project, matrix: Matrix, folder: Path) -> None:
    """Check the binaries in ``folder``.

    Raises ProjectError for one that is for another machine or is no program, and BuildFailed for one that the base
    cannot start.
    """
    for target in outside.targets(matrix):
        libc = libc_of(project, target.service, Strategy.PREBUILT)
        for platform in target.platforms:
            file = _place(project, folder, target.service, platform)
            theirs = outside.expected(project, target.service, platform)
            _check(file, theirs if theirs.is_file() else file, target.service, platform, libc)


def _check(file: Path, shown: Path, service: Service, platform: Platform, libc: str) -> None:
    try:
        program = elf.read(file)
    except elf.NoProgram as error:
        raise ProjectError(f"{shown} is {error}", remedy=f"compile it for {platform}") from None
    if program.arch not in ("", platform.arch):
        raise ProjectError(
            f"{shown} is for {program.arch}, and not for {platform}", remedy=f"compile it for {platform}"
        )
    if libc != "any" and not loaders.starts(program.interpreter, libc):
        raise loaders.unfit(service.name, str(Strategy.PREBUILT), libc, program.interpreter)


def _lay(source: Path, place: Path) -> None:
    """Copy a file, dated by its content."""
    if place.is_file() and place.stat().st_size == source.stat().st_size and place.read_bytes() == source.read_bytes():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, place.with_suffix(".part"))
    dated(place.with_suffix(".part"))
    place.with_suffix(".part").replace(place)


def _stays_inside(project: Project, source: Path) -> None:
    """Reject a link that would bring a file from outside the project into an image. Raises ProjectError."""
    if not source.resolve().is_relative_to(project.context.resolve()):
        raise ProjectError(f"{source} leads out of {project.context}", remedy="lay the program itself there")


def _place(project: Project, folder: Path, service: Service, platform: Platform) -> Path:
    return folder / outside.name_of(project, service, platform)
