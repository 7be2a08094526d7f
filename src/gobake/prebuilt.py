"""Binaries compiled outside of the build: found by the project's pattern, else compiled by the host's own Go.

They are laid into one folder, named as the recipe's COPY names them; that folder is a named context of the build.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import field
from functools import partial
from pathlib import Path

from gobake import hostgo
from gobake.binary import elf, loaders
from gobake.dataclass import dataclass
from gobake.errors import CompileFailed, ProjectError, Unwritable
from gobake.matrix import Matrix
from gobake.model import Platform, Project, Service, Strategy, Target
from gobake.recipe import libc_of, prebuilt_folder, prebuilt_name
from gobake.versions.hostlink import linked


@dataclass(frozen=True, kw_only=True)
class Missing:
    """A binary that the pattern does not find."""

    service: Service
    platform: Platform
    path: Path  # where it was looked for


def missing(project: Project, matrix: Matrix) -> tuple[Missing, ...]:
    found = []
    for target in _targets(matrix):
        for platform in target.platforms:
            path = _expected(project, target.service, platform)
            if not path.is_file():
                found.append(Missing(service=target.service, platform=platform, path=path))
    return tuple(found)


def not_compiled(project: Project, matrix: Matrix) -> frozenset[str]:
    """Services that nobody compiled outside, and that need not be: another strategy is their chosen one."""
    return frozenset(
        gap.service.name for gap in missing(project, matrix) if gap.service.strategy is not Strategy.PREBUILT
    )


def without(project: Project, matrix: Matrix, lacking: Iterable[Missing]) -> Matrix:
    """The matrix less the targets whose binary neither exists nor can be compiled here."""
    names = {m.service.name for m in lacking}
    gone = [t for t in _targets(matrix) if t.service.name in names]
    reason = f"{', '.join(sorted(names))} in prebuilt: no {project.prebuilt} and no Go on this machine to compile it"
    return matrix.without(gone, reason) if gone else matrix


@dataclass(frozen=True, kw_only=True)
class HostGo:
    """What compiles here."""

    go: str | None  # path of the go command, None where none is new enough
    access: Mapping[str, str] = field(default_factory=dict)  # environment with which it reaches modules
    values: Mapping[str, str] = field(default_factory=dict)  # that are linked into programs, by build argument


def stage(project: Project, matrix: Matrix, folder: Path, host: HostGo) -> None:
    """Lay all binaries into ``folder``. Raises ProjectError where one is missing, CompileFailed where Go refuses."""
    go = host.go
    lacking = missing(project, matrix)
    if lacking and not go:
        first = lacking[0]
        raise ProjectError(
            f"there is no {first.path} for {first.service.name} in prebuilt",
            remedy=f"compile it to {project.prebuilt}, or have a Go that is new enough on this machine",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for target in _targets(matrix):
            for platform in target.platforms:
                source = _expected(project, target.service, platform)
                if source.is_file():
                    _lay(source, _place(project, folder, target.service, platform))
    except OSError as error:
        raise Unwritable(f"{folder} cannot be written: {error.strerror}", remedy="is the disk full?") from None
    groups: dict[tuple[Path, Platform], list[Service]] = {}
    # a pattern without {variant} means one binary for several: the lowest, which runs on all of them
    for gap in {gap.path: gap for gap in sorted(lacking, key=lambda gap: gap.platform, reverse=True)}.values():
        groups.setdefault((project.context / gap.service.build_root, gap.platform), []).append(gap.service)
    from concurrent.futures import ThreadPoolExecutor  # seldom needed

    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(_compile, host, project, folder, *key, groups[key]) for key in groups]
        for job in jobs:
            job.result()


def check(project: Project, matrix: Matrix, folder: Path) -> None:
    """Raises ProjectError for a binary in ``folder`` that is of another machine, or no program, and BuildFailed for one
    that the base could not start."""
    for target in _targets(matrix):
        libc = libc_of(project, target.service, Strategy.PREBUILT)
        for platform in target.platforms:
            file = _place(project, folder, target.service, platform)
            theirs = _expected(project, target.service, platform)
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


def _compile(
    host: HostGo,
    project: Project,
    folder: Path,
    root: Path,
    platform: Platform,
    services: list[Service],
) -> None:
    for service in services:
        place = _place(project, folder, service, platform)
        place.parent.mkdir(parents=True, exist_ok=True)
        options, go = service.build, host.go or "go"
        late = linked(service, host.values, partial(hostgo.version, go))
        command = [go, "build", *late.flags, *(["-trimpath"] if options.trimpath else []), "-buildvcs=false"]
        command += [f"-tags={','.join(options.tags)}"] if options.tags else []
        command += [f"-ldflags={late.ldflags}", "-o", str(place), service.package]
        variant = platform.variant.removeprefix("v") if platform.arch == "arm" else platform.variant
        name = {"arm": "GOARM", "amd64": "GOAMD64"}.get(platform.arch)
        environment = {
            **os.environ,
            **host.access,
            **late.env,
            "CGO_ENABLED": "0",
            **dict(options.env),
            "GOOS": platform.os,
            "GOARCH": platform.arch,
        }
        if name and variant:
            environment[name] = variant
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            shown = next((line for line in lines if ".go:" in line), lines[-1] if lines else "no reason given")
            from gobake.trace.unfetched import UNFETCHED, unavailable

            if UNFETCHED.search(done.stderr):
                raise unavailable(shown, done.stderr)
            raise CompileFailed(
                f"go build of {service.name} for {platform} on this machine failed: {shown}",
                remedy=f"`go build {service.package}` shows all of it",
            )
        _date(place)


def _lay(source: Path, place: Path) -> None:
    """A copy, dated by its content."""
    if place.is_file() and place.stat().st_size == source.stat().st_size and place.read_bytes() == source.read_bytes():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, place.with_suffix(".part"))
    _date(place.with_suffix(".part"))
    place.with_suffix(".part").replace(place)


def _date(place: Path) -> None:
    """An old date that follows from the content: the same bytes have it on every machine, and another binary of the
    same size is another file to buildx, which sends what differs in size or date."""
    moment = int.from_bytes(hashlib.sha256(place.read_bytes()).digest()[:4], "big") >> 4
    os.utime(place, (moment, moment))


def _targets(matrix: Matrix) -> list[Target]:
    return [t for t in matrix.targets if t.strategy is Strategy.PREBUILT]


def _expected(project: Project, service: Service, platform: Platform) -> Path:
    return project.root / prebuilt_folder(project) / _name(project, service, platform)


def _place(project: Project, folder: Path, service: Service, platform: Platform) -> Path:
    return folder / _name(project, service, platform)


def _name(project: Project, service: Service, platform: Platform) -> str:
    return prebuilt_name(project, service, platform.os, platform.arch, platform.variant)
