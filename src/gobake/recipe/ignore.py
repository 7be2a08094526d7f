"""The ignore file: everything is left out of the build context but what the build reads.

Syntax: https://docs.docker.com/build/concepts/context/#dockerignore-files. Later lines win, so that the exceptions
follow the `*`, and test files are left out again after the sources: editing one invalidates nothing.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from gobake.golang import GoTree, Package
from gobake.gomod import BuildRoot
from gobake.matrix import Matrix
from gobake.model import Project

# What the go command compiles beside .go files (go/build, Package); C and C++ count with cgo only.
_ASSEMBLY = ("go", "s", "h", "syso")
_CGO = (
    *_ASSEMBLY,
    "S",
    "c",
    "cc",
    "cpp",
    "cxx",
    "hh",
    "hpp",
    "hxx",
    "m",
    "f",
    "F",
    "for",
    "f90",
    "sx",
    "swig",
    "swigcxx",
)


def ignore_file(project: Project, matrix: Matrix, tree: GoTree, header: str) -> str:
    """The text of the ignore file, the same bytes for the same packages."""
    sources = [line for root in used_roots(matrix, tree) for line in _module_files(root, tree)]
    embeds: list[str] = []
    for package in packages(matrix, tree):
        prefix = _prefix(package)
        sources += [f"{prefix}*.{suffix}" for suffix in suffixes(package)]
        # go:embed patterns are path.Match globs, as the ignore file's are; a folder brings all that is below it
        embeds += [prefix + pattern.removeprefix("all:") for pattern in package.embeds]
    extra = [_admit(in_context(project, file.source)) for service in matrix.services for file in service.files]
    extra += [f"!{pattern}" for pattern in _included(project)]
    # Embedded and extra files come after the test files: there, whatever was named is wanted.
    return "\n".join(
        [
            *(f"# {line}".rstrip() for line in header.splitlines()),
            "*",
            *_ordered(sources),
            "**/*_test.go",
            *_ordered(embeds + extra),
            "",
        ]
    )


def _ordered(lines: list[str]) -> list[str]:
    return sorted(set(lines), key=lambda line: line[1:])


def used_roots(matrix: Matrix, tree: GoTree) -> tuple[BuildRoot, ...]:
    used = {service.build_root for service in matrix.services}
    return tuple(b for b in tree.layout.builds if _relative(b.directory, tree) in used)


def downloads(matrix: Matrix, tree: GoTree) -> bool:
    """Whether the build of the selected services reads modules from elsewhere."""
    return any(root.downloads for root in used_roots(matrix, tree))


def vendored(matrix: Matrix, tree: GoTree) -> bool:
    """Whether the build of the selected services reads all modules from vendor folders."""
    return all(root.vendored for root in used_roots(matrix, tree))


def packages(matrix: Matrix, tree: GoTree) -> tuple[Package, ...]:
    """The packages of the user's tree that the selected services are made of."""
    return tree.closure(service.package for service in matrix.services)


def suffixes(package: Package) -> tuple[str, ...]:
    """Endings of the files that Go compiles of a package."""
    return _CGO if package.cgo else _ASSEMBLY


def top_level(project: Project, matrix: Matrix, tree: GoTree) -> tuple[str, ...]:
    """Files and folders right below the context that Go reads: what to bind where the context holds more."""
    found: set[str] = set()
    for root in used_roots(matrix, tree):
        for path in module_paths(root, tree):
            found.add(path.parts[0])
    for package in packages(matrix, tree):
        if not package.directory.parts:
            return ()  # a package in the context's own folder: all of it is needed
        found.add(package.directory.parts[0])
    for pattern in _included(project):
        found.add(pattern.split("/", 1)[0])
    return tuple(sorted(found)) if not any(re.search(r"[*?\[]", name) for name in found) else ()


def in_context(project: Project, path: PurePosixPath) -> PurePosixPath:
    """A path of the project's own, from the context, which is wider where a module is replaced by one outside."""
    return PurePosixPath(project.root.relative_to(project.context).as_posix()) / path


def _included(project: Project) -> list[str]:
    folder = _escaped(in_context(project, PurePosixPath()))
    return [pattern if folder == "." else f"{folder}/{pattern}" for pattern in project.include]


def _relative(folder: Path, tree: GoTree) -> PurePosixPath:
    return PurePosixPath(folder.relative_to(tree.layout.context).as_posix())


def module_paths(root: BuildRoot, tree: GoTree) -> list[PurePosixPath]:
    """go.mod, go.sum and go.work of a build root, and its vendor folder, from the context."""
    folder = _relative(root.directory, tree)
    found = [folder / name for name in ("go.work", "go.work.sum") if (root.directory / name).is_file()]
    for module in root.modules:
        found += [
            _relative(module.directory, tree) / name
            for name in ("go.mod", "go.sum")
            if (module.directory / name).is_file()
        ]
    if root.vendored:
        found.append(folder / "vendor")
    return found


def _module_files(root: BuildRoot, tree: GoTree) -> list[str]:
    """go.mod and go.sum of every module that the go.work or a replace line names: Go reads them all."""
    return [_admit(path) for path in module_paths(root, tree)]


def _prefix(package: Package) -> str:
    folder = _escaped(package.directory)
    return "!" if folder == "." else f"!{folder}/"


def _admit(path: PurePosixPath) -> str:
    return f"!{_escaped(path)}"


def _escaped(path: PurePosixPath) -> str:
    return re.sub(r"([\\*?\[\]!#])", r"\\\1", str(path))
