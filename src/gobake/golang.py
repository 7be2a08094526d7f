"""What Go itself says about a project: its packages, its main packages, what they embed and import.

`go list` is asked once a platform and set of build tags, without network and without any module downloaded: only the
packages whose source lies in the user's tree are of interest. This module knows no configuration and no Docker; where
the host has no usable Go, its caller asks the same `questions` in a container and hands the output to `read`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from gobake.dataclass import dataclass
from gobake.errors import GoMissing, ProjectError, Where
from gobake.gomod import BuildRoot, Layout, Module
from gobake.model import BuildOptions, Platform

# Files that a build reads of a package, by go list's names for their kinds (cmd/go/internal/list)
_SOURCES = ("GoFiles", "CgoFiles")
_COMPILED = (
    *_SOURCES,
    *("CFiles", "CXXFiles", "MFiles", "HFiles", "FFiles", "SFiles", "SwigFiles", "SwigCXXFiles", "SysoFiles"),
)
_FIELDS = ",".join(
    ("Dir", "ImportPath", "Name", "Target", *_COMPILED, "EmbedPatterns", "EmbedFiles", "Imports", "Error")
)
_PROFILE = "default.pgo"
# Comments, strings and runes: what is said in them is no code.
_NO_CODE = re.compile(r"//[^\n]*|/\*.*?\*/|`[^`]*`|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_MAIN = re.compile(r"\bfunc\s+main\s*\(")


@dataclass(frozen=True, kw_only=True, order=True)
class Query:
    """One question to Go: what the build constraints depend on."""

    platform: Platform
    tags: tuple[str, ...] = ()
    cgo: bool = False

    @property
    def env(self) -> dict[str, str]:
        return {
            "GOOS": self.platform.os,
            "GOARCH": self.platform.arch,
            "CGO_ENABLED": "1" if self.cgo else "0",
            "GOFLAGS": "",
            "GOENV": "off",
            "GOBIN": "",  # set, it hides where a program for another platform would be installed, and so its name
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
            # Go's index of a package takes a file of the same name, size and date for the same file (golang/go#69179)
            "GODEBUG": "goindex=0",
        }


@dataclass(frozen=True, kw_only=True)
class Question:
    """A query to one module or workspace of the user's tree.

    A module that another replaces by a folder is asked in that folder: from outside, Go finds it by way of the whole
    module graph, which needs the go.mod of modules that may not be on this machine.
    """

    root: BuildRoot
    query: Query
    replaced: Module | None = None  # None: the main modules of the root

    @property
    def folder(self) -> Path:
        return self.replaced.directory if self.replaced else self.root.directory

    @property
    def env(self) -> dict[str, str]:
        return {**self.query.env, **({"GOWORK": "off"} if self.replaced else {})}

    @property
    def command(self) -> list[str]:
        """The `go list`; it runs in the folder."""
        words = ["go", "list", "-e", f"-json={_FIELDS}"]
        if self.query.tags:
            words.append("-tags=" + ",".join(self.query.tags))
        if self.replaced or not self.root.workspace:
            return [*words, "./..."]
        folders = (os.path.relpath(m.directory, self.folder).replace(os.sep, "/") for m in self.root.mains)
        return words + [f"./{folder}/...".replace("/./", "/") for folder in folders]


@dataclass(frozen=True, kw_only=True)
class Package:
    """One package of the user's tree, as the union of what all queries said about it."""

    import_path: str
    name: str
    directory: PurePosixPath  # relative to the context
    build_root: PurePosixPath  # of the go build that reaches it, relative to the context
    cgo: bool
    embeds: tuple[str, ...]  # patterns of //go:embed, relative to the directory
    imports: tuple[str, ...]
    module: str = ""  # path of the module that it belongs to
    binary: str = ""  # the file's name that `go build -o FOLDER/` gives its program; "" for what is no command
    files: tuple[str, ...] = ()  # all that Go compiles of it, and the profile that guides it; relative to the directory
    embed_files: tuple[str, ...] = ()  # what the patterns match, relative to the directory
    runs: bool = False  # a command with a func main


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A module or a package that Go could not read. It stops only what needs it."""

    directory: PurePosixPath  # relative to the context
    words: str  # Go's own, all of them; lines parted by newlines
    module: str = ""  # the module's path
    package: str = ""  # the import path; "" where it is the module that cannot be read


@dataclass(frozen=True, kw_only=True)
class GoTree:
    """All packages of the user's tree, by import path."""

    layout: Layout
    packages: tuple[Package, ...]
    troubles: tuple[Trouble, ...] = ()

    @property
    def mains(self) -> tuple[Package, ...]:
        builds = {_relative(b.directory, self.layout): b for b in self.layout.builds}
        return tuple(
            p for p in self.packages if p.name == "main" and _of_a_main_module(self.layout, builds[p.build_root], p)
        )

    def closure(self, import_paths: Iterable[str]) -> tuple[Package, ...]:
        """The packages of the tree that these import, directly or not, and themselves; ordered by import path."""
        known = {p.import_path: p for p in self.packages}
        todo = [path for path in import_paths if path in known]
        found: dict[str, Package] = {}
        while todo:
            package = known[todo.pop()]
            if package.import_path not in found:
                found[package.import_path] = package
                todo += [path for path in package.imports if path in known]
        return tuple(found[path] for path in sorted(found))


