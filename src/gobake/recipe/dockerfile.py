"""Renders the Dockerfile: the compile stages, then a small stage per service and strategy.

The templates in bake/ contain instructions and comments; this module gives them quoted values.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from msgspec import Struct

from gobake.config import stamps
from gobake.context.admitted import in_context, used_roots
from gobake.gotool.packages import GoTree
from gobake.gotool.settings import of_options
from gobake.model import HealthCheck, Project, Service, Stamp, Strategy, Target, is_dockerfile
from gobake.recipe import folders, ignore, words
from gobake.recipe.accounts import Account, accounts, base_name
from gobake.recipe.binds import binds
from gobake.recipe.stages import Batch, Command, CompileStage, commands_of, compile_stages
from gobake.recipe.templates import fill
from gobake.targets.matrix import Matrix

SOURCE = "/src"
PROGRAMS = "/cache/golink"  # where go build keeps programs between builds, in a folder per batch
_GO = "go"  # the stage with Go's image on the builder's platform
BINARIES = "/usr/local/bin"  # the program's folder in every image
# The libc of a base image by its name; the first match counts
_LIBC = {"static": r"\bstatic\b", "musl": "alpine|musl", "glibc": "debian|ubuntu|glibc"}
# Default paths of Go, git and ssh. Go reads every file in the certificates folder beside the image's own bundle.
NETRC = "/root/.netrc"
CERTIFICATES = "/etc/ssl/certs/of-the-host.pem"
# A shell function that quotes one word of -ldflags, which has no escapes but either kind of quotes.
_QUOTED = """quoted() { case $1 in *\\'*) printf '"%s"' "$1" ;; *) printf "'%s'" "$1" ;; esac; }"""
_LINKER = "-toolexec='sh /run/linker/linker'"


class _Image(Struct, frozen=True, kw_only=True):
    """The values for a strategy's template."""

    stage: str
    service: Service
    strategy: Strategy
    compiled: str  # stage with the program
    compile: CompileStage | None
    binary: str  # path of the program in the image
    commands: tuple[tuple[str, str], ...]  # (path in the image, import path) of all its programs
    base: str  # of the FROM line; "" for none
    account: Account
    env: tuple[tuple[str, str], ...]
    zoneinfo: bool
    places: tuple[str, ...]  # folders copied from that stage
    files: str  # stage with the extra files; "" for none
    prebuilt: str  # COPY's arguments for a binary compiled outside
    entrypoint: tuple[str, ...]


def render(project: Project, matrix: Matrix, tree: GoTree, header: str) -> str:
    """Return the Dockerfile's text; the same input gives the same bytes."""
    stages = compile_stages(matrix)
    known = accounts(project, matrix.targets)
    images = [_image(project, target, stages, known[target.name]) for target in matrix.targets]
    extra = [s for s in matrix.services if folders.has_files(s)]
    tools = _tools(project, matrix)
    values: dict[str, object] = {
        "header": header.splitlines(),
        "apart": f"\nCOPY --from=namespace /{project.namespace}/ /" if project.namespace else "",
        "project": project,
        "stages": stages,
        "images": images,
        "extra": extra,
        "source": SOURCE,
        "binds": binds(project, matrix, tree, SOURCE),
        "workspaces": [str(root) for root in _workspaces(matrix, tree)],
        "vendored": ignore.vendored(matrix, tree),
        "downloads": ignore.downloads(matrix, tree),
        "netrc": NETRC,
        "trusted": CERTIFICATES,
        "tools": tools,
        "accounts": list(dict.fromkeys(known.values())),
        "folders": folders.script,
        "certificates": any(i.account.certificates or i.zoneinfo for i in images),
        "zoneinfo": any(i.zoneinfo for i in images),
        "upx": any(i.strategy is Strategy.UPX for i in images),
        "native": any(s.native for s in stages),
        "cross": tools == _GO or any(not s.native for s in stages),
        "packages": _package_words,
        "flags": _flags,
        "link_flags": _link_flags,
        "quoted": _QUOTED,
        "vcs": any(c.service.vcs for stage in stages for c in stage.commands),
        "go_build": _go_build,
        "stamp_arguments": stamps.arguments,
        "folder": lambda batch: f"{PROGRAMS}/{batch.folder}",
        "binaries": BINARIES,
        "probe": _probe,
        "program": lambda image, to: words.copy_form(*image.places, to),
        "exports": lambda stage: _exports(stage, tree),
        "files_stage": _files_stage,
        "from_files": words.FILES,
        "in_context": lambda path: words.literal(str(in_context(project, path))),
    }
    text = fill("Dockerfile.j2", values)
    return text.rstrip("\n") + "\n"


def _workspaces(matrix: Matrix, tree: GoTree) -> set[PurePosixPath]:
    """Return the build roots that are workspaces."""
    return {
        PurePosixPath(root.directory.relative_to(tree.layout.context).as_posix())
        for root in used_roots(matrix, tree)
        if root.workspace
    }


def _tools(project: Project, matrix: Matrix) -> str:
    """Return a base with a shell on the builder's platform: Go's image, or alpine if nothing is compiled."""
    alpine = project.bases.alpine
    return _GO if matrix.compiles or is_dockerfile(alpine) else f"--platform=$BUILDPLATFORM {alpine}"


def _image(project: Project, target: Target, stages: tuple[CompileStage, ...], account: Account) -> _Image:
    service, strategy = target.service, target.strategy
    stage = next((s for s in stages if any(c.name == service.name for c in s.commands)), None)
    binary = f"{BINARIES}/{service.name}"
    return _Image(
        stage=words.stage_name(target.name),
        service=service,
        strategy=strategy,
        compile=stage,
        compiled=stage.output_stage(service) if stage else "",
        binary=binary,
        commands=tuple((f"{BINARIES}/{command.file}", command.package) for command in commands_of(service)),
        base=base_name(target, project),
        account=account,
        env=tuple({"USER": account.name, "HOME": account.home, **dict(service.env)}.items()),
        places=_places(project, service, strategy),
        zoneinfo=strategy is not Strategy.SINGLE_STAGE and (service.zoneinfo or strategy is Strategy.DISTALPINE),
        files=_files_stage(service) if folders.has_files(service) else "",
        prebuilt=words.copy_form("@", binary).replace("@", _outside(project, service)),
        entrypoint=service.entrypoint or (binary,),
    )


def _places(project: Project, service: Service, strategy: Strategy) -> tuple[str, ...]:
    """Return folders of the compile stage; a program is only in those whose images can start it (bake/programs.j2)."""
    names = [command.name for command in commands_of(service)]
    folders_of = ("any", "libraries") if strategy is Strategy.DISTALPINE else (libc_of(project, service, strategy),)
    return tuple(f"/out/{folder}/{name}/" for folder in folders_of for name in names)


def libc_of(project: Project, service: Service, strategy: Strategy) -> str:
    """Return the libc of an image: `glibc`, `musl`, `static` for none, `any` for the project's own base (unknown)."""
    base = project.base(service, strategy)
    if is_dockerfile(base):
        return "any"
    for libc, words_of in _LIBC.items():
        if re.search(words_of, base):
            return libc
    usual = {Strategy.ALPINE: "musl", Strategy.PREBUILT: "musl", Strategy.DEBIAN_SLIM: "glibc"}
    return usual.get(strategy, "glibc" if base else "static")


def prebuilt_name(project: Project, service: Service, os: str, arch: str, variant: str) -> str:
    """Return the pattern's part from its first placeholder on, filled in: a path in the named context."""
    parts = project.prebuilt.split("/")
    fixed = next(i for i, part in enumerate(parts) if "{" in part)
    return "/".join(parts[fixed:]).format(service=service.name, os=os, arch=arch, variant=variant)


def _outside(project: Project, service: Service) -> str:
    return prebuilt_name(project, service, "${TARGETOS}", "${TARGETARCH}", "${TARGETVARIANT}")


def prebuilt_folder(project: Project) -> PurePosixPath:
    """Return the pattern's folder before its first placeholder: the named context of prebuilt targets."""
    parts = []
    for part in project.prebuilt.split("/"):
        if "{" in part:
            break
        parts.append(part)
    return PurePosixPath(*parts)


def _files_stage(service: Service) -> str:
    return words.stage_name(f"{service.name}-files")


def _flags(stage: CompileStage) -> str:
    """Return the flags that all go commands of a stage share, so that they find each other's results in the cache."""
    options = stage.options
    flags = ["-trimpath"] if options.trimpath else []
    flags.append("-buildvcs=false")
    if options.stripped:
        flags.append("-gcflags=all=-dwarf=false")
    if options.tags:
        flags.append(words.shell("-tags=" + ",".join(options.tags)))
    return " ".join(flags)


def _go_build(service: Service) -> str:
    """Return the beginning of the command for a late link."""
    return f'GOBAKE_VCS="${{{service.vcs_variable}}}" go build {_LINKER}' if service.vcs else "go build"


def _link_flags(stage: CompileStage, service: Service | None = None) -> str:
    """Return -ldflags of a stage. ``service``: the one whose stamps are linked in.

    The step's shell function `quoted` quotes their values, which only the build knows.
    """
    flags = stage.options.ldflags
    service_stamps = service.stamps if service else ()
    if not service_stamps:
        return words.shell(f"-ldflags={flags}") if flags else ""
    assert service
    beginning = words.shell(f"-ldflags={flags} -X " if flags else "-ldflags=-X ")
    return beginning + "' -X '".join(f'"$(quoted {_stamp_word(service, stamp)})"' for stamp in service_stamps)


def _stamp_word(service: Service, stamp: Stamp) -> str:
    """Return VARIABLE=TEXT as one shell word, with shell variables for changing values."""
    word = [words.shell(f"{stamp.variable}=")]
    for piece in stamps.pieces(stamp.text):
        if piece.placeholder == stamps.GO:
            word.append('"$(go env GOVERSION)"')
        elif piece.placeholder:
            word.append(f'"${{{stamps.argument(service, piece.placeholder)}}}"')
        else:
            word.append(words.shell(piece.literal))
    return "".join(word)


def _package_words(commands: Batch | tuple[Command, ...]) -> str:
    chosen = commands.commands if isinstance(commands, Batch) else commands
    return " ".join(words.shell(command.package) for command in chosen)


def _exports(stage: CompileStage, tree: GoTree) -> tuple[tuple[str, str], ...]:
    """Return the compile's environment without what the stage sets itself, quoted for ENV; `go list` uses the same."""
    context = tree.layout.context
    settings = {k: value for k, value in of_options(stage.options.env).items() if value or k != "GOFLAGS"}
    for root in tree.layout.builds:
        if root.gowork and root.directory == context / stage.build_root:
            settings["GOWORK"] = f"{SOURCE}/{root.gowork.relative_to(context).as_posix()}"
    return tuple(
        (key, words.dockerfile_value(value) if not value.isalnum() else value)
        for key, value in sorted(settings.items())
    )


def _probe(check: HealthCheck) -> str:
    """Return HEALTHCHECK's arguments; what is not set is left to Docker's defaults."""
    times = {"interval": check.interval, "timeout": check.timeout, "start-period": check.start_period}
    options = [f"--{name}={value}" for name, value in times.items() if value]
    if check.retries is not None:
        options.append(f"--retries={check.retries}")
    return " ".join([*options, "CMD", words.exec_form(check.command)])
