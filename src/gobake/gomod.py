"""go.mod and go.work as text: which modules a project consists of, where they lie, which Go they ask for.

Only what gobake must know before it can ask Go itself (the Go version, local folders) is read here; packages are
Go's business (golang.py). Grammar: https://go.dev/ref/mod#go-mod-file-lexical and #go-work-file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from gobake.dataclass import dataclass
from gobake.errors import ProjectError, Where

CONFIG_FILE = "gobake.yaml"
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`|//.*|[()]|=>|[^\s()"`]+')
_VERSION = re.compile(r"(?:go)?(\d+)\.(\d+)(?:\.(\d+))?(?:rc\d+|beta\d+)?(?:[-+].*)?$")
# Folders that Go's ./... never enters, and two that no Go module of the project lives in.
_SKIPPED = frozenset(("vendor", "testdata", "node_modules"))


@dataclass(frozen=True, kw_only=True)
class ModFile:
    """What one go.mod or go.work says. Paths are as written, ``/`` between the elements."""

    module: str = ""  # module path; "" in a go.work
    go: str = ""  # 1.26 or 1.26.1
    toolchain: str = ""  # go1.26.3, default, or ""
    uses: tuple[str, ...] = ()  # go.work only: the module folders
    requires: tuple[tuple[str, str], ...] = ()  # (module path, version)
    replaces: tuple[tuple[str, str], ...] = ()  # (module path, local folder); replacements by a version are Go's matter


@dataclass(frozen=True, kw_only=True)
class Module:
    """One module whose source lies in the user's tree."""

    path: str
    directory: Path  # absolute
    go: str
    requires: tuple[tuple[str, str], ...] = ()  # other modules: (path, version)


@dataclass(frozen=True, kw_only=True)
class BuildRoot:
    """A folder in which `go build` runs: that of a go.work, or of a module on its own."""

    directory: Path  # absolute
    workspace: bool
    mains: tuple[Module, ...]  # where services are looked for: Go calls them the main modules
    replaced: tuple[Module, ...]  # further local modules that they may import

    @property
    def modules(self) -> tuple[Module, ...]:
        return self.mains + self.replaced

    @property
    def vendored(self) -> bool:
        return (self.directory / "vendor" / "modules.txt").is_file()

    @property
    def downloads(self) -> bool:
        """Whether its build reads modules from elsewhere."""
        here = {module.path for module in self.modules}
        return not self.vendored and any(path not in here for module in self.modules for path, _ in module.requires)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where everything of a project lies, before Go was asked anything."""

    root: Path  # the folder of gobake.yaml, go.work or go.mod
    context: Path  # the build context: root, or the ancestor that holds all local modules too
    builds: tuple[BuildRoot, ...]
    go_version: str  # X.Y that a golang image must have; "1" where the project does not say (before Go 1.21)
    go_requirement: str  # the go or toolchain line behind it, as written


def parse(text: str, file: Path) -> ModFile:
    """Read a go.mod or go.work. Raises ProjectError with the line that is not understood."""
    fields: dict[str, str] = {}
    uses: list[str] = []
    requires: list[tuple[str, str]] = []
    replaces: list[tuple[str, str]] = []
    for number, verb, words in _statements(text):
        if verb in ("module", "go", "toolchain"):
            if len(words) != 1:
                raise ProjectError(f"{verb} needs one value", where=Where(file=file, line=number))
            fields[verb] = words[0]
        elif verb == "use":
            uses.extend(words)
        elif verb == "require":
            requires += [(words[0], words[1] if len(words) > 1 else "")] if words else []
        elif verb == "replace" and "=>" in words:
            arrow = words.index("=>")
            new = words[arrow + 1 :]
            if arrow and len(new) == 1 and re.match(r"\.{1,2}(/|$)|/", new[0]):
                replaces.append((words[0], new[0]))
    return ModFile(
        module=fields.get("module", ""),
        go=fields.get("go", ""),
        toolchain=fields.get("toolchain", ""),
        uses=tuple(uses),
        requires=tuple(requires),
        replaces=tuple(replaces),
    )


def _statements(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """(line number, verb, words) of every statement, blocks taken apart and comments dropped."""
    block = ""
    for number, line in enumerate(text.splitlines(), start=1):
        words = [_unquoted(word) for word in _TOKEN.findall(line) if not word.startswith("//")]
        if not words:
            continue
        if block:
            if words == [")"]:
                block = ""
            else:
                yield number, block, words
        elif len(words) > 1 and words[1] == "(":
            block = words[0] if words[-1] != ")" else ""
        else:
            yield number, words[0], words[1:]


def _unquoted(word: str) -> str:
    return word[1:-1] if word[:1] in ('"', "`") else word


def read(file: Path) -> ModFile:
    try:
        return parse(file.read_text(encoding="utf-8"), file)
    except UnicodeDecodeError:
        raise ProjectError("is not UTF-8", where=Where(file=file), remedy="go.mod and go.work are UTF-8 text") from None
    except OSError as error:
        raise ProjectError(f"cannot be read: {error.strerror}", where=Where(file=file)) from None


def find_root(directory: Path) -> Path:
    """The project's root: the nearest gobake.yaml or go.work upward, else the nearest go.mod, else ``directory``.

    A go.work counts only for a module that it uses, as in Go. Raises ProjectError where there is no module at all.
    """
    directory = directory.resolve()
    if not directory.is_dir():
        raise ProjectError(f"{directory} is no folder", remedy="name the folder of a Go module with -C")
    module = next((d for d in (directory, *directory.parents) if (d / "go.mod").is_file()), None)
    for folder in (directory, *directory.parents):
        if (folder / CONFIG_FILE).is_file():
            return folder
        if (folder / "go.work").is_file() and os.environ.get("GOWORK") != "off":
            used = {(folder / use).resolve() for use in read(folder / "go.work").uses}
            if module is None or module in used or folder in (directory, module):
                return folder
    if module is not None:
        return module
    if next(nested_modules(directory), None) is not None:
        return directory
    raise ProjectError(
        f"there is no Go module in {directory}: no go.mod or go.work here, above or below",
        remedy="run gobake in a Go repository, name one with -C, or start one with `go mod init`",
    )


def nested_modules(root: Path) -> Iterator[Path]:
    """Folders with a go.mod at or below ``root``, in order, without those that Go's own patterns skip."""
    for folder, names, files in os.walk(root):
        names[:] = sorted(n for n in names if n not in _SKIPPED and not n.startswith((".", "_")))
        if "go.mod" in files:
            yield Path(folder)


