"""Remembers Go's answers about a tree while the files that Go reads are unchanged.

The evidence is the status of every file that `go list` reads: what Go's own build cache trusts, and the ctime, which
nobody can set back. A file changed within the last two seconds could change again without a trace, so then nothing is
remembered. Of Go files that were changed lately the evidence is their head (heads.py): most edits are below it.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from gobake import memo
from gobake.gotool import heads, host
from gobake.gotool.asking import Query
from gobake.gotool.modules import Layout
from gobake.gotool.packages import GoTree, Package

_KIND = "go-3"  # the number is the version of the format below
_SETTLED_SECONDS = 2.0
_MODULE_FILES = frozenset(("go.mod", "go.sum", "go.work", "go.work.sum"))
# ./... does not enter testdata and vendor. node_modules holds no modules of the user but may hold tens of thousands of
# files, which would be stat'ed in each run.
_UNSEEN = frozenset(("testdata", "vendor", "node_modules"))
# Files that go/build opens to read build constraints (go/build, knownOS and goodOSArchFile; Context.matchFile)
_ENDINGS = frozenset("go c cc cpp cxx m h hh hpp hxx f F for f90 s S sx swig swigcxx syso pgo".split())


def survey(layout: Layout, asked: Iterable[Query], go: str, *, ask: bool = True) -> GoTree | None:
    """Return the remembered answer, or that of gotool.local.survey, which raises; None without ``ask``.

    Answers with troubles are not remembered: they may depend on the network.
    """
    queries = tuple(asked)
    key = (layout, queries, go, host.version(go))
    evidence = _evidence(layout, go)
    packages = _known(layout, memo.recall(_KIND, key, evidence))
    if packages is not None:
        return GoTree(layout=layout, packages=packages)
    if not ask:
        return None
    from gobake.gotool import local  # most runs need only the remembered answer

    tree = local.survey(layout, queries, go)
    whole = tree.packages or not evidence.go_files
    # a file of which the head was read may change at any time: the answer must be about the head that was read
    if whole and not tree.troubles and settled(evidence.stamps) and _evidence(layout, go) == evidence:
        value = {
            "packages": msgspec.to_builtins(tree.packages, enc_hook=str),
            "embedded": _embedded(layout, tree.packages),
        }
        memo.remember(_KIND, key, evidence, value)
    return tree


# ---- evidence


Stamp = tuple[str, int, int, int, int]  # path, mtime and ctime in nanoseconds, size, inode


class _Evidence(Struct, frozen=True):
    """What an answer depends on."""

    stamps: tuple[Stamp, ...]
    heads: tuple[tuple[str, str], ...]  # of files changed lately: path, digest
    environment: list[tuple[str, str]]

    @property
    def go_files(self) -> bool:
        return bool(self.heads) or any(path.endswith(".go") for path, *_ in self.stamps)


def _evidence(layout: Layout, go: str) -> _Evidence:
    stamps = tuple(stamps_of(layout, go))
    recent = heads.recent(((path, max(mtime, ctime) / 1e9) for path, mtime, ctime, *_ in stamps), time.time())
    return _Evidence(
        tuple(stamp for stamp in stamps if stamp[0] not in recent),
        tuple((path, heads.digest(path)) for path in sorted(recent)),
        environment(),
    )


def settled(stamps: Iterable[Stamp]) -> bool:
    """Whether no file is so new that it could change again without a trace."""
    youngest = max((max(mtime, ctime) for _, mtime, ctime, _, _ in stamps), default=0)
    return time.time() - youngest / 1e9 > _SETTLED_SECONDS


def stamps_of(layout: Layout, go: str) -> Iterator[Stamp]:
    """Yield the status of all files that Go reads about the tree, and of Go's own."""
    program = Path(os.path.realpath(go))
    folders = {module.directory for build in layout.builds for module in build.modules}
    folders |= {build.directory for build in layout.builds}
    files = {parent / "go.work" for folder in folders for parent in folder.parents}
    files |= {folder / "vendor" / "modules.txt" for folder in folders}
    files |= {file for build in layout.builds if build.work for file in (build.work, Path(f"{build.work}.sum"))}
    for file in (program, program.parent.parent / "go.env", Path(host.settings_file() or "/"), *sorted(files)):
        yield _stamp(str(file))
    entered: set[str] = set()
    for folder in sorted(folders):
        yield from _below(str(folder), entered)


def _below(folder: str, entered: set[str]) -> Iterator[Stamp]:
    """Yield stamps of the files that ./... reads, sorted by name. Unreadable folders are skipped; Go skips them too."""
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
        elif name.rpartition(".")[2] in _ENDINGS or name in _MODULE_FILES:
            yield _stamp(entry.path)


def _stamp(path: str) -> Stamp:
    try:
        state = os.stat(path)  # noqa: PTH116 (a Path for every file of a large tree takes its time)
    except OSError:
        return path, 0, 0, 0, 0  # its absence is evidence too
    return path, state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino


def environment() -> list[tuple[str, str]]:
    """Return the variables that Go reads; GOENV is off."""
    names = (name for name in os.environ if name.startswith(("GO", "CGO_")) or name in ("HOME", "PATH"))
    return sorted((name, os.environ[name]) for name in names if not name.startswith("GOBAKE"))


def _embedded(layout: Layout, packages: Iterable[Package]) -> str:
    """Return a digest of the names in every folder that a //go:embed pattern names."""
    seen = hashlib.sha256()
    places = {
        os.path.join(layout.context, package.directory, _fixed(pattern))  # noqa: PTH118
        for package in packages
        for pattern in package.embeds
    }
    for place in sorted(places):
        for name in _names(place):
            seen.update(f"{name}\0".encode("utf-8", "surrogateescape"))
    return seen.hexdigest()


def _fixed(pattern: str) -> str:
    """Return the part of a pattern before its first element with a wildcard."""
    parts = pattern.removeprefix("all:").split("/")
    free = next((n for n, part in enumerate(parts) if set(part) & set("*?[\\")), len(parts))
    return "/".join(parts[:free])


def _names(place: str) -> Iterator[str]:
    yield f"{place} {os.path.isdir(place)} {os.path.lexists(place)} {os.path.islink(place)}"  # noqa: PTH112, PTH114
    try:
        with os.scandir(place) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            yield from _names(entry.path)
        else:
            yield f"{entry.path} {entry.is_file(follow_symlinks=False)}"


# ---- JSON


def _known(layout: Layout, value: Any) -> tuple[Package, ...] | None:
    try:
        packages = msgspec.convert(value["packages"], tuple[Package, ...], dec_hook=lambda kind, text: kind(text))
        return packages if value["embedded"] == _embedded(layout, packages) else None
    except (TypeError, KeyError, ValueError):
        return None
