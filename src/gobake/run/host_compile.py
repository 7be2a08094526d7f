"""Compiles programs on this machine with its own Go, as the compile stage does in a container."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path

from msgspec import Struct

from gobake.errors import CompileFailed, GobakeError, GoMissing
from gobake.gotool import host as hostgo
from gobake.gotool import settings
from gobake.gotool.asking import Query, Question
from gobake.gotool.copies import Copies
from gobake.gotool.counting import packages_of
from gobake.gotool.modules import Layout
from gobake.gotool.words import whole
from gobake.model import Platform, Service
from gobake.paths import scratch_folder
from gobake.proc import futures
from gobake.proc.command import NotStarted
from gobake.runs.record import HostCompileRecord
from gobake.trace import golog, patience
from gobake.trace.hostwork import HostWatch, HostWork
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


class Compile(Struct, frozen=True, kw_only=True, dict=True):
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
        words = [self.host.go or "go", "build", "-v", *self.late.flags]
        words += [*(["-trimpath"] if options.trimpath else []), "-buildvcs=false"]
        words += ["-gcflags=all=-dwarf=false"] if options.stripped else []
        words += [f"-tags={','.join(options.tags)}"] if options.tags else []
        return [*words, f"-ldflags={self.late.ldflags}", "-o", str(self.place)]


def compile_all(compiles: Sequence[Compile], tell: Callable[[HostWork], None]) -> tuple[HostCompileRecord, ...]:
    """Compile for one build root and platform after another, two at a time. Raises CompileFailed."""
    from concurrent.futures import ThreadPoolExecutor  # rarely needed

    order = {(job.service.build_root, job.platform): at for at, job in reversed(list(enumerate(compiles)))}
    jobs = sorted(compiles, key=lambda job: order[job.service.build_root, job.platform])
    services: dict[str, list[str]] = {}
    for job in jobs:
        services.setdefault(str(job.platform), []).append(job.service.name)
    watch = HostWatch(services, tell)
    futures.start(lambda: _count(jobs, watch))
    with scratch_folder() as scratch, ThreadPoolExecutor(2) as pool:
        copies = Copies(scratch)
        asked = [(job, *copies.env_and_flags(job.question)) for job in jobs]
        for one in [pool.submit(_compile, *words, watch) for words in asked]:
            one.result()
    return tuple(
        HostCompileRecord(
            platform=platform,
            services=work.services,
            started=work.started,
            seconds=max(0.0, (work.ended or work.started) - work.started),
            packages=go.packages_total,
            compiled=tuple((p.import_path, p.seconds) for p in go.compiled),
            linked=tuple((p.import_path, p.seconds) for p in go.linked),
        )
        for platform, (work, go) in watch.work().items()
    )


def _count(jobs: Sequence[Compile], watch: HostWatch) -> None:
    """Count the packages of each platform, unless its services have different settings."""
    for platform in dict.fromkeys(job.platform for job in jobs):
        some = [job for job in jobs if job.platform == platform]
        if len(some) > 1 and all(job.question.asked == some[0].question.asked for job in some):
            commands = [job.service.package for job in some]
            watch.counts(str(platform), packages_of(commands, some[0].question, some[0].host.go or "go"))


def _compile(job: Compile, changed: Mapping[str, str], flags: Sequence[str], watch: HostWatch) -> None:
    platform, service = str(job.platform), job.service.name
    watch.begins(platform)
    try:
        _go_build(job, changed, flags, lambda lines, graph: watch.hears(platform, service, lines, graph))
    except GobakeError:
        watch.ends(platform, service, failed=True)
        raise
    watch.ends(platform, service)


def _go_build(
    job: Compile, changed: Mapping[str, str], flags: Sequence[str], hears: Callable[[Sequence[str], str], None]
) -> None:
    job.place.parent.mkdir(parents=True, exist_ok=True)
    graph = job.place.with_name(f".{job.place.name}.graph")
    graph.unlink(missing_ok=True)
    command = [*job.command, *flags, f"-debug-actiongraph={graph}", job.service.package]
    environment = {**job.environment, **changed}
    waits = patience.Waits(graph=graph, hear=lambda lines: hears(lines, _read(graph)))
    try:
        done = patience.run(command, cwd=job.question.folder, env=environment, waits=waits)
        hears([done.err], _read(graph))
    except NotStarted as error:
        raise GoMissing(f"{command[0]} does not run: {error.why}", remedy="reinstall Go or take it from PATH") from None
    finally:
        graph.unlink(missing_ok=True)
    if done.code:
        raise _refusal(job, done.err)
    dated(job.place)


def _read(graph: Path) -> str:
    """Return Go's action graph; "" before Go has loaded all packages."""
    try:
        return graph.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _refusal(job: Compile, err: str) -> GobakeError:
    from gobake.trace.unfetched import UNFETCHED, unavailable

    compiled = set(golog.parse(err).compiled)
    said = whole("\n".join(line for line in err.splitlines() if line not in compiled)) or "no reason given"
    lines = said.splitlines()
    shown = next((line for line in lines if ".go:" in line), lines[-1])
    if UNFETCHED.search(said):
        return unavailable(shown, said)
    return CompileFailed(
        f"go build of {job.service.name} for {job.platform} on this machine failed: {shown}",
        remedy="" if len(lines) > 1 else f"`go build {job.service.package}` shows the same",
        words=said if len(lines) > 1 else "",
    )


def dated(place: Path) -> None:
    """Set an old date derived from the content.

    The same bytes then have the same date on every machine. Another binary of the same size has another one, so that
    buildx, which compares size and date, sends it.
    """
    moment = int.from_bytes(hashlib.sha256(place.read_bytes()).digest()[:4], "big") >> 4
    os.utime(place, (moment, moment))
