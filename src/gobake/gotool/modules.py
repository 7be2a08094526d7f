"""Finds the modules of a project, their folders and the Go version that they need.

It determines only what gobake must know before it can ask Go; packages.py holds Go's answers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gobake.errors import ProjectError, Where
from gobake.gotool.modfile import ModFile, read
from gobake.gotool.settings import mod_of

CONFIG_FILE = "gobake.yaml"
_VERSION = re.compile(r"(?:go)?(\d+)\.(\d+)(?:\.(\d+))?(?:rc\d+|beta\d+)?(?:[-+].*)?$")
# Folders that Go's ./... never enters, and one that holds no Go modules of the project.
_SKIPPED = frozenset(("vendor", "testdata", "node_modules"))


class Module(Struct, frozen=True, kw_only=True):
    """A module whose source lies in the user's tree."""

    path: str
    directory: Path  # absolute
    go: str
    requires: tuple[tuple[str, str], ...] = ()  # other modules: (path, version)
    remotes: tuple[str, ...] = ()  # paths of non-local modules that replace others


class BuildRoot(Struct, frozen=True, kw_only=True):
    """A folder in which `go build` runs: that of a go.work, or of a single module."""

    directory: Path  # absolute
    workspace: bool
    mains: tuple[Module, ...]  # the main modules that are searched for services
    replaced: tuple[Module, ...]  # local modules that replace others
    beside: tuple[Module, ...] = ()  # main modules of the workspace outside of the project's root
    work: Path | None = None  # the go.work of a workspace, whatever its file name
    vendored: bool = False  # Go reads all other modules from the vendor folder, unless GOFLAGS overrides that
    nested: bool = False  # a module below the project's root module, with its own build
    goflags: tuple[str, ...] = ("",)  # the distinct GOFLAGS of the services built here

    @property
    def modules(self) -> tuple[Module, ...]:
        """All local modules of the build."""
        return self.mains + self.beside + self.replaced

    @property
    def reads_vendor(self) -> bool:
        """Whether any service is built from the vendor folder."""
        return any(self.vendored_with(goflags) for goflags in self.goflags)

    @property
    def files(self) -> tuple[Path, ...]:
        """The existing module files that its builds read."""
        named = {module.directory / "go.mod" for module in self.modules}
        sums = {Path(f"{str(file).removesuffix('.mod')}.sum") for file in named}
        works = {self.work, Path(f"{self.work}.sum")} if self.work else set()
        return tuple(sorted(file for file in named | sums | works if file.is_file()))

    @property
    def gowork(self) -> Path | None:
        """The value of GOWORK for the build, if Go does not find the go.work by itself in the folder; else None."""
        return self.work if self.work != self.directory / "go.work" else None

    @property
    def downloads(self) -> bool:
        """Whether its build, with empty GOFLAGS, reads modules that are not in the tree."""
        return self.downloads_with("")

    def vendored_with(self, goflags: str) -> bool:
        """Whether Go reads the vendor folder under these GOFLAGS."""
        mode = mod_of(goflags)
        return mode == "vendor" if mode else self.vendored

    def downloads_with(self, goflags: str) -> bool:
        """Whether its build reads modules that are not in the tree, under these GOFLAGS."""
        here = {module.path for module in self.modules}
        required = any(path not in here for module in self.modules for path, _ in module.requires)
        return required and not self.vendored_with(goflags)


class Unread(Struct, frozen=True, kw_only=True):
    """A module below the project's root whose go.mod cannot be used."""

    directory: Path
    why: str


class Layout(Struct, frozen=True, kw_only=True):
    """The folders and modules of a project, as known before Go is asked."""

    root: Path  # the folder of gobake.yaml, go.work or go.mod
    context: Path  # the build context: root, or its nearest ancestor that holds all local modules
    builds: tuple[BuildRoot, ...]
    go_version: str  # X.Y of the golang image; "1" if the project does not require one (before Go 1.21)
    go_requirement: str  # the go or toolchain line that it comes from, as written
    unread: tuple[Unread, ...] = ()

    def go_version_for(self, build_roots: Iterable[Path]) -> str:
        """Return the version of the golang image for these builds; nested modules may need a newer Go."""
        wanted = set(build_roots)
        versions = [m.go for b in self.builds if b.directory in wanted for m in b.modules if m.go]
        return max(self.go_version, _image_version(max(versions, key=version_key, default="")), key=version_key)


def work_file(folder: Path) -> Path | None:
    """Return the go.work that Go uses in a folder: that of GOWORK, else the nearest one upward, else None."""
    gowork = os.environ.get("GOWORK", "")
    if gowork == "off":
        return None
    if gowork not in ("", "auto"):
        return Path(gowork)
    return next((d / "go.work" for d in (folder, *folder.parents) if (d / "go.work").is_file()), None)