def _of_a_main_module(layout: Layout, root: BuildRoot, package: Package) -> bool:
    """Whether the innermost module around a package is a main module of its build root, and no replaced one."""
    folder = layout.context / package.directory
    around = [m for m in root.modules if folder.is_relative_to(m.directory)]
    return bool(around) and max(around, key=lambda m: len(m.directory.parts)) in root.mains


def _relative(folder: Path, layout: Layout) -> PurePosixPath:
    return PurePosixPath(folder.relative_to(layout.context).as_posix())


# ---- asking


def queries(platforms: Iterable[Platform], options: Iterable[BuildOptions]) -> tuple[Query, ...]:
    """The distinct questions for these platforms and build options."""
    wanted = list(options) or [BuildOptions()]
    return tuple(sorted({Query(platform=p, tags=o.tags, cgo=o.cgo) for p in platforms for o in wanted}))


def questions(layout: Layout, asked: Iterable[Query]) -> tuple[Question, ...]:
    """All that must be asked to know the tree. What is vendored lies in a vendor folder, and is not looked for."""
    wanted = tuple(asked)
    return tuple(
        Question(root=root, query=query, replaced=module)
        for root in layout.builds
        for query in wanted
        for module in (None, *(() if root.vendored else root.replaced))
    )


def survey(layout: Layout, asked: Iterable[Query], go: str) -> GoTree:
    """Ask the host's Go. Raises ProjectError where Go cannot read the tree, GoMissing where it does not run."""
    from concurrent.futures import ThreadPoolExecutor  # here, because most runs know the answer: surveys.py

    jobs = questions(layout, asked)
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda job: _ask(go, job), jobs)
        return read(layout, list(zip(jobs, answers, strict=True)))


