"""What a repository tells about its commands, as values. Folders are relative to the project's root, `.` for itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Source(StrEnum):
    """Where a build is written down, the most telling first."""

    GORELEASER = "goreleaser"
    KO = "ko"
    PROMU = "promu"
    DOCKERFILE = "dockerfile"
    BUILD = "build"  # `go build` in a Makefile, script or workflow
    INSTALL = "install"  # `go install` there: as often a developer's tool as a release

    @property
    def releases(self) -> bool:
        """A tool that makes releases, and is told all that they hold."""
        return self in (Source.GORELEASER, Source.KO, Source.PROMU)


@dataclass(frozen=True, kw_only=True)
class Build:
    """One place that builds packages, and how."""

    source: Source
    where: str  # FILE:LINE
    folders: tuple[str, ...] = ()  # where the package may lie, best guess first; `*` stands for what is not known
    import_path: str = ""  # where it is named by that
    named: frozenset[str] = frozenset()  # of a pattern rule in a Makefile: the words that may fill it; empty for any
    binary: str = ""  # the program's name, "" where it is not said or not known
    exact: bool = True  # and it was said as it is, not with the platform behind it
    ldflags: str = ""
    tags: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Use:
    """A command that is run to make or check sources: `go run`, `//go:generate` or a tool directive."""

    where: str
    how: str  # the sentence's verb: "go:generate runs it"
    folders: tuple[str, ...] = ()
    import_path: str = ""
    files: tuple[str, ...] = ()  # the Go files that are run, where files are named instead of a package
    program: str = ""  # where it is called by its program's name
    certain: bool = True  # not so for a `go run` in a Makefile, which may just try the service out


@dataclass(frozen=True, kw_only=True)
class Image:
    """What a stage of a Dockerfile says that is an image: the last one, or one that `--target` asks for."""

    file: str
    takes: tuple[tuple[str, str], ...] = ()  # (name of a program that it copies or starts, FILE:LINE)
    ports: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    user: str = ""
    workdir: str = ""
    volumes: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()  # (source in the context, target) that are no programs
    base: str = ""
    folder: str = "."  # where the Dockerfile lies


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that was found."""

    builds: tuple[Build, ...] = ()
    uses: tuple[Use, ...] = ()
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Command:
    """A main package with a func main."""

    import_path: str
    folder: str  # relative to the root; "" where it lies outside of it
    module: str  # the module's path
    module_folder: str = "."
    binary: str = ""  # as Go calls it
    files: frozenset[str] = frozenset()  # names of the Go files that it is compiled from
    empty: bool = False  # func main() {}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a command is a service, and why."""

    command: Command
    shipped: bool
    why: str  # "built by .goreleaser.yaml:12", "lies in internal/"
    builds: tuple[Build, ...] = field(default=())  # those that name it, the most telling first
    images: tuple[Image, ...] = field(default=())
