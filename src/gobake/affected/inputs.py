"""What goes into the programs and images of each service, from one tree, so that two trees can be compared.

A file that Git says is the same on both sides has no digest here; so trees of thousands of files cost little.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path, PurePosixPath

from msgspec import Struct, to_builtins

from gobake.affected.gosource import compiled
from gobake.context.admitted import all_at, beyond, compiler_flags, in_context, included_by, of_flags, sources_of
from gobake.context.embedding import embedded
from gobake.context.entries import Entry
from gobake.context.includes import Scan
from gobake.context.links import Links, is_file
from gobake.gotool import modfile
from gobake.gotool.modules import version_key
from gobake.gotool.packages import GoTree, Package, around
from gobake.model import Project, Service, Strategy, Target
from gobake.recipe.outline import read_by_copies
from gobake.targets.matrix import Matrix

# Not in the image, or only in its names; the rest of a service is
_IDLE = frozenset(("name", "why", "strategy", "strategies", "platforms", "uses_cgo", "version_variable", "base"))
_MAIN = "main"
_SAME_FROM, _SAME_TO = (1, 22), (1, 26)  # of the language
_SAME = "1.22 to 1.26"


class Part(StrEnum):
    """What a file is for a service."""

    SOURCE = "source"
    EMBEDDED = "embedded"
    NATIVE = "cgo"  # C, assembly, headers, libraries
    FLAGS = "build flags"  # files that GOFLAGS name
    INCLUDED = "include"  # `include` of gobake.yaml
    IMAGE = "files"  # `files` of a service
    BASE = "base image"  # what the project's own Dockerfile of a base copies


class File(Struct, frozen=True, kw_only=True):
    """One file, as far as it counts. ``digest``: "" if Git says that it is the same on both sides."""

    part: Part
    digest: str


class Inputs(Struct, frozen=True, kw_only=True):
    """All that makes a service's images, but modules from elsewhere (linking.py)."""

    service: Service
    files: Mapping[str, File]  # by path relative to the context
    settings: Mapping[str, str]  # name -> value, of gobake.yaml, go.mod and go.work


class Side(Struct, frozen=True, kw_only=True):
    """One of the two trees."""

    project: Project
    tree: GoTree
    matrix: Matrix
    top: Path  # of the repository
    changed: frozenset[str]  # paths relative to the top that differ between both sides


