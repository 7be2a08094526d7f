"""The values that flow from the configuration to the recipe: frozen, typed, made once at the door.

This module does not know YAML, Docker or Go commands. From gobake it imports only the errors.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path, PurePosixPath

from msgspec import Struct

from gobake.errors import UsageError


class Strategy(StrEnum):
    """How an image is made, in the order of reports and tables."""

    SINGLE_STAGE = "single-stage"  # golang base; sources and toolchain stay in the image
    PREBUILT = "prebuilt"  # a binary compiled outside, on the alpine base
    ALPINE = "alpine"
    DEBIAN_SLIM = "debian-slim"
    DISTROLESS = "distroless"
    DISTALPINE = "distalpine"  # scratch plus exactly what the binary needs
    SCRATCH = "scratch"
    UPX = "upx"  # scratch with a compressed binary

    @property
    def runs_on_target(self) -> bool:
        """Whether a RUN step executes on the target platform, which takes emulation or a node of that platform."""
        return self is Strategy.SINGLE_STAGE


# GOARCH values for linux that BuildKit and Go share; https://go.dev/doc/install/source#environment
_ARCHITECTURES = frozenset(
    "386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x".split()
)
_ALIASES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "i386": "386"}
_VARIANTS = {"arm": ("v5", "v6", "v7"), "arm64": ("v8",), "amd64": ("v1", "v2", "v3", "v4")}


class Platform(Struct, frozen=True, kw_only=True, order=True):
    """``os/arch[/variant]`` as BuildKit writes it (containerd platforms.Parse); only linux images are built."""

    os: str
    arch: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Parse ``linux/arm64`` or ``linux/arm/v7``. Raises UsageError, which names the invalid part."""
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
            variant = ""  # BuildKit's normal form omits the default variant
        if arch == "arm" and not variant:
            variant = "v7"
        return cls(os=os, arch=arch, variant=variant)

    def __str__(self) -> str:
        return f"{self.os}/{self.arch}" + (f"/{self.variant}" if self.variant else "")

    @property
    def slug(self) -> str:
        """``linux-arm64``, for names of files and stages."""
        return str(self).replace("/", "-")


class BuildOptions(Struct, frozen=True, kw_only=True, order=True):
    """Options that change what Go compiles or links; services with equal options share one compile stage."""

    tags: tuple[str, ...] = ()  # go build -tags
    ldflags: str = "-s -w"  # go build -ldflags, without the version stamp
    trimpath: bool = True
    env: tuple[tuple[str, str], ...] = ()  # CGO_ENABLED, GOEXPERIMENT, CC ...; CGO_ENABLED is 0 unless set here

    @property
    def cgo(self) -> bool:
        return dict(self.env).get("CGO_ENABLED", "0") == "1"

    @property
    def dynamic(self) -> bool:
        """Whether the settings imply that the binary needs a loader; only the binary itself decides."""
        settings = dict(self.env)
        words = " ".join((self.ldflags, *(settings.get(key, "") for key in ("GOFLAGS", "CGO_LDFLAGS", "CC"))))
        return (
            (self.cgo or "-buildmode=pie" in words) and "static" not in words and "musl" not in settings.get("CC", "")
        )

    @property
    def stripped(self) -> bool:
        """Whether the linker drops debug information, so that the compiler need not produce it."""
        return bool({"-w", "-s"} & set(self.ldflags.split()))

    @property
    def native(self) -> bool:
        """Whether the compile runs on the target platform: cgo without a cross compiler."""
        return self.cgo and "CC" not in dict(self.env)


# Folders of the system, which are never made writable for a service. https://refspecs.linuxfoundation.org/fhs.shtml
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
    """A string variable of a program that is set at link time."""

    variable: str  # package.variable, such as main.version
    text: str  # with placeholders, such as {version}


class Program(Struct, frozen=True, kw_only=True):
    """An additional command in the image of a service; the service itself is the first."""

    name: str  # file name in the image
    package: str  # import path
    binary: str  # name that Go gives the linked program
    directory: PurePosixPath  # of the package, relative to the context


class HealthCheck(Struct, frozen=True, kw_only=True):
    """Docker's HEALTHCHECK: a command run in the container. Times are Go durations; "" is Docker's default."""

    command: tuple[str, ...]  # one argument each, not run by a shell
    interval: str = ""
    timeout: str = ""
    start_period: str = ""
    retries: int | None = None  # None is Docker's default, 3


class Smoke(Struct, frozen=True, kw_only=True):
    """How --smoke starts a service, and what it asks; what is not set is as the service itself says."""

    command: tuple[str, ...] = ()  # run in place of the program, and has to exit 0
    args: tuple[str, ...] | None = None  # arguments of the start
    env: tuple[tuple[str, str], ...] = ()  # beside that of the image
    path: str | None = None  # HTTP path that has to answer; "" for none
    port: int = 0  # TCP port that is asked; 0: those of `ports`
    timeout: str = ""  # a Go duration


