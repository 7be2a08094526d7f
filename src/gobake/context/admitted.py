"""Finds the files that a build reads: those that Go lists, and those that it needs without listing them.

Folders without such files are never entered, so neither their size nor their permissions matter.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from gobake.context.embedding import embedded
from gobake.context.entries import Admitted, Entry, suffixes
from gobake.context.includes import SOURCE_FOLDER, Beyond, Scan
from gobake.context.links import Links, is_file
from gobake.context.patterns import expand, names
from gobake.context.unkeyed import marks
from gobake.errors import ProjectError, Where
from gobake.gotool.modules import BuildRoot
from gobake.gotool.packages import GoTree, Package
from gobake.model import Project
from gobake.targets.matrix import Matrix

_TEST = "_test.go"
_PROFILE = "default.pgo"


def used_roots(matrix: Matrix, tree: GoTree) -> tuple[BuildRoot, ...]:
    """Return the build roots of the selected services."""
    used = {service.build_root for service in matrix.services}
    return tuple(b for b in tree.layout.builds if _relative(b.directory, tree) in used)


def packages(matrix: Matrix, tree: GoTree) -> tuple[Package, ...]:
    """Return the packages of the user's tree that the selected services consist of."""
    return tree.closure(path for service in matrix.services for path in service.packages)


def in_context(project: Project, path: PurePosixPath) -> PurePosixPath:
    """Return a project path relative to the context, which is a parent of the project if modules outside are used."""
    return PurePosixPath(project.root.relative_to(project.context).as_posix()) / path


def module_paths(root: BuildRoot, tree: GoTree) -> list[PurePosixPath]:
    """Return go.mod, go.sum and go.work of a build root, and its vendor folder, relative to the context."""
    paths = [_relative(file, tree) for file in root.files]
    if root.reads_vendor:
        paths.append(_relative(root.directory, tree) / "vendor")
    return paths


def admitted(project: Project, matrix: Matrix, tree: GoTree) -> Admitted:
    """Return all files that a build reads. Raises ProjectError for links out of the context and unreadable files."""
    links = Links(project.context)
    sources = _Found()
    for root in used_roots(matrix, tree):
        for known in module_paths(root, tree):
            sources.add(all_at(links, _text(known), strict=False))
    for path in of_flags(project, matrix):
        sources.add(all_at(links, path, strict=False))
    included = list(included_by(links, project))
    scan = Scan(links)
    flags = compiler_flags(matrix)
    for package in packages(matrix, tree):
        sources.add(_of_package(links, package))
        needs = beyond(scan, links, package, flags).including(entry.path for entry in included if entry.source)
        sources.add(Entry(path=path, source=links.file(path)) for path in (*needs.headers, *needs.libraries))
        sources.add(marks(links, package, needs))
    sources.add(included)
    for package in packages(matrix, tree):  # last, so that links that Go refuses to embed stay links
        sources.replace(embedded(links, _text(package.directory), package.embeds))
    files = _Found()
    for service in matrix.services:
        for file in service.files:
            files.add(all_at(links, _text(in_context(project, file.source)), strict=True))
    return Admitted(sources=sources.ordered, files=files.ordered)


def included_by(links: Links, project: Project) -> Iterator[Entry]:
    folder = _text(in_context(project, PurePosixPath()))
    for pattern in project.include:
        for match in expand(links.folder(folder), pattern):
            yield from all_at(links, f"{folder}/{match}" if folder else match, strict=True)


def beyond(scan: Scan, links: Links, package: Package, flags: tuple[str, ...] = ()) -> Beyond:
    """Return what a package needs that Go does not list."""
    folder = _text(package.directory)
    read = [name for name in sources_of(links, package) if package.cgo or not name.endswith(".go")]
    if not read:
        return Beyond(go_only=True)
    return scan.beyond(folder, tuple(read), frozenset(package.files or read), flags)


class _Found:
    """Entries by path; the first of a path counts."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._entries.setdefault(entry.path, entry)

    def replace(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if entry.link or entry.path not in self._entries:
                self._entries[entry.path] = entry

    @property
    def ordered(self) -> tuple[Entry, ...]:
        """The entries sorted by path, without those below a link that stays a link."""
        linked = {path for path, entry in self._entries.items() if entry.link}
        return tuple(
            self._entries[path] for path in sorted(self._entries) if not linked or linked.isdisjoint(_above(path))
        )


def _above(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


# ---- packages


def _of_package(links: Links, package: Package) -> Iterator[Entry]:
    folder = _text(package.directory)
    for name in sources_of(links, package):
        path = f"{folder}/{name}" if folder else name
        place = os.path.join(links.folder(folder), name)
        if os.path.islink(place) and links.leads_out(place) and package.files and name not in package.files:
            continue  # Go ignores it too
        yield from _one(links, path, place)


def sources_of(links: Links, package: Package) -> list[str]:
    """Return names of the files in the package's folder that Go may compile for any platform."""
    endings = tuple(f".{suffix}" for suffix in suffixes(cgo=package.cgo))
    listed = set(package.files)
    return [
        name
        for name in names(links.folder(_text(package.directory)))
        if name in listed
        or (name.endswith(endings) and not name.startswith(("_", ".")) and not name.endswith(_TEST))
        or (name == _PROFILE and package.name == "main")
    ]