class Reader:
    """Reads the inputs of the services of one side; each package and each file once."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._links = Links(side.project.context)
        self._scan = Scan(self._links)
        self._top = os.path.realpath(side.top)
        self._included = list(included_by(self._links, side.project))
        self._packages: dict[tuple[str, bool, tuple[str, ...]], dict[str, File]] = {}
        self._digests: dict[tuple[str, bool], str] = {}
        self._known: dict[Path, tuple[tuple[str, str], ...]] = {}  # directives of module files

    def all(self) -> dict[str, Inputs]:
        """Return the inputs by service. Raises ProjectError for files that cannot be read."""
        return {service.name: self._of(service) for service in self._side.matrix.services}

    def _of(self, service: Service) -> Inputs:
        side = self._side
        targets = [target for target in side.matrix.targets if target.service.name == service.name]
        alone = Matrix(targets=tuple(targets))
        files: dict[str, File] = {}
        packages, flags = side.tree.closure(service.packages), compiler_flags(alone)
        for package in packages:  # those of `prebuilt`, too: it may be compiled on this machine
            files |= self._package(package, flags, stripped=service.build.stripped)
        files |= self._files(self._included, Part.INCLUDED)
        for path in of_flags(side.project, alone):
            files |= self._files(all_at(self._links, path, strict=False), Part.FLAGS)
        for file in service.files:
            path = str(in_context(side.project, file.source))
            files |= self._files(all_at(self._links, path, strict=True), Part.IMAGE, modes=True)
        files |= self._bases(targets)
        return Inputs(
            service=service,
            files=files,
            settings={**dict(_settings(side.project, service, targets)), **self._lines(service, packages)},
        )

    def _lines(self, service: Service, packages: Iterable[Package]) -> dict[str, str]:
        """Return the lines of go.mod and go.work that change the service's program: go and godebug.

        Of other modules than the command's own, only the language counts, and godebug lines do nothing
        (https://go.dev/doc/godebug).
        """
        layout = self._side.tree.layout
        root = next((one for one in layout.builds if one.directory == layout.context / service.build_root), None)
        if root is None:
            return {}
        own = around(root, layout.context / service.directory)
        folders = {package.directory for package in packages}
        others = {module for folder in folders if (module := around(root, layout.context / folder)) and module != own}
        decide = [*([own.directory / "go.mod"] if own else []), *([root.work] if root.work else [])]
        lines = {f"{verb} of {self._shown(file)}": words for file in decide for verb, words in self._directives(file)}
        for file in (module.directory / "go.mod" for module in others):
            lines |= {f"go of {self._shown(file)}": _language(w) for verb, w in self._directives(file) if verb == "go"}
        return lines

    def _shown(self, file: Path) -> str:
        return os.path.relpath(file, self._side.tree.layout.context)

    def _directives(self, file: Path) -> tuple[tuple[str, str], ...]:
        if file not in self._known:
            self._known[file] = tuple(modfile.directives(file))
        return self._known[file]

    # ---- files

    def _package(self, package: Package, flags: tuple[str, ...], *, stripped: bool) -> dict[str, File]:
        """Return the files of a package. Without ``stripped``, debug information may tell of comments' places."""
        key = (package.import_path, stripped, flags)
        if key not in self._packages:
            self._packages[key] = dict(self._read(package, flags, blind=stripped and _is_plain(package)))
        return self._packages[key]

    def _read(self, package: Package, flags: tuple[str, ...], *, blind: bool) -> Iterator[tuple[str, File]]:
        folder = "" if str(package.directory) == "." else f"{package.directory}/"
        for name in package.files or sources_of(self._links, package):
            path = folder + name
            part = Part.SOURCE if name.endswith((".go", ".pgo")) else Part.NATIVE
            yield path, File(part=part, digest=self._digest(self._links.file(path), blind=blind))
        needs = beyond(self._scan, self._links, package, flags)
        yield from self._files(
            (Entry(path=path, source=self._links.file(path)) for path in (*needs.headers, *needs.libraries)),
            Part.NATIVE,
        ).items()
        yield from self._files(embedded(self._links, folder.rstrip("/"), package.embeds), Part.EMBEDDED).items()

    def _files(self, entries: Iterable[Entry], part: Part, *, modes: bool = False) -> dict[str, File]:
        return {entry.path: File(part=part, digest=self._of_entry(entry, modes=modes)) for entry in entries}

    def _of_entry(self, entry: Entry, *, modes: bool) -> str:
        if not entry.source:
            return entry.link or "folder"
        return self._digest(entry.source, modes=modes)

    def _digest(self, source: str, *, blind: bool = False, modes: bool = False) -> str:
        """Return a digest of a file's content, with whether it may be executed (``modes``), or without its comments
        (``blind``); "" if Git says that it is the same on both sides."""
        if os.path.relpath(source, self._top) not in self._side.changed and source.startswith(f"{self._top}/"):
            return ""
        key = (source, blind)
        if key not in self._digests:
            content = Path(source).read_bytes() if is_file(source) else b""
            self._digests[key] = hashlib.sha256(compiled(content) if blind else content).hexdigest()
        return self._digests[key] + (" executable" if modes and os.access(source, os.X_OK) else "")

    def _bases(self, targets: Iterable[Target]) -> dict[str, File]:
        """Return what the project's own Dockerfiles for base images read: they, and what they copy."""
        found: dict[str, File] = {}
        for own in {target.own_base for target in targets if target.own_base}:
            file = in_context(self._side.project, own.file)
            text = Path(self._links.file(str(file))).read_text(encoding="utf-8", errors="replace")
            own_ignore = file.with_name(f"{file.name}.dockerignore")
            ignore = in_context(self._side.project, PurePosixPath(".dockerignore"))
            for path in (str(file), str(own_ignore), str(ignore), *self._copied(text)):
                place = self._links.file(path)
                if is_file(place):
                    found[path] = File(part=Part.BASE, digest=self._digest(place, modes=True))
        return found

    def _copied(self, dockerfile: str) -> Iterator[str]:
        """Yield changed files below the project that a Dockerfile's COPY, ADD or mounts may read."""
        below = os.path.relpath(self._links.absolute(str(in_context(self._side.project, PurePosixPath()))), self._top)
        reads = read_by_copies(dockerfile)
        for path in self._side.changed:
            inside = os.path.relpath(path, below)
            if not inside.startswith("..") and reads(inside):
                yield os.path.relpath(f"{self._top}/{path}", self._links.context)


def _language(version: str) -> str:
    """Return the language of a go line, by what it does to valid code: since variables of loops are new in each round
    (1.22), a version only allows more (https://go.dev/ref/spec#Language_versions). Newer ones are not known yet.
    """
    return _SAME if _SAME_FROM <= version_key(version)[:2] <= _SAME_TO else version


def _is_plain(package: Package) -> bool:
    """Whether comments of its files are in no program: those of a command are in the build ID, those for cgo are C."""
    return package.name != _MAIN and not package.cgo


# ---- settings


def _settings(project: Project, service: Service, targets: Iterable[Target]) -> Iterator[tuple[str, str]]:
    for name in service.__struct_fields__:
        if name not in _IDLE and name not in ("build", "files"):
            yield name, _text(getattr(service, name))
    for target in targets:
        yield f"platforms of {target.strategy}", " ".join(map(str, target.platforms))
        yield f"base of {target.strategy}", project.base(service, target.strategy)
        if target.strategy is Strategy.UPX:
            yield "image with UPX", project.bases.upx
    yield "strategy", str(service.strategy)
    yield "files", _text(sorted(f"{file.source}:{file.target}" for file in service.files))
    yield "provenance", project.provenance
    yield "source_url", project.source_url
    yield "version", project.version
    yield "registry", project.registry
    yield "Go image", project.bases.go
    for name in service.build.__struct_fields__:
        yield f"build {name}", _text(getattr(service.build, name))


def _text(value: object) -> str:
    plain = to_builtins(value, enc_hook=str)
    if isinstance(plain, list | tuple):
        return ", ".join("=".join(map(str, item)) if isinstance(item, list | tuple) else str(item) for item in plain)
    return str(plain)