class OwnBase(Struct, frozen=True, kw_only=True):
    """A base image made from a Dockerfile of the project, in the same bake."""

    name: str  # of its stage: own-base, own-base-2 ...
    file: PurePosixPath  # the Dockerfile, relative to the project's root, which is its context
    runs: bool  # whether it has a RUN step, which runs programs of the image's platform


class Service(Struct, frozen=True, kw_only=True):
    """One main package that becomes an image."""

    name: str  # unique in the project; also the image's name
    package: str  # import path
    binary: str  # file name as `go build -o FOLDER/` writes it
    directory: PurePosixPath  # of the package, relative to the context
    build_root: PurePosixPath  # where `go build` runs (the workspace or the module), relative to the context
    strategy: Strategy = Strategy.SCRATCH  # the chosen one: its image has the tag without a suffix
    strategies: tuple[Strategy, ...] = tuple(Strategy)  # the strategies of `gobake all`
    platforms: tuple[Platform, ...] = ()  # (): those of the command line, or else the builder's own
    tags: tuple[str, ...] = ()  # additional image tags
    build: BuildOptions = BuildOptions()
    stamps: tuple[Stamp, ...] = ()  # linked late: a new value compiles nothing
    vcs: bool = False  # whether the program gets its commit, as a plain `go build` does; linked late
    module: str = ""  # path of the module that the package belongs to
    module_directory: PurePosixPath = PurePosixPath()  # the module's folder, relative to the context
    version_variable: str = "VERSION"  # the version's variable in the bake file: modules may have their own
    entrypoint: tuple[str, ...] = ()  # (): the binary
    args: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()  # as in EXPOSE: 8080, 53/udp
    user: str = "65532:65532"  # numeric, so that it needs no /etc/passwd
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()  # (name, perhaps with BuildKit's prefix; text)
    compression: str = ""  # of new layers that are pushed; "": BuildKit's own
    env: tuple[tuple[str, str], ...] = ()  # environment of the image
    files: tuple[ExtraFile, ...] = ()
    workdir: str = ""
    health: str = ""  # HTTP path that responds if the service is healthy; kept as a label
    uses_cgo: bool = True  # False: none of the user's packages in it uses cgo
    zoneinfo: bool = False  # copy Go's zoneinfo.zip into scratch and upx images too
    base: str = ""  # overrides the chosen strategy's base: a reference, or ./path of a Dockerfile of the project
    data: tuple[str, ...] = ()  # absolute folders that the user can write
    tmp: bool = False  # a world-writable /tmp, as in any distribution
    volumes: tuple[str, ...] = ()  # absolute folders of VOLUME; writable by the user too
    healthcheck: HealthCheck | None = None
    smoke: Smoke | None = None
    why: str = ""  # why it is a service, or only one on request; shown to users
    programs: tuple[Program, ...] = ()  # additional commands in the image, of the same build root

    @property
    def packages(self) -> tuple[str, ...]:
        """Import paths of all commands in the image, the service's own first."""
        return (self.package, *(program.package for program in self.programs))

    @property
    def uid(self) -> str:
        return self.user.partition(":")[0]

    @property
    def gid(self) -> str:
        """The group. If only a user is given, 0, as in Docker and Kubernetes."""
        return self.user.partition(":")[2] or "0"

    @property
    def account(self) -> str:
        """The name of the user in /etc/passwd, as in distroless."""
        return "nonroot" if self.uid != "0" else "root"

    @property
    def home(self) -> str:
        return "/home/nonroot" if self.uid != "0" else "/root"

    @property
    def late(self) -> bool:
        """Whether it is linked after everything is compiled, with values that change from commit to commit."""
        return self.vcs or bool(self.stamps)

    @property
    def vcs_variable(self) -> str:
        """The bake file's variable with Git's information about the service's module."""
        return "VCS" + self.version_variable.removeprefix("VERSION")


class Bases(Struct, frozen=True, kw_only=True):
    """References of the base images; ``go`` depends on the project's Go version."""

    go: str
    debian: str = "debian:trixie-slim"
    alpine: str = "alpine:3.22"
    distroless: str = "gcr.io/distroless/static-debian12"
    upx: str = "alpine:3.22"  # contains upx, or gets it from apk or apt-get


BASE_NAMES = ("go", "debian", "alpine", "distroless", "upx")
# The base of a strategy's image; other strategies have none.
BASE_OF = {
    Strategy.SINGLE_STAGE: "go",
    Strategy.PREBUILT: "alpine",
    Strategy.ALPINE: "alpine",
    Strategy.DEBIAN_SLIM: "debian",
    Strategy.DISTROLESS: "distroless",
}
# Strategies whose base a service can replace, also by a Dockerfile of the project.
REPLACEABLE = (Strategy.ALPINE, Strategy.DEBIAN_SLIM, Strategy.DISTROLESS)


