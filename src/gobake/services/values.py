"""Evidence about a repository's commands, as values. Folders are relative to the project's root, which is `.`."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Source(StrEnum):
    """The kind of file that describes a build; the best evidence comes first."""

    GORELEASER = "goreleaser"
    KO = "ko"
    PROMU = "promu"
    DOCKERFILE = "dockerfile"
    BUILD = "build"  # `go build` in a Makefile, script or workflow
    INSTALL = "install"  # `go install` there: often a developer's tool

    @property
    def releases(self) -> bool:
        """Whether it is a release tool, whose file lists all released commands."""
        return self in (Source.GORELEASER, Source.KO, Source.PROMU)


class Build(Struct, frozen=True, kw_only=True):
    """One place that builds packages, and its settings."""

    source: Source
    where: str  # FILE:LINE
    folders: tuple[str, ...] = ()  # possible folders of the package, best guess first; `*` stands for unknown parts
    import_path: str = ""  # the package's import path; "" if a folder is named
    named: frozenset[str] = frozenset()  # names that may replace the pattern of a Makefile rule; empty for any
    binary: str = ""  # the program's name; "" if unknown
    exact: bool = True  # the name contains no template
    ldflags: str = ""
    tags: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    flags: tuple[str, ...] = ()


class Use(Struct, frozen=True, kw_only=True):
    """A place that runs a command to generate or check sources: `go run`, `//go:generate` or a tool directive."""

    where: str  # FILE:LINE
    how: str  # for messages: "go:generate runs it"
    folders: tuple[str, ...] = ()
    import_path: str = ""
    files: tuple[str, ...] = ()  # the Go files that are run, if files are named instead of a package
    program: str = ""  # the program's name, if it is run by that
    certain: bool = True  # False for a `go run` in a Makefile, which may just try the service out


class Image(Struct, frozen=True, kw_only=True):
    """The image of a Dockerfile's last stage, or of one for `--target`."""

    file: str
    takes: tuple[tuple[str, str], ...] = ()  # (name of a program that it copies or starts, FILE:LINE)
    ports: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    user: str = ""
    workdir: str = ""
    volumes: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()  # (source in the context, target)
    base: str = ""
    folder: str = "."  # the Dockerfile's


class Evidence(Struct, frozen=True, kw_only=True):
    """All evidence of a repository."""

    builds: tuple[Build, ...] = ()
    uses: tuple[Use, ...] = ()
    images: tuple[Image, ...] = ()


class Command(Struct, frozen=True, kw_only=True):
    """A main package with a func main."""

    import_path: str
    folder: str  # relative to the root; "" if outside of it
    module: str  # the module's path
    module_folder: str = "."
    binary: str = ""  # Go's name for the program
    files: frozenset[str] = frozenset()  # names of its Go files
    empty: bool = False  # func main() {}


class Verdict(Struct, frozen=True, kw_only=True):
    """The decision whether a command is a service."""

    command: Command
    shipped: bool
    why: str  # "built by .goreleaser.yaml:12", "lies in internal/"
    builds: tuple[Build, ...] = ()  # those that name it, best evidence first
    images: tuple[Image, ...] = ()