def _used(work: Path) -> tuple[Path, ...]:
    """Return the module folders of a go.work, without resolving links. Raises ProjectError."""
    return tuple(Path(os.path.normpath(work.parent / use)) for use in read(work).uses)


def find_root(directory: Path) -> Path:
    """Return the project's root: the nearest gobake.yaml or go.work upward, else go.mod, else ``directory``.

    A go.work counts only for modules that it uses. Raises ProjectError if there is no module at all.
    """
    directory = directory.resolve()
    if not directory.is_dir():
        raise ProjectError(f"{directory} is not a folder", remedy="name the folder of a Go module with -C")
    module = next((d for d in (directory, *directory.parents) if (d / "go.mod").is_file()), None)
    for folder in (directory, *directory.parents):
        if (folder / CONFIG_FILE).is_file():
            return folder
        work = work_file(folder)
        if work and work.parent == folder:
            used = {path.resolve() for path in _used(work)}
            if module is None or module in used or folder in (directory, module):
                return folder
    if module is not None:
        return module
    if directory.parent != directory and next(nested_modules(directory), None) is not None:
        return directory  # but not the whole file system
    raise ProjectError(
        f"there is no Go module in {directory}: no go.mod or go.work here, above or below",
        remedy="run gobake in a Go repository, name one with -C, or start one with `go mod init`",
    )


def nested_modules(root: Path, ignores: Sequence[str] = ()) -> Iterator[Path]:
    """Yield the folders with a go.mod at or below ``root``, sorted.

    Folders that Go's patterns skip and those of the root's ignore lines are left out.
    """
    here = {ignore.removeprefix("./") for ignore in ignores if ignore.startswith("./")}
    anywhere = tuple(f"/{ignore}" for ignore in ignores if not ignore.startswith("./"))
    for folder, names, files in os.walk(root):
        below = os.path.relpath(folder, root).replace(os.sep, "/").removeprefix(".")
        names[:] = sorted(
            name
            for name in names
            if name not in _SKIPPED
            and not name.startswith((".", "_"))
            and f"{below}/{name}".lstrip("/") not in here
            and not f"/{below}/{name}".endswith(anywhere)
        )
        if "go.mod" in files:
            yield Path(folder)


def layout(root: Path, go_version: str = "", goflags: Iterable[str] = (), gowork: str = "") -> Layout:
    """Find all local modules of the project in ``root``.

    ``go_version`` (X.Y[.Z]) overrides the version that the module files require. ``goflags``: the distinct GOFLAGS of
    the services. ``gowork``: the GOWORK of all of them, "off" or "". Raises ProjectError for missing or unreadable
    module files.
    """
    root = root.resolve()
    unread: list[Unread] = []
    flags = tuple(sorted(set(goflags))) or ("",)
    work = None if gowork == "off" else work_file(root)
    workspace = _workspace(root, work) if work else None
    above = next((d for d in (root, *root.parents) if (d / "go.mod").is_file()), None)
    if workspace:
        builds = [workspace]
    elif above == root:
        below = [folder for folder in nested_modules(root, read(root / "go.mod").ignores) if folder != root]
        builds = [_single(root), *_each(below, unread, nested=True)]
    else:
        builds = list(_each(nested_modules(root), unread, nested=False))
        builds = builds or ([_single(above)] if above else [])
        if unread and not builds:
            _single(unread[0].directory)  # raises the right error
    if not builds:
        raise ProjectError(f"there is no go.mod or go.work at or below {root}", remedy="start one with `go mod init`")
    own = [build for build in builds if not build.nested]
    requirement = go_version or _requirement(own, read(work) if work and workspace else ModFile())
    return Layout(
        root=root,
        context=_context(root, builds),
        builds=tuple(replace(build, goflags=flags) for build in builds),
        go_version=_image_version(requirement),
        go_requirement=requirement,
        unread=tuple(unread),
    )


def _context(root: Path, builds: Sequence[BuildRoot]) -> Path:
    """Return the nearest folder that holds all modules and the targets of links to them. Raises ProjectError."""
    folders = {root, *(b.directory for b in builds), *(m.directory for b in builds for m in b.modules)}
    context = Path(os.path.commonpath([str(f) for f in folders | {f.resolve() for f in folders}]))
    if context == Path(context.anchor):
        raise ProjectError(
            f"the local modules of {root} have no common folder but the root of the file system",
            remedy="move the replaced modules beside the project",
        )
    return context


