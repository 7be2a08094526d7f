"""Binaries compiled outside the build: found by the project's pattern, or compiled by the host's Go.

They are collected in one folder, under the names in the recipe's COPY. That folder is a named context of the build.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path, PurePosixPath

from msgspec import Struct

from gobake.binary import elf, loaders
from gobake.errors import CompileFailed, GoMissing, ProjectError, Unwritable
from gobake.gotool import host as hostgo
from gobake.gotool import settings
from gobake.gotool.asking import Query, Question
from gobake.gotool.copies import Copies
from gobake.gotool.modules import Layout
from gobake.gotool.words import whole
from gobake.model import Platform, Project, Service, Strategy
from gobake.paths import scratch_folder
from gobake.plan import outside
from gobake.proc.command import NotStarted
from gobake.recipe import libc_of
from gobake.targets.matrix import Matrix
from gobake.trace import patience
from gobake.trust import hostcode
from gobake.versions.hostlink import Linked, linked


class HostGo(Struct, frozen=True, kw_only=True, dict=True):
    """The Go toolchain of the host, with its settings."""

    go: str | None  # path of the go command; None if none is new enough, or if it may not compile
    is_trusted: bool = True  # False: it may not compile because the tree is not trusted
    layout: Layout
    access: Mapping[str, str] = {}  # environment for access to modules
    values: Mapping[str, str] = {}  # linked into programs, by build argument

    @cached_property
    def environment(self) -> dict[str, str]:
        return settings.of_host(os.environ, hostgo.own_settings(self.go) if self.go else {})


def stage(project: Project, matrix: Matrix, folder: Path, host: HostGo) -> None:
    """Collect all binaries in ``folder``. Raises ProjectError if one is missing, CompileFailed if Go fails."""
    lacking = outside.missing(project, matrix)
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
    if gaps and host.go:
        _compile_all(project, folder, host, gaps.values())


def _compile_all(project: Project, folder: Path, host: HostGo, gaps: Iterable[outside.Missing]) -> None:
    """Compile for one build root and platform after another, two at a time."""
    from concurrent.futures import ThreadPoolExecutor  # rarely needed

    groups: dict[tuple[PurePosixPath, Platform], list[Service]] = {}
    for gap in gaps:
        groups.setdefault((gap.service.build_root, gap.platform), []).append(gap.service)
    with scratch_folder() as scratch, ThreadPoolExecutor(2) as pool:
        copies = Copies(scratch)
        compiles = [
            _Compile(host=host, service=service, platform=platform, place=_place(project, folder, service, platform))
            for (_, platform), services in groups.items()
            for service in services
        ]
        asked = [(compile_, *copies.env_and_flags(compile_.question)) for compile_ in compiles]
        for job in [pool.submit(_compile, *words) for words in asked]:
            job.result()


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


class _Compile(Struct, frozen=True, kw_only=True, dict=True):
    """A program to compile here, as the compile stage does in a container."""

    host: HostGo
    service: Service
    platform: Platform
    place: Path

    @property
    def question(self) -> Question:
        """Its folder and settings, the same as when Go was asked about it."""
        options, layout = self.service.build, self.host.layout
        root = next(b for b in layout.builds if b.directory == layout.context / self.service.build_root)
        variables = settings.deciding(dict(options.env))
        return Question(root=root, query=Query(platform=self.platform, tags=options.tags, variables=variables))

    @cached_property
    def late(self) -> Linked:
        """What is linked in for the version."""
        return linked(self.service, self.host.values, partial(hostgo.version, self.host.go or "go"))

    @property
    def environment(self) -> dict[str, str]:
        options = self.service.build
        return {
            **self.host.environment,
            **self.host.access,
            **self.late.env,
            **dict(options.env),
            **settings.of_build(self.platform, options.env),
            "GOWORK": self.question.env()["GOWORK"],
            "PWD": str(self.question.folder),
        }

    @property
    def command(self) -> list[str]:
        options = self.service.build
        words = [self.host.go or "go", "build", *self.late.flags]
        words += [*(["-trimpath"] if options.trimpath else []), "-buildvcs=false"]
        words += ["-gcflags=all=-dwarf=false"] if options.stripped else []
        words += [f"-tags={','.join(options.tags)}"] if options.tags else []
        return [*words, f"-ldflags={self.late.ldflags}", "-o", str(self.place)]


def _compile(job: _Compile, changed: Mapping[str, str], flags: Sequence[str]) -> None:
    job.place.parent.mkdir(parents=True, exist_ok=True)
    graph = job.place.with_name(f".{job.place.name}.graph")
    graph.unlink(missing_ok=True)
    command = [*job.command, *flags, f"-debug-actiongraph={graph}", job.service.package]
    environment = {**job.environment, **changed}
    try:
        done = patience.run(command, cwd=job.question.folder, env=environment, waits=patience.Waits(graph=graph))
    except NotStarted as error:
        raise GoMissing(f"{command[0]} does not run: {error.why}", remedy="reinstall Go or take it from PATH") from None
    finally:
        graph.unlink(missing_ok=True)
    if done.code:
        said = whole(done.err) or "no reason given"
        lines = said.splitlines()
        shown = next((line for line in lines if ".go:" in line), lines[-1])
        from gobake.trace.unfetched import UNFETCHED, unavailable

        if UNFETCHED.search(said):
            raise unavailable(shown, said)
        raise CompileFailed(
            f"go build of {job.service.name} for {job.platform} on this machine failed: {shown}",
            remedy="" if len(lines) > 1 else f"`go build {job.service.package}` shows the same",
            words=said if len(lines) > 1 else "",
        )
    _date(job.place)


def _lay(source: Path, place: Path) -> None:
    """Copy a file, dated by its content."""
    if place.is_file() and place.stat().st_size == source.stat().st_size and place.read_bytes() == source.read_bytes():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, place.with_suffix(".part"))
    _date(place.with_suffix(".part"))
    place.with_suffix(".part").replace(place)


def _stays_inside(project: Project, source: Path) -> None:
    """Reject a link that would bring a file from outside the project into an image. Raises ProjectError."""
    if not source.resolve().is_relative_to(project.context.resolve()):
        raise ProjectError(f"{source} leads out of {project.context}", remedy="lay the program itself there")


def _date(place: Path) -> None:
    """Set an old date derived from the content.

    The same bytes then have the same date on every machine. Another binary of the same size has another one, so that
    buildx, which compares size and date, sends it.
    """
    moment = int.from_bytes(hashlib.sha256(place.read_bytes()).digest()[:4], "big") >> 4
    os.utime(place, (moment, moment))


def _place(project: Project, folder: Path, service: Service, platform: Platform) -> Path:
    return folder / outside.name_of(project, service, platform)