def layout(root: Path, go_version: str = "") -> Layout:
    """Find all local modules of the project in ``root``. ``go_version`` (X.Y[.Z]) overrides what the files ask for.

    Raises ProjectError for missing or unreadable module files.
    """
    root = root.resolve()
    work = root / "go.work"
    if work.is_file() and os.environ.get("GOWORK") != "off":
        builds = [_workspace(root, read(work))]
    elif (root / "go.mod").is_file():
        builds = [_single(root)]
    else:
        builds = [_single(folder) for folder in nested_modules(root)]
    if not builds:
        raise ProjectError(f"there is no go.mod or go.work at or below {root}", remedy="start one with `go mod init`")
    folders = [str(root)] + [str(m.directory) for b in builds for m in b.modules]
    context = Path(os.path.commonpath(folders))
    if context == Path(context.anchor):
        raise ProjectError(
            f"the local modules of {root} have only the file system's root in common",
            remedy="move the replaced modules beside the project",
        )
    requirement = go_version or _requirement(builds, read(work) if builds[0].workspace else ModFile())
    return Layout(
        root=root,
        context=context,
        builds=tuple(builds),
        go_version=_image_version(requirement),
        go_requirement=requirement,
    )


def _workspace(root: Path, work: ModFile) -> BuildRoot:
    mains = []
    for use in work.uses:
        folder = Path(os.path.normpath(root / use))
        if not (folder / "go.mod").is_file():
            raise ProjectError(
                f"uses {use}, where there is no go.mod",
                where=Where(file=root / "go.work"),
                remedy=f"run `go work edit -dropuse={use}` or add the module",
            )
        mains.append(_module(folder))
    if not mains:
        raise ProjectError(
            "uses no module", where=Where(file=root / "go.work"), remedy="add one with `go work use DIR`"
        )
    return BuildRoot(
        directory=root, workspace=True, mains=tuple(mains), replaced=_replaced(tuple(mains), [(root, work.replaces)])
    )


def _single(folder: Path) -> BuildRoot:
    main = _module(folder)
    return BuildRoot(directory=folder, workspace=False, mains=(main,), replaced=_replaced((main,), []))


def _module(folder: Path) -> Module:
    file = folder / "go.mod"
    mod = read(file)
    if not mod.module:
        raise ProjectError("has no module line", where=Where(file=file), remedy="run `go mod init PATH`")
    go = mod.toolchain if mod.toolchain.startswith("go") else mod.go
    return Module(path=mod.module, directory=folder, go=go, requires=mod.requires)


def _replaced(mains: tuple[Module, ...], extra: list[tuple[Path, tuple[tuple[str, str], ...]]]) -> tuple[Module, ...]:
    """Local modules that the main modules name by replace. Replaces of replaced modules do not count, as in Go."""
    sources = extra + [(m.directory, read(m.directory / "go.mod").replaces) for m in mains]
    known = {m.directory for m in mains}
    found: dict[Path, Module] = {}
    for base, replaces in sources:
        for path, target in replaces:
            folder = Path(os.path.normpath(base / target))
            if folder in known or folder in found:
                continue
            if not (folder / "go.mod").is_file():
                raise ProjectError(
                    f"replaces {path} by {target}, where there is no go.mod",
                    where=Where(file=base / "go.mod"),
                    remedy="add the module or drop the replace line",
                )
            mod = read(folder / "go.mod")
            found[folder] = Module(path=path, directory=folder, go=mod.go, requires=mod.requires)
    return tuple(found[folder] for folder in sorted(found))


def _requirement(builds: list[BuildRoot], work: ModFile) -> str:
    asked = [m.go for b in builds for m in b.modules if m.go]
    asked += [v for v in (work.go, work.toolchain) if v and v != "default"]
    return max(asked, key=version_key, default="")


def version_key(version: str) -> tuple[int, int, int]:
    """(1, 26, 3) of ``1.26.3``, ``go1.26.3`` or ``1.26rc1``; (0, 0, 0) of anything else."""
    match = _VERSION.match(version)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else (0, 0, 0)


def _image_version(requirement: str) -> str:
    """The golang image's tag. Before Go 1.21 the go line was no minimum for the toolchain, so any Go 1 serves."""
    major, minor, _ = version_key(requirement)
    return f"{major}.{minor}" if (major, minor) >= (1, 21) else "1"
