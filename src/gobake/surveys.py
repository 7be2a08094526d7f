"""What Go said about a tree, remembered while nothing that Go looked at has changed.

The evidence is the state of every file that `go list` reads, by the stamps that Go's own build cache trusts (and the
time of the last change of the inode, which nobody can set back). A file that was changed within the last two seconds
could be changed once more without a trace, so nothing is remembered then.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from gobake import golang, hostgo, memory
from gobake.golang import GoTree, Package, Query
from gobake.gomod import Layout

_KIND = "go-2"  # the number of what is written below
_SETTLED_SECONDS = 2.0
_MODULE_FILES = frozenset(("go.mod", "go.sum", "go.work", "go.work.sum"))
# ./... enters neither of the first two. What lies in the last is no module's of the user's; it may hold files by the
# ten thousand, which would be looked at in each run.
_UNSEEN = frozenset(("testdata", "vendor", "node_modules"))


def survey(layout: Layout, asked: Iterable[Query], go: str) -> GoTree:
    """golang.survey, unless the answer is known. Raises what it raises."""
    queries = tuple(asked)
    key = (layout, queries, go, hostgo.version(go))
    stamps = tuple(_stamps(layout, go))
    evidence = (stamps, _environment())
    found = _packages(memory.recall(_KIND, key, evidence))
    if found is not None:
        return GoTree(layout=layout, packages=found)
    tree = golang.survey(layout, queries, go)
    youngest = max(max(mtime, ctime) for _, mtime, ctime, _, _ in stamps)
    if time.time() - youngest / 1e9 > _SETTLED_SECONDS:
        memory.remember(_KIND, key, evidence, [_written(package) for package in tree.packages])
    return tree


# ---- evidence


_Stamp = tuple[str, int, int, int, int]  # path, mtime and ctime in nanoseconds, size, inode


def _stamps(layout: Layout, go: str) -> Iterator[_Stamp]:
    program = Path(os.path.realpath(go))
    folders = {module.directory for build in layout.builds for module in build.modules}
    folders |= {build.directory for build in layout.builds}
    above = {parent / "go.work" for folder in folders for parent in folder.parents}
    vendored = {folder / "vendor" / "modules.txt" for folder in folders}
    for file in (program, program.parent.parent / "go.env", *sorted(above), *sorted(vendored)):
        yield _stamp(str(file))
    entered: set[str] = set()
    for folder in sorted(folders):
        yield from _below(str(folder), entered)


def _below(folder: str, entered: set[str]) -> Iterator[_Stamp]:
    """The files that ./... reads, in the order of their names; what is not ours to read is not read by Go either."""
    if folder in entered:
        return
    entered.add(folder)
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in listed:
        name = entry.name
        if entry.is_dir(follow_symlinks=False):
            if name not in _UNSEEN and not name.startswith((".", "_")):
                yield from _below(entry.path, entered)
        elif name.endswith(".go") or name in _MODULE_FILES:
            yield _stamp(entry.path)


def _stamp(path: str) -> _Stamp:
    try:
        state = os.stat(path)  # noqa: PTH116 (a Path for every file of a large tree takes its time)
    except OSError:
        return path, 0, 0, 0, 0  # absent, which is evidence too
    return path, state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino


def _environment() -> list[tuple[str, str]]:
    """What Go reads of the environment, GOENV's file being off."""
    names = (name for name in os.environ if name.startswith(("GO", "CGO_")) or name in ("HOME", "PATH"))
    return sorted((name, os.environ[name]) for name in names if not name.startswith("GOBAKE"))


# ---- JSON


def _written(package: Package) -> dict[str, Any]:
    return {
        "import_path": package.import_path,
        "name": package.name,
        "directory": str(package.directory),
        "build_root": str(package.build_root),
        "cgo": package.cgo,
        "embeds": package.embeds,
        "imports": package.imports,
        "module": package.module,
        "binary": package.binary,
        "files": package.files,
        "embed_files": package.embed_files,
        "runs": package.runs,
    }


def _packages(value: Any) -> tuple[Package, ...] | None:
    try:
        return tuple(_package(fields) for fields in value)
    except (TypeError, KeyError):
        return None


def _package(fields: dict[str, Any]) -> Package:
    return Package(
        import_path=fields["import_path"],
        name=fields["name"],
        directory=PurePosixPath(fields["directory"]),
        build_root=PurePosixPath(fields["build_root"]),
        cgo=fields["cgo"],
        embeds=tuple(fields["embeds"]),
        imports=tuple(fields["imports"]),
        module=fields["module"],
        binary=fields["binary"],
        files=tuple(fields["files"]),
        embed_files=tuple(fields["embed_files"]),
        runs=fields["runs"],
    )