def _one(links: Links, path: str, place: str) -> Iterator[Entry]:
    """Yield a file; a dangling link stays a link, so that Go reports it as on the host."""
    if not os.path.islink(place):
        if is_file(place):
            yield Entry(path=path, source=place)
        return
    end = links.followed(path, place)
    if is_file(end):
        yield Entry(path=path, source=end)
    elif not os.path.exists(end):
        yield Entry(path=path, link=os.readlink(place))


# ---- whole folders


def all_at(links: Links, path: str, *, strict: bool) -> Iterator[Entry]:
    """Yield a file, or a folder with everything below it; links are resolved.

    ``strict``: False for module files and vendor folders, where a link out of the context is an error only if Go would
    compile it, and tests are left out.
    """
    above, name = os.path.split(path)
    place = os.path.join(links.folder(above), name) if name else links.folder("")
    yield from _below(links, path, place, frozenset(), strict=strict)


def _below(links: Links, path: str, place: str, inside: frozenset[str], *, strict: bool) -> Iterator[Entry]:
    if os.path.islink(place) and not strict and links.leads_out(place) and not path.endswith(_compiled()):
        yield Entry(path=path, link=os.readlink(place))
        return
    end = links.followed(path, place) if os.path.islink(place) else place
    if not os.path.isdir(end):
        yield from _one(links, path, place)
        return
    if end in inside:
        raise ProjectError(
            "is a symbolic link to one of its parent folders",
            where=Where(file=Path(links.absolute(path))),
            remedy="remove the link, or leave it out of `files` and `include`",
        )
    listed = _listed(links, path, end)
    if path and not listed:
        yield Entry(path=path)
    for name in listed:
        if strict or not name.endswith(_TEST):
            below = f"{path}/{name}" if path else name
            yield from _below(links, below, os.path.join(end, name), inside | {end}, strict=strict)


def _listed(links: Links, path: str, place: str) -> list[str]:
    try:
        return sorted(os.listdir(place))
    except OSError as error:
        raise ProjectError(
            f"cannot be read: {error.strerror}",
            where=Where(file=Path(links.absolute(path))),
            remedy="the build needs its content; make it readable",
        ) from None


def _compiled() -> tuple[str, ...]:
    return tuple(f".{suffix}" for suffix in suffixes(cgo=True))


# ---- flags


def of_flags(project: Project, matrix: Matrix) -> Iterator[str]:
    """Yield the files that GOFLAGS of the services name: -modfile, -overlay, -pgo, relative to where Go runs."""
    for service in matrix.services:
        root = _text(service.build_root)
        for word in dict(service.build.env).get("GOFLAGS", "").split():
            name, _, value = word.lstrip("-").partition("=")
            if name not in ("modfile", "overlay", "pgo") or not value or value in ("off", "auto"):
                continue
            path = _named(root, value.strip("'\""))
            wanted = [path, *([f"{path.removesuffix('.mod')}.sum"] if name == "modfile" else [])]
            if name == "overlay":
                wanted += [_named(root, file) for file in _replacements(project.context / path)]
            yield from (file for file in wanted if is_file(str(project.context / file)) and not file.startswith(".."))


def _named(root: str, path: str) -> str:
    """Return a path of the compile relative to the context."""
    return os.path.normpath(
        path.removeprefix(f"{SOURCE_FOLDER}/") if path.startswith("/") else os.path.join(root, path)
    )


def _replacements(overlay: Path) -> list[str]:
    try:
        return [str(file) for file in json.loads(overlay.read_bytes())["Replace"].values() if file]
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return []  # Go reports the error


def compiler_flags(matrix: Matrix) -> tuple[str, ...]:
    """Return the flags for C compilers and linkers in build_env of the services."""
    flags: dict[str, None] = {}
    for service in matrix.services:
        for name, value in service.build.env:
            if name.startswith("CGO_") and name.endswith("FLAGS"):
                flags |= dict.fromkeys(value.split())
    return tuple(flags)


def _relative(folder: Path, tree: GoTree) -> PurePosixPath:
    return PurePosixPath(folder.relative_to(tree.layout.context).as_posix())


def _text(path: PurePosixPath) -> str:
    return "" if str(path) == "." else str(path)
