"""The values that flow from the configuration to the recipe: frozen, typed, made once at the door.

This module knows no YAML, no Docker and no Go command; it imports nothing of gobake but its errors.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path, PurePosixPath

from msgspec import Struct

from gobake.errors import UsageError


class Strategy(StrEnum):
    """How an image is made. The order is that of reports and tables."""

    SINGLE_STAGE = "single-stage"  # golang base, sources and toolchain stay in the image
    PREBUILT = "prebuilt"  # a binary compiled outside, on the alpine base
    ALPINE = "alpine"
    DEBIAN_SLIM = "debian-slim"
    DISTROLESS = "distroless"
    DISTALPINE = "distalpine"  # scratch plus just what the binary needs
    SCRATCH = "scratch"
    UPX = "upx"  # scratch with a compressed binary

    @property
    def runs_on_target(self) -> bool:
        """True where a RUN step executes on the target platform (needs emulation or a node of it)."""
        return self is Strategy.SINGLE_STAGE


# GOARCH values that BuildKit and Go share for linux; https://go.dev/doc/install/source#environment
_ARCHITECTURES = frozenset(
    "386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x".split()
)
_ALIASES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "i386": "386"}
_VARIANTS = {"arm": ("v5", "v6", "v7"), "arm64": ("v8",), "amd64": ("v1", "v2", "v3", "v4")}


class Platform(Struct, frozen=True, kw_only=True, order=True):
    """``os/arch[/variant]`` as BuildKit writes it (containerd platforms.Parse). Only linux images are built."""

    os: str
    arch: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read ``linux/arm64`` or ``linux/arm/v7``. Raises UsageError naming what does not fit."""
        parts = text.strip().lower().split("/")
        if len(parts) not in (2, 3) or not all(parts):
            raise UsageError(f"invalid platform {text!r}", remedy="write os/arch[/variant], such as linux/arm64")
        os, arch = parts[0], _ALIASES.get(parts[1], parts[1])
        variant = parts[2] if len(parts) == 3 else ""
        if os != "linux":
            raise UsageError(f"platform {text!r}: images are built for linux only", remedy="write linux/amd64 or so")
        if arch not in _ARCHITECTURES:
            raise UsageError(
                f"platform {text!r}: Go and BuildKit know no architecture {arch!r}",
                remedy=f"one of {', '.join(sorted(_ARCHITECTURES))}",
            )
        if variant and variant not in _VARIANTS.get(arch, ()):
            raise UsageError(
                f"platform {text!r}: {arch} has no variant {variant!r}",
                remedy=f"one of {', '.join(_VARIANTS.get(arch, ('none',)))}",
            )
        if (arch, variant) in (("arm64", "v8"), ("amd64", "v1")):
            variant = ""  # BuildKit's own normal form leaves the default variant out
        if arch == "arm" and not variant:
            variant = "v7"
        return cls(os=os, arch=arch, variant=variant)

    def __str__(self) -> str:
        return f"{self.os}/{self.arch}" + (f"/{self.variant}" if self.variant else "")

    @property
    def slug(self) -> str:
        """``linux-arm64``, for file names and stage names."""
        return str(self).replace("/", "-")


class BuildOptions(Struct, frozen=True, kw_only=True, order=True):
    """What changes the bytes that Go compiles or links; services with equal options share one compile stage."""

    tags: tuple[str, ...] = ()  # go build -tags
    ldflags: str = "-s -w"  # go build -ldflags, without the version stamp
    trimpath: bool = True
    env: tuple[tuple[str, str], ...] = ()  # CGO_ENABLED, GOEXPERIMENT, CC ...; CGO_ENABLED is 0 unless set here

    @property
    def cgo(self) -> bool:
        return dict(self.env).get("CGO_ENABLED", "0") == "1"

    @property
    def dynamic(self) -> bool:
        """True where settings say that the binary needs a loader, as far as they can: the binary itself decides."""
        settings = dict(self.env)
        words = " ".join((self.ldflags, *(settings.get(key, "") for key in ("GOFLAGS", "CGO_LDFLAGS", "CC"))))
        return (
            (self.cgo or "-buildmode=pie" in words) and "static" not in words and "musl" not in settings.get("CC", "")
        )

    @property
    def stripped(self) -> bool:
        """True where the linker drops debug information: then the compiler need not make it."""
        return bool({"-w", "-s"} & set(self.ldflags.split()))

    @property
    def native(self) -> bool:
        """True where the compile runs on the target platform: cgo without a cross compiler."""
        return self.cgo and "CC" not in dict(self.env)


# Folders that are a system's own: no program is given them to write. https://refspecs.linuxfoundation.org/fhs.shtml
_TOP = "bin boot dev etc home lib lib32 lib64 opt proc root run sbin sys tmp usr var"
_USR = "bin etc games include lib lib32 lib64 libexec local sbin share src"
_VAR = "cache empty lib local lock log mail opt run spool tmp"
_ETC = "etc/ssl etc/ssl/certs"
SYSTEM_FOLDERS = frozenset(
    f"/{name}"
    for name in (
        "",
        *_TOP.split(),
        *_ETC.split(),
        *(f"usr/{name}" for name in _USR.split()),
        *(f"usr/local/{name}" for name in _USR.split()),
        *(f"var/{name}" for name in _VAR.split()),
    )
)


