"""The packages that programs link, with their modules: `go list -deps`, as the compile would read them, and remembered.

packages.py holds the packages of the user's tree; here are those of all modules, and of the standard library.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from gobake import memo
from gobake.errors import ProjectError
from gobake.gotool import host, list_cache, settings, words
from gobake.gotool.asking import Query, Question
from gobake.gotool.modules import BuildRoot, Layout
from gobake.gotool.reading import complaint, objects

_KIND = "go-deps-1"  # the number is the version of the format below
_FIELDS = ("ImportPath", "Name", "Dir", "Standard", "Imports", "Module", "Error", "DepsErrors")
_MOST = 8  # lines of Go's errors that are shown


class Linking(Question, frozen=True, kw_only=True):
    """A question about programs of one build root."""

    commands: tuple[str, ...]  # import paths

    @property
    def command(self) -> list[str]:
        tags = [f"-tags={','.join(self.query.tags)}"] if self.query.tags else []
        return ["go", "list", "-e", f"-json={','.join(_FIELDS)}", "-deps", *tags, *self.commands]


class LinkedModule(Struct, frozen=True, kw_only=True):
    """A module as Go chose it for a build."""

    path: str
    version: str = ""  # "" for a main module
    main: bool = False
    folder: str = ""  # where its files are; "" if that is unknown, as with a vendor folder
    gomod: str = ""  # its go.mod file; "" if it is not on this machine
    time: str = ""  # of the version, RFC 3339; "" unknown
    by: str = ""  # what replaces it: path@version or a folder; "" if nothing does


class LinkedPackage(Struct, frozen=True, kw_only=True):
    """A package of a program."""

    path: str
    imports: tuple[str, ...]  # resolved: the standard library's own copies begin with vendor/
    module: str = ""  # path of its module; "" for the standard library
    folder: str = ""


class Linked(Struct, frozen=True, kw_only=True):
    """All that the programs of one question link."""

    packages: tuple[LinkedPackage, ...]
    modules: tuple[LinkedModule, ...]


def linked(layout: Layout, jobs: Sequence[Linking], go: str, *, fetch: bool = True) -> tuple[Linked, ...]:
    """Return Go's answer to each question, remembered while the files that Go reads are unchanged.

    Raises ProjectError if Go cannot load a package, GoMissing and TransferStalled.
    """
    stamps = tuple(list_cache.stamps_of(layout, go))
    keys = {job.asked: (job.asked, host.version(go)) for job in jobs}
    evidence = {job.asked: (stamps, list_cache.environment(), _modfile(job)) for job in jobs}
    found = {key: _known(memo.recall(_KIND, keys[key], evidence[key])) for key in keys}
    unknown = [job for job in jobs if found[job.asked] is None]
    if unknown:
        from gobake.gotool import local  # most runs need only the remembered answer

        outputs = local.ask(unknown, go, fetch=fetch)
        for job in {job.asked: job for job in unknown}.values():
            fresh = read(job, *outputs[job.asked])
            found[job.asked] = fresh
            if list_cache.settled(stamps):
                memo.remember(_KIND, keys[job.asked], evidence[job.asked], msgspec.to_builtins(fresh))
    return tuple(answer for job in jobs if (answer := found[job.asked]))


def question(root: BuildRoot, query: Query, commands: Iterable[str]) -> Linking:
    """Return the question about these commands of a build root."""
    return Linking(root=root, query=query, commands=tuple(sorted(set(commands))))


def read(job: Linking, listed: str, said: str) -> Linked:
    """Parse Go's answer. Raises ProjectError."""
    packages: dict[str, LinkedPackage] = {}
    modules: dict[str, LinkedModule] = {}
    errors: list[str] = []
    for fields in objects(listed):
        path = str(fields.get("ImportPath", "")).partition(" [")[0]  # "x/y [x/cmd]": compiled with a command's profile
        errors += [complaint(fields)] if fields.get("Error") else []
        module = fields.get("Module")
        name = str(module.get("Path", "")) if isinstance(module, dict) else ""
        if isinstance(module, dict) and name not in modules:
            modules[name] = _module(module)
        before = packages[path].imports if path in packages else ()
        packages[path] = LinkedPackage(
            path=path,
            imports=tuple(dict.fromkeys((*before, *_imports(fields)))),
            module=name,
            folder=str(fields.get("Dir", "")),
        )
    if errors or not packages:
        raise _refused(job, errors, said)
    implied = _not_imported(job.commands, packages)
    for command in set(job.commands) & packages.keys():
        own = packages[command]
        further = [path for path in implied if path not in own.imports]
        packages[command] = msgspec.structs.replace(own, imports=(*own.imports, *further))
    return Linked(packages=tuple(packages.values()), modules=tuple(modules.values()))