def _workspace(root: Path, work: Path) -> BuildRoot | None:
    """Return the workspace if its go.work lies in the project's root or uses a module there, else None."""
    uses = read(work).uses
    folders = dict(zip(_used(work), uses, strict=True))
    above = next((d for d in (root, *root.parents) if (d / "go.mod").is_file()), None)
    within = [f for f in folders if f.resolve().is_relative_to(root) or above == f.resolve()]
    if work.parent == root:
        within = list(folders)
    elif not within or (above == root and root not in {f.resolve() for f in folders}):
        return None
    modules = {folder: _used_module(work, folder, use) for folder, use in folders.items()}
    if not modules:
        raise ProjectError("uses no module", where=Where(file=work), remedy="add one with `go work use DIR`")
    mains = tuple(modules[folder] for folder in within)
    beside = tuple(module for folder, module in modules.items() if folder not in within)
    return BuildRoot(
        directory=work.parent,
        workspace=True,
        mains=mains,
        beside=beside,
        replaced=_replaced(mains + beside, [(work.parent, read(work).replaces)]),
        work=work,
        vendored=_vendored(work.parent, read(work).go, workspace=True),
    )


def _used_module(work: Path, folder: Path, use: str) -> Module:
    if not (folder / "go.mod").is_file():
        raise ProjectError(
            f"uses {use}, where there is no go.mod",
            where=Where(file=work),
            remedy=f"run `go work edit -dropuse={use}` or add the module",
        )
    return _module(folder)


def _single(folder: Path, *, nested: bool = False) -> BuildRoot:
    main = _module(folder)
    return BuildRoot(
        directory=folder,
        workspace=False,
        mains=(main,),
        replaced=_replaced((main,), []),
        vendored=_vendored(folder, read(folder / "go.mod").go, workspace=False),
        nested=nested,
    )


def _each(folders: Iterable[Path], unread: list[Unread], *, nested: bool) -> Iterator[BuildRoot]:
    """Yield modules that are built separately. Those that cannot be read are added to ``unread``."""
    for folder in folders:
        try:
            yield _single(folder, nested=nested)
        except ProjectError as error:
            unread.append(Unread(directory=folder, why=str(error)))


def _vendored(folder: Path, go: str, *, workspace: bool) -> bool:
    """Whether Go uses the vendor folder by default, decided as by cmd/go/internal/modload, setDefaultBuildMod.

    One made for a workspace counts only in workspace mode, any other only in module mode, and none before Go 1.14.
    """
    vendor = folder / "vendor"
    if not vendor.is_dir() or version_key(go) < (1, 14, 0):
        return False
    try:
        with (vendor / "modules.txt").open(encoding="utf-8", errors="replace") as file:
            line = file.readline(512)
    except OSError:
        line = ""
    marks = line.removeprefix("## ").split(";") if line.startswith("## ") else []
    return workspace == ("workspace" in [mark.strip() for mark in marks])


def _module(folder: Path) -> Module:
    file = folder / "go.mod"
    mod = read(file)
    if not mod.module:
        raise ProjectError("has no module line", where=Where(file=file), remedy="run `go mod init PATH`")
    go = mod.toolchain if mod.toolchain.startswith("go") else mod.go
    return Module(path=mod.module, directory=folder, go=go, requires=mod.requires, remotes=mod.remotes)


def _replaced(mains: tuple[Module, ...], extra: list[tuple[Path, tuple[tuple[str, str], ...]]]) -> tuple[Module, ...]:
    """Return the local modules of the main modules' replace lines. As in Go, those of replaced modules do not count."""
    sources = extra + [(m.directory, read(m.directory / "go.mod").replaces) for m in mains]
    known = {m.directory for m in mains}
    modules: dict[Path, Module] = {}
    for base, replaces in sources:
        for path, target in replaces:
            folder = Path(os.path.normpath(base / target))
            if folder in known or folder in modules:
                continue
            if not (folder / "go.mod").is_file():
                continue  # Go reports it if it needs that module
            mod = read(folder / "go.mod")
            modules[folder] = Module(path=path, directory=folder, go=mod.go, requires=mod.requires)
    return tuple(modules[folder] for folder in sorted(modules))


def _requirement(builds: list[BuildRoot], work: ModFile) -> str:
    versions = [m.go for b in builds for m in b.modules if m.go]
    versions += [v for v in (work.go, work.toolchain) if v and v != "default"]
    return max(versions, key=version_key, default="")


def version_key(version: str) -> tuple[int, int, int]:
    """Return (1, 26, 3) for ``1.26.3`` or ``go1.26.3``, (1, 26, 0) for ``1.26rc1``, (0, 0, 0) for anything else."""
    match = _VERSION.match(version)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else (0, 0, 0)


def _image_version(requirement: str) -> str:
    """Return the golang image's tag. Before Go 1.21 the go line was not a minimum version, so any Go 1 will do."""
    major, minor, _ = version_key(requirement)
    return f"{major}.{minor}" if (major, minor) >= (1, 21) else "1"