def is_dockerfile(base: str) -> bool:
    """Whether a base is the path of a Dockerfile and not an image reference."""
    return base.startswith("./")


class Project(Struct, frozen=True, kw_only=True):
    """One Go module or workspace, ready to be built."""

    name: str  # names caches and the bake file; [a-z0-9-]
    root: Path  # the folder of go.work, go.mod or gobake.yaml
    context: Path  # the build context: root, or an ancestor that also contains modules replaced by local folders
    services: tuple[Service, ...]
    bases: Bases
    go_version: str  # such as 1.26
    registry: str = ""  # prefix of image names
    further_registries: tuple[str, ...] = ()  # which get pushed images too
    immutable: tuple[str, ...] = ()  # patterns of tags that never move
    source_url: str = ""  # org.opencontainers.image.source
    include: tuple[str, ...] = ()  # additional patterns that the ignore file admits
    prebuilt: str = "dist/{service}-{os}-{arch}"  # path of binaries compiled outside
    provenance: str = "false"  # false, min or max: BuildKit's own attestation
    version: str = ""  # from gobake.yaml; "": determined by --tag and git
    unstamped: tuple[str, ...] = ()  # messages about stamps without a variable
    config_file: Path | None = None
    title: str = ""  # a short name, which other projects may share; "" if it equals `name`
    left_out: tuple[Service, ...] = ()  # commands that are built only if asked for by name or folder
    namespace: str = ""  # separates cache mounts and steps from those of main; "" for main's own
    own_bases: tuple[OwnBase, ...] = ()  # by file
    unread: tuple[tuple[str, str], ...] = ()  # (folder relative to the root, Go's message) of what Go cannot read

    def base(self, service: Service, strategy: Strategy) -> str:
        """Return the base of an image: a reference, or ./path of a Dockerfile; "" if it has none."""
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
    def shown(self) -> str:
        """Its name for people."""
        return self.title or self.name

    @property
    def mounts(self) -> str:
        """The prefix of the ids of the project's cache mounts."""
        return f"{self.namespace}-{self.name}" if self.namespace else self.name

    def folder(self, service: Service) -> str:
        """Return the folder of a service's package as on a command line: `./cmd/api`, `.`, or the import path."""
        place = self.context / service.directory
        if not place.is_relative_to(self.root):
            return service.package
        relative = place.relative_to(self.root).as_posix()
        return "." if relative == "." else f"./{relative}"

    @property
    def prefix(self) -> str:
        """The prefix of image names: the registry with a slash, or ""."""
        return f"{self.registry}/" if self.registry else ""


class Target(Struct, frozen=True, kw_only=True):
    """A service in a strategy, for its platforms: one bake target, one image index."""

    service: Service
    strategy: Strategy
    platforms: tuple[Platform, ...]
    own_base: OwnBase | None = None
    suffixed: bool = True  # the chosen strategy's image also has the tag with the strategy, as beside other strategies
    further_tags: tuple[str, ...] = ()  # beside the run's own
    further_prefixes: tuple[str, ...] = ()  # of the same names in other registries
    sharded: bool = False  # other machines may build it for other platforms at the same time

    @property
    def name(self) -> str:
        """The name of the bake target; bake allows only [a-zA-Z0-9_-]."""
        return f"{bake_name(self.service.name)}-{self.strategy}"

    @property
    def runs_on_target(self) -> bool:
        """Whether building it executes programs of the target platform."""
        own = self.own_base is not None and self.own_base.runs
        return own or self.strategy.runs_on_target or self.service.build.native

    def images(self, prefix: str, tag: str) -> tuple[str, ...]:
        """Return ``PREFIX`` SERVICE ``:TAG-STRATEGY``; for the chosen strategy ``:TAG`` and the configured tags too.

        Those of other registries follow.
        """
        tags = []
        for each in (tag, *self.further_tags):
            tags += [f"{each}-{self.strategy}"] if self.suffixed or not self.chosen else []
            tags += [each] if self.chosen else []
        tags += self.service.tags if self.chosen else ()
        return tuple(dict.fromkeys(f"{name}:{each}" for name in self.repositories(prefix) for each in tags))

    def repositories(self, prefix: str) -> tuple[str, ...]:
        """Return the image's names without tags: in the registry of ``prefix``, and in the others."""
        return tuple(f"{each}{self.service.name}" for each in (prefix, *self.further_prefixes))

    def image(self, prefix: str, tag: str) -> str:
        """Return the name to use the image by: ``:TAG`` for the chosen strategy, or else ``:TAG-STRATEGY``."""
        return f"{prefix}{self.service.name}:{tag}" + ("" if self.chosen else f"-{self.strategy}")

    @property
    def chosen(self) -> bool:
        """Whether the strategy is the service's chosen one."""
        return self.strategy is self.service.strategy


def bake_name(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]", "_", text)