def is_system_folder(folder: str) -> bool:
    return (folder.rstrip("/") or "/") in SYSTEM_FOLDERS


class ExtraFile(Struct, frozen=True, kw_only=True):
    """A file or folder of the project that goes into every image of a service."""

    source: PurePosixPath  # relative to the project's root
    target: PurePosixPath  # absolute in the image


class Stamp(Struct, frozen=True, kw_only=True, order=True):
    """A string variable of a program that gets its value when it is linked."""

    variable: str  # package.variable, such as main.version
    text: str  # with placeholders, such as {version}


class Program(Struct, frozen=True, kw_only=True):
    """A further command in the image of a service; the service itself is the first."""

    name: str  # of the file in the image
    package: str  # import path
    binary: str  # what Go calls the program when it links it
    directory: PurePosixPath  # of the package, relative to the context


class HealthCheck(Struct, frozen=True, kw_only=True):
    """Docker's HEALTHCHECK: a command that runs in the container. Times are Go durations; "" is Docker's default."""

    command: tuple[str, ...]  # word by word: no shell reads it
    interval: str = ""
    timeout: str = ""
    start_period: str = ""
    retries: int | None = None  # None is Docker's default, 3


class OwnBase(Struct, frozen=True, kw_only=True):
    """A base image that is made from a Dockerfile of the project, in the same bake."""

    name: str  # of its stage: own-base, own-base-2 ...
    file: PurePosixPath  # the Dockerfile, relative to the project's root, which is its context
    runs: bool  # it has a RUN step, which executes programs of the platform that the image is for


class Service(Struct, frozen=True, kw_only=True):
    """One main package that becomes an image."""

    name: str  # unique in the project; also the image's name
    package: str  # import path
    binary: str  # the file's name as `go build -o FOLDER/` writes it
    directory: PurePosixPath  # of the package, relative to the context
    build_root: PurePosixPath  # where `go build` runs (the workspace or the module), relative to the context
    strategy: Strategy = Strategy.SCRATCH  # the chosen one: its image also gets the tag without a suffix
    strategies: tuple[Strategy, ...] = tuple(Strategy)  # those of `gobake all`
    platforms: tuple[Platform, ...] = ()  # () means: those of the command line, else the builder's own
    tags: tuple[str, ...] = ()  # further image tags
    build: BuildOptions = BuildOptions()
    stamps: tuple[Stamp, ...] = ()  # linked in late: another value compiles nothing
    vcs: bool = False  # tell the program its commit as a plain `go build` does, linked in late
    module: str = ""  # path of the module that the package belongs to
    module_directory: PurePosixPath = PurePosixPath()  # where that lies, relative to the context
    version_variable: str = "VERSION"  # the bake file's variable of the version: modules may have their own
    entrypoint: tuple[str, ...] = ()  # () means: the binary
    args: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()  # as in EXPOSE: 8080, 53/udp
    user: str = "65532:65532"  # numeric, so that it needs no /etc/passwd
    labels: tuple[tuple[str, str], ...] = ()
    env: tuple[tuple[str, str], ...] = ()  # environment of the image
    files: tuple[ExtraFile, ...] = ()
    workdir: str = ""
    health: str = ""  # HTTP path that answers when the service is well; kept as a label
    uses_cgo: bool = True  # False: no package of the user's own that it is made of does
    zoneinfo: bool = False  # copy Go's zoneinfo.zip into scratch and upx images too
    base: str = ""  # instead of that of the chosen strategy: a reference, or ./path of a Dockerfile of the project
    data: tuple[str, ...] = ()  # absolute folders that the user may write
    tmp: bool = False  # a /tmp that everybody may write, as any distribution has one
    volumes: tuple[str, ...] = ()  # absolute folders of VOLUME; the user may write them as well
    healthcheck: HealthCheck | None = None
    why: str = ""  # it is a service, or it is none unless asked for: a reason to be shown
    programs: tuple[Program, ...] = ()  # further commands in the image, of the same build root

    @property
    def packages(self) -> tuple[str, ...]:
        """The import paths of all commands in the image, the service's own first."""
        return (self.package, *(program.package for program in self.programs))

    @property
    def uid(self) -> str:
        return self.user.partition(":")[0]

    @property
    def gid(self) -> str:
        """Docker's and Kubernetes' own choice is 0 where only a user is named."""
        return self.user.partition(":")[2] or "0"

    @property
    def account(self) -> str:
        """The name of the user in /etc/passwd: distroless calls it that too."""
        return "nonroot" if self.uid != "0" else "root"

    @property
    def home(self) -> str:
        return "/home/nonroot" if self.uid != "0" else "/root"

    @property
    def late(self) -> bool:
        """True where it is linked after all is compiled, with values that change from commit to commit."""
        return self.vcs or bool(self.stamps)

    @property
    def vcs_variable(self) -> str:
        """The bake file's variable of what Git says of the service's module."""
        return "VCS" + self.version_variable.removeprefix("VERSION")


