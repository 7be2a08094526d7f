"""Compares what services need at run time with their images, and names the key of gobake.yaml that provides it.

Needs are hints, as the findings (evidence.py) are: each names its place, and doubtful ones are left out.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from msgspec import Struct

from gobake.model import Service, Strategy, is_system_folder
from gobake.needs.evidence import Finding, Kind

_BARE = (Strategy.DISTALPINE, Strategy.SCRATCH, Strategy.UPX)  # images without a distribution
_WITHOUT_SHELL = (*_BARE, Strategy.DISTROLESS)
_WITHOUT_ZONES = (Strategy.PREBUILT, Strategy.ALPINE, Strategy.SCRATCH, Strategy.UPX)
_MOUNTED = ("/dev", "/proc", "/sys")
_TZDATA = "time/tzdata"  # this package links the database into the program


class Need(Struct, frozen=True, kw_only=True):
    """One thing that a service needs."""

    kind: Kind
    what: str  # in a few words
    found: tuple[Finding, ...]  # the places that show it
    lacking: tuple[Strategy, ...]  # the built strategies whose images lack it
    answer: str  # the remedy if any image lacks it; else what provides it


class Sources(Struct, frozen=True, kw_only=True):
    """What is known about the sources of a service."""

    findings: tuple[Finding, ...]
    imports: frozenset[str]  # imports of its packages in the tree
    linked: frozenset[str] = frozenset()  # all packages of the program, from its last build; empty if unknown
    # the project's root, relative to the context
    root: PurePosixPath = PurePosixPath()


def needs(
    service: Service, strategies: Sequence[Strategy], sources: Sources, is_file: Callable[[PurePosixPath], bool]
) -> tuple[Need, ...]:
    """Return the needs, ordered by kind. ``is_file``: whether a path in the context exists, as a file or folder."""
    groups: dict[tuple[Kind, str], list[Finding]] = {}
    for finding in sorted(sources.findings):
        groups.setdefault((finding.kind, finding.value), []).append(finding)
    if "os/user" in sources.linked:
        groups.setdefault((Kind.USER, ""), [])
    subject = _Subject(service=service, strategies=tuple(strategies), sources=sources, is_file=is_file)
    made = (subject.need(kind, value, tuple(places)) for (kind, value), places in groups.items())
    result = [need for need in made if need]
    if not any(need.kind is Kind.PORT for need in result):
        result += list(subject.ports())
    order = list(Kind)
    return tuple(sorted(result, key=lambda need: (order.index(need.kind), need.what)))


class _Subject(Struct, frozen=True, kw_only=True):
    service: Service
    strategies: tuple[Strategy, ...]
    sources: Sources
    is_file: Callable[[PurePosixPath], bool]

    def need(self, kind: Kind, value: str, found: tuple[Finding, ...]) -> Need | None:
        match kind:
            case Kind.USER:
                return _need(kind, "to know its user", found, (), "every image knows it by /etc/passwd, USER and HOME")
            case Kind.HOME:
                return self._home(found)
            case Kind.TEMP:
                return self._temp(found)
            case Kind.WRITES:
                return self._writes(value, found)
            case Kind.READS:
                return self._reads(value, found)
            case Kind.ZONES:
                return self._zones(found)
            case Kind.PROGRAM:
                return self._program(value, found)
            case Kind.PORT:
                return self._port(value, found)
            case Kind.CGO:
                return _need(
                    kind,
                    "files that CGO_ENABLED=0 leaves out",
                    found,
                    (),
                    "what stands in for them may do less; `build_env: {CGO_ENABLED: '1'}` compiles them",
                )

    def ports(self) -> Iterator[Need]:
        for port in self.service.ports:
            number = port.partition("/")[0]
            if int(number) < 1024 and (need := self._port(number, ())):
                yield need

    def _home(self, found: tuple[Finding, ...]) -> Need:
        home = dict(self.service.env).get("HOME", self.service.home)
        if home == self.service.home or self._writable(home):
            return _need(Kind.HOME, "a home", found, (), f"every image has {home}, which the user can write")
        return _need(
            Kind.HOME, "a home", found, self.strategies, f"`env` says HOME={home}: add it to `data`, or take it out"
        )

    def _temp(self, found: tuple[Finding, ...]) -> Need:
        brought = self.service.tmp or "TMPDIR" in dict(self.service.env)
        lacking = () if brought else self._among(_BARE)
        answer = "`tmp: true` brings a /tmp" if lacking else "/tmp" if not self._own("TMPDIR") else "TMPDIR is set"
        return _need(Kind.TEMP, "temporary files", found, lacking, answer)

    def _writes(self, path: str, found: tuple[Finding, ...]) -> Need | None:
        if self.service.uid == "0" or path.startswith(tuple(f"{folder}/" for folder in _MOUNTED)):
            return None
        inside = posixpath.join(self.service.workdir or "/", path)
        if inside.startswith("/tmp/"):
            return self._temp(found)
        if self._writable(inside):
            return _need(Kind.WRITES, f"to write {path}", found, (), "the user owns that folder")
        folder = inside if found[0].word.startswith("os.Mkdir") else posixpath.dirname(inside)
        if path.startswith("/"):
            named = folder if not is_system_folder(folder) else "/data"
            aside = "" if named == folder else ", and tell the program to write there"
            return _need(Kind.WRITES, f"to write {path}", found, self.strategies, f"`data: [{named}]`{aside}")
        return _need(
            Kind.WRITES,
            f"to write {path} where it starts",
            found,
            self.strategies,
            "`workdir: /data` starts it in a folder of its own",
        )

    def _reads(self, path: str, found: tuple[Finding, ...]) -> Need | None:
        """Return the need if the path exists in the main package's folder or at the build root, where people run it."""
        whole = path.partition("*")[0].rpartition("/")[0] if "*" in path else path
        path = posixpath.normpath(whole) if whole else ""
        if not path or path.startswith(("/", "..")) or path == ".":
            return None
        for folder in (self.service.directory, self.service.build_root):
            source = folder / path
            if self.is_file(source):
                target = posixpath.join(self.service.workdir or "/", path)
                if self._brought(target):
                    return _need(Kind.READS, f"to read {path}", found, (), "`files` brings it")
                if source.is_relative_to(self.sources.root):
                    source = source.relative_to(self.sources.root)
                return _need(Kind.READS, f"to read {path}", found, self.strategies, f"`files: ['{source}:{target}']`")
        return None

    def _zones(self, found: tuple[Finding, ...]) -> Need:
        if _TZDATA in self.sources.imports | self.sources.linked or "timetzdata" in self.service.build.tags:
            return _need(Kind.ZONES, "time zones", found, (), f"they are part of the program ({_TZDATA})")
        if self.service.zoneinfo:
            return _need(Kind.ZONES, "time zones", found, (), "`zoneinfo: true` brings them")
        lacking = tuple(
            s for s in self._among(_WITHOUT_ZONES) if not (self.service.base and s is self.service.strategy)
        )
        return _need(
            Kind.ZONES, "time zones", found, lacking, "`zoneinfo: true` brings them" if lacking else "the base has them"
        )

    def _program(self, program: str, found: tuple[Finding, ...]) -> Need | None:
        name = program.rpartition("/")[2]
        files = {file.target.name for file in self.service.files}
        if name in (self.service.name, *(program.name for program in self.service.programs), *files):
            return None
        lacking = self._among(_WITHOUT_SHELL)
        if name in ("sh", "bash"):
            answer = "choose `strategy: debian-slim`" + (", or alpine, for a shell" if name == "sh" else " for bash")
            return _need(Kind.PROGRAM, f"to start {program}", found, lacking, answer if lacking else "the base has one")
        answer = f"a base that has {name}: `strategy: alpine` and `base: ./base.Dockerfile`"
        return _need(
            Kind.PROGRAM, f"to start {program}", found, lacking, answer if lacking else f"{answer}, or the base"
        )

    def _port(self, port: str, found: tuple[Finding, ...]) -> Need | None:
        """Docker sets net.ipv4.ip_unprivileged_port_start to 0 in a container's network; other runtimes may not."""
        if self.service.uid == "0":
            return None
        answer = (
            f"user {self.service.user} may listen there in Docker; in Kubernetes only where the runtime or the pod "
            "sets net.ipv4.ip_unprivileged_port_start; a port from 1024 on works anywhere"
        )
        return _need(Kind.PORT, f"port {port}", found, (), answer)

    def _among(self, lacking: Iterable[Strategy]) -> tuple[Strategy, ...]:
        return tuple(strategy for strategy in self.strategies if strategy in tuple(lacking))

    def _own(self, variable: str) -> bool:
        return variable in dict(self.service.env)

    def _writable(self, path: str) -> bool:
        service = self.service
        folders = [service.home, *service.data, *service.volumes]
        if posixpath.dirname(path) == service.workdir and not is_system_folder(service.workdir):
            return True  # files directly in the workdir, not in folders below it
        return any(path == folder or path.startswith(f"{folder}/") for folder in folders)

    def _brought(self, target: str) -> bool:
        targets = [str(file.target) for file in self.service.files]
        return any(target == one or target.startswith(f"{one}/") or one.startswith(f"{target}/") for one in targets)


def _need(kind: Kind, what: str, found: tuple[Finding, ...], lacking: tuple[Strategy, ...], answer: str) -> Need:
    return Need(kind=kind, what=what, found=found, lacking=lacking, answer=answer)