def _ask(go: str, job: Question) -> str:
    environment = {**os.environ, **job.env, "GO111MODULE": "on"}
    try:
        done = subprocess.run(
            [go, *job.command[1:]], cwd=job.folder, env=environment, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise GoMissing(f"{go} does not run: {error.strerror}", remedy="reinstall Go or take it from PATH") from None
    if done.returncode and not done.stdout.strip():
        raise refusal(job.folder, done.stderr or f"go list ended with {done.returncode}")
    return done.stdout


def refusal(folder: Path, stderr: str) -> ProjectError:
    """Go read no package at all: its message, with the file and line if it names one."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    placed = (line for line in lines if re.match(r"\S+\.(mod|work):\d+", line))
    detail = next(placed, lines[0] if lines else "no reason given")
    match = re.match(r"(\S+\.(?:mod|work)):(\d+)(?::(\d+))?:?\s*(.*)", detail)
    if match:
        where = _where(folder, match)
        return ProjectError(match[4] or "is refused by Go", where=where)
    return ProjectError(
        f"Go cannot read {folder}: {detail.removeprefix('go: ')}", remedy="`go list ./...` there shows the same"
    )


def _where(folder: Path, match: re.Match[str]) -> Where:
    """A match of (file, line, column) as Go writes it: relative to the folder in which it ran."""
    file = Path(os.path.normpath(folder / match[1]))
    return Where(file=file, line=int(match[2]), column=int(match[3] or 0))


# ---- reading


def read(layout: Layout, answers: Iterable[tuple[Question, str]], mounted: str = "") -> GoTree:
    """Merge the answers to all queries into one tree. Raises ProjectError with the position of what Go cannot parse.

    ``mounted`` is where the context lay when Go was asked in a container.
    """
    merged: dict[str, Package] = {}
    for question, text in answers:
        root = question.root
        for fields in _objects(text):
            if mounted:
                fields["Dir"] = _unmounted(str(fields.get("Dir", "")), mounted, layout)
            package = _package(layout, question, fields)
            if package is None:
                continue
            old = merged.get(package.import_path)
            if old and old.directory != package.directory:
                _refuse_namesake(layout, old, package)
            # of several build roots that reach it, the one whose own module it is
            first, then = (old, package) if not _of_a_main_module(layout, root, package) else (package, old)
            merged[package.import_path] = _union(first, then) if first and then else package
    return GoTree(layout=layout, packages=tuple(merged[path] for path in sorted(merged)))


def _refuse_namesake(layout: Layout, one: Package, other: Package) -> None:
    """Modules without a common go.work may have the same module path; one of two commands would vanish without a word.

    A module that one of them replaces is another matter: there, the folder whose own module it is wins.
    """
    roots = {_relative(build.directory, layout): build for build in layout.builds}
    if all(_of_a_main_module(layout, roots[package.build_root], package) for package in (one, other)):
        raise ProjectError(
            f"{one.directory} and {other.directory} are both package {one.import_path}",
            remedy="give their modules names of their own, or build one of them with -C",
        )


def _unmounted(folder: str, mounted: str, layout: Layout) -> str:
    inside = PurePosixPath(folder)
    return str(layout.context / inside.relative_to(mounted)) if inside.is_relative_to(mounted) else folder


def _objects(text: str) -> Iterator[dict[str, object]]:
    decoder, at = json.JSONDecoder(), 0
    while (at := _after_space(text, at)) < len(text):
        fields, at = decoder.raw_decode(text, at)
        yield fields


def _after_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _package(layout: Layout, question: Question, fields: dict[str, object]) -> Package | None:
    name, folder = str(fields.get("Name", "")), Path(str(fields.get("Dir", "")))
    sources = tuple(name for kind in _SOURCES for name in _strings(fields, kind))
    error = fields.get("Error")
    if isinstance(error, dict):
        _refuse_unreadable(question.folder, error, name)
    if not name or not sources or not folder.is_relative_to(layout.context):
        return None
    return Package(
        import_path=_import_path(question, folder, str(fields["ImportPath"])),
        name=name,
        directory=_relative(folder, layout),
        build_root=_relative(question.root.directory, layout),
        cgo=bool(fields.get("CgoFiles")),
        embeds=_strings(fields, "EmbedPatterns"),
        imports=_strings(fields, "Imports"),
        module=_module(question.root, folder),
        binary=PurePosixPath(str(fields.get("Target", ""))).name if name == "main" else "",
        files=_files(folder, name, fields),
        embed_files=_strings(fields, "EmbedFiles"),
        runs=name == "main" and any(_has_main(folder / source) for source in sources),
    )


def _files(folder: Path, name: str, fields: dict[str, object]) -> tuple[str, ...]:
    found = {file for kind in _COMPILED for file in _strings(fields, kind)}
    if name == "main" and (folder / _PROFILE).is_file():
        found.add(_PROFILE)
    return tuple(sorted(found))


def _has_main(file: Path) -> bool:
    """Whether a Go file declares func main; what cannot be read is left to the compile, which says why."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return bool(_MAIN.search(_NO_CODE.sub(" ", text)))


def _module(root: BuildRoot, folder: Path) -> str:
    around = [module for module in root.modules if folder.is_relative_to(module.directory)]
    return max(around, key=lambda module: len(module.directory.parts)).path if around else ""


def _import_path(question: Question, folder: Path, own: str) -> str:
    """A replaced module goes by the path that it replaces, whatever its own go.mod calls it."""
    module = question.replaced
    if module is None or not folder.is_relative_to(module.directory):
        return own
    return str(PurePosixPath(module.path) / folder.relative_to(module.directory).as_posix())


def _strings(fields: dict[str, object], key: str) -> tuple[str, ...]:
    value = fields.get(key)
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _refuse_unreadable(folder: Path, error: dict[str, object], name: str) -> None:
    """A file that Go cannot parse would make its service vanish without a word, so it stops here, with its position."""
    position, text = str(error.get("Pos", "")), str(error.get("Err", ""))
    match = re.match(r"(.+?\.go):(\d+)(?::(\d+))?", position)
    if name or not match or match[1].endswith("_test.go"):
        return
    where = _where(folder, match)
    raise ProjectError(text.split(": ", 1)[-1] if text.startswith(match[1]) else text, where=where)


def _union(one: Package, other: Package) -> Package:
    return Package(
        import_path=one.import_path,
        name=one.name,
        directory=one.directory,
        build_root=one.build_root,
        cgo=one.cgo or other.cgo,
        embeds=tuple(sorted({*one.embeds, *other.embeds})),
        imports=tuple(sorted({*one.imports, *other.imports})),
        module=one.module,
        binary=one.binary or other.binary,
        files=tuple(sorted({*one.files, *other.files})),
        embed_files=tuple(sorted({*one.embed_files, *other.embed_files})),
        runs=one.runs or other.runs,
    )