class Bases(Struct, frozen=True, kw_only=True):
    """References of the base images; ``go`` depends on the project's Go version."""

    go: str
    debian: str = "debian:trixie-slim"
    alpine: str = "alpine:3.22"
    distroless: str = "gcr.io/distroless/static-debian12"
    upx: str = "alpine:3.22"  # where upx is looked for, and installed with apk or apt-get if it is not there


BASE_NAMES = ("go", "debian", "alpine", "distroless", "upx")
# The base below the image of a strategy; the others have none.
BASE_OF = {
    Strategy.SINGLE_STAGE: "go",
    Strategy.PREBUILT: "alpine",
    Strategy.ALPINE: "alpine",
    Strategy.DEBIAN_SLIM: "debian",
    Strategy.DISTROLESS: "distroless",
}
# Those whose base a service may replace, or a Dockerfile of the project make.
REPLACEABLE = (Strategy.ALPINE, Strategy.DEBIAN_SLIM, Strategy.DISTROLESS)


def is_dockerfile(base: str) -> bool:
    """Whether a base is the path of a Dockerfile, and no reference of an image."""
    return base.startswith("./")


class Project(Struct, frozen=True, kw_only=True):
    """One Go module or workspace, ready to be built."""

    name: str  # names caches and the bake file; [a-z0-9-]
    root: Path  # the folder of go.work, go.mod or gobake.yaml
    context: Path  # the build context: root, or the ancestor that also holds modules replaced by local folders
    services: tuple[Service, ...]
    bases: Bases
    go_version: str  # such as 1.26
    registry: str = ""  # prefix of image names
    source_url: str = ""  # org.opencontainers.image.source
    include: tuple[str, ...] = ()  # further patterns that the ignore file admits
    prebuilt: str = "dist/{service}-{os}-{arch}"  # where binaries compiled outside are looked for
    provenance: str = "false"  # false, min or max: BuildKit's own attestation
    version: str = ""  # what gobake.yaml says; "" means: --tag and git tell
    unstamped: tuple[str, ...] = ()  # what is to be said of stamps without a variable
    config_file: Path | None = None
    title: str = ""  # its name in a few letters, which other projects may have as well; "" where that is `name`
    left_out: tuple[Service, ...] = ()  # commands that are built only where they are asked for by name or folder
    namespace: str = ""  # of cache mounts and steps that main never meets; "" for main's own
    own_bases: tuple[OwnBase, ...] = ()  # by file
    unread: tuple[tuple[str, str], ...] = ()  # (folder seen from the root, Go's words) of what Go cannot read

    def base(self, service: Service, strategy: Strategy) -> str:
        """What stands below an image: a reference, or ./path of a Dockerfile; "" where it is nothing."""
        if service.base and strategy is service.strategy:
            return service.base
        name = BASE_OF.get(strategy)
        return str(getattr(self.bases, name)) if name else ""

    def own_base(self, service: Service, strategy: Strategy) -> OwnBase | None:
        base = self.base(service, strategy)
        if not is_dockerfile(base):
            return None
        return next(own for own in self.own_bases if own.file == PurePosixPath(base))

    @property
    def mounts(self) -> str:
        """What the ids of the project's cache mounts begin with."""
        return f"{self.namespace}-{self.name}" if self.namespace else self.name

    def folder(self, service: Service) -> str:
        """Where a service's package lies, as the command line names it: `./cmd/api`, `.`, or the import path."""
        place = self.context / service.directory
        if not place.is_relative_to(self.root):
            return service.package
        relative = place.relative_to(self.root).as_posix()
        return "." if relative == "." else f"./{relative}"

    @property
    def prefix(self) -> str:
        """What stands before a service's name in an image's name: the registry with a slash, or nothing."""
        return f"{self.registry}/" if self.registry else ""


class Target(Struct, frozen=True, kw_only=True):
    """Service x strategy, for its platforms: one bake target, one image index."""

    service: Service
    strategy: Strategy
    platforms: tuple[Platform, ...]
    own_base: OwnBase | None = None

    @property
    def name(self) -> str:
        """The bake target's name: bake allows [a-zA-Z0-9_-] only."""
        return f"{bake_name(self.service.name)}-{self.strategy}"

    @property
    def runs_on_target(self) -> bool:
        """True where building it executes programs of the target platform."""
        own = self.own_base is not None and self.own_base.runs
        return own or self.strategy.runs_on_target or self.service.build.native

    def images(self, prefix: str, tag: str) -> tuple[str, ...]:
        """``PREFIX`` SERVICE ``:TAG-STRATEGY``, and for the chosen strategy ``:TAG`` and the configured tags too."""
        name = f"{prefix}{self.service.name}"
        names = [f"{name}:{tag}-{self.strategy}"]
        if self.strategy is self.service.strategy:
            names += [f"{name}:{tag}", *(f"{name}:{t}" for t in self.service.tags)]
        return tuple(names)


def bake_name(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]", "_", text)