def _not_imported(commands: Iterable[str], packages: Mapping[str, LinkedPackage]) -> list[str]:
    """Return what every program links without importing it: the runtime, and such as that of the race detector."""
    reached = set(commands)
    todo = list(reached)
    while todo:
        package = packages.get(todo.pop())
        new = set(package.imports) - reached if package else set()
        reached |= new
        todo += new
    return [path for path in packages if path == "runtime" or path not in reached]


def _refused(job: Linking, errors: Sequence[str], said: str) -> ProjectError:
    told = "\n".join(dict.fromkeys(error for one in errors if (error := words.whole(one)))) or words.whole(said)
    if words.wants_modules(told):
        return ProjectError(
            f"modules of {job.folder} are not on this machine", remedy="leave --offline out, or run `go mod download`"
        )
    lines = told.splitlines()
    shown = "\n".join(lines[:_MOST]) if len(lines) > 1 else ""
    return ProjectError(
        f"Go cannot load what {', '.join(job.commands[:2])}{' ...' if len(job.commands) > 2 else ''} needs: "
        f"{words.first(told) or 'no reason given'}",
        remedy=words.remedy(told),
        words=shown,
    )


def _module(fields: dict[str, Any]) -> LinkedModule:
    replaced = fields.get("Replace")
    by = ""
    if isinstance(replaced, dict):
        by = "@".join(filter(None, (str(replaced.get("Path", "")), str(replaced.get("Version", "")))))
    actual = replaced if isinstance(replaced, dict) else fields
    return LinkedModule(
        path=str(fields.get("Path", "")),
        version=str(fields.get("Version", "")),
        main=bool(fields.get("Main")),
        folder=str(fields.get("Dir") or actual.get("Dir") or ""),
        gomod=str(fields.get("GoMod") or actual.get("GoMod") or ""),
        time=str(actual.get("Time") or ""),
        by=by,
    )


def _imports(fields: dict[str, Any]) -> tuple[str, ...]:
    found = [str(path).partition(" [")[0] for path in fields.get("Imports") or ()]
    if "C" in found:  # what cgo adds (cmd/go/internal/load)
        found += ["runtime/cgo", "syscall", "unsafe"]
    return tuple(path for path in found if path != "C")


def _modfile(job: Linking) -> object:
    """Return evidence of the -modfile in GOFLAGS, which may have any name."""
    name = settings.modfile_of(job.query.goflags)
    files = [Path(job.folder, name), Path(job.folder, f"{name.removesuffix('.mod')}.sum")] if name else []
    return [(str(file), s.st_mtime_ns, s.st_ctime_ns, s.st_size) for file in files if (s := _status(file))]


def _status(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:
        return None


def _known(value: Any) -> Linked | None:
    """Return the remembered answer, unless folders of its modules are gone: the module cache may be cleaned."""
    try:
        found = msgspec.convert(value, Linked)
    except ValueError:
        return None
    return found if all(not module.folder or Path(module.folder).is_dir() for module in found.modules) else None
