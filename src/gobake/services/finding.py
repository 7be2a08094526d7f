"""Finds and reads the build files that contain evidence about a project's commands.

It does not walk the whole tree: build files are at the root, in well-known folders, and beside or above commands.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from gobake.services import dockerfiles, releases, scripts
from gobake.services.rules import BUILD_FOLDERS
from gobake.services.scripts import Script
from gobake.services.shell import calls, expand
from gobake.services.values import Build, Command, Evidence, Image, Use

MAX_BYTES = 1 << 20  # of one file; longer ones are generated
_RELEASES = {
    ".goreleaser.yaml": releases.goreleaser,
    ".goreleaser.yml": releases.goreleaser,
    "goreleaser.yaml": releases.goreleaser,
    "goreleaser.yml": releases.goreleaser,
    ".ko.yaml": releases.ko,
    ".ko.yml": releases.ko,
    ".promu.yml": releases.promu,
    ".promu.yaml": releases.promu,
}
# Folders below the root that hold build files, and how deep: 0 for the folder itself, 1 with its subfolders ...
_FOLDERS = {
    "build": 2, "docker": 2, "dockerfiles": 1, "dockerfile": 1, ".docker": 1, "deploy": 1, "deployment": 1,
    "deployments": 1, "images": 1, "image": 1, "packaging": 1, "package": 1, "release": 1, "releasing": 1,
    "scripts": 1, "script": 1, "hack": 1, "make": 1, "makefiles": 1, "mk": 1, "buildscripts": 0, "ci": 1, ".ci": 1,
    ".github/workflows": 0, ".gitlab": 0, ".circleci": 0, ".buildkite": 0, "container": 1, "containers": 1, "infra": 1,
}  # fmt: skip
_DOCKERFILE = re.compile(
    r"(?:.*\.)?(?:Dockerfile|Containerfile)(?:[._-].*)?|.*\.(?:dockerfile|containerfile)", re.IGNORECASE
)
_MAKEFILE = re.compile(r"(?:GNU)?[Mm]akefile(?:[._-].*)?|.*\.(?:mk|mak)")
_SCRIPT = re.compile(r".*\.(?:sh|bash)|\.?[Jj]ustfile|.*\.just|magefile\.go|build|make\.bash")
_PIPELINE = re.compile(r"\.gitlab-ci\.ya?ml|[Tt]askfile\.(?:dist\.)?ya?ml|\.travis\.ya?ml|cloudbuild\.ya?ml")
# Files for something other than the shipped programs
_ASIDE = re.compile(
    r"(?:^|[._-])(?:dev|develop|debug|tests?|testing|tilt|e2e|lint|docs?|local|windows|bench|fuzz|devcontainer|hotfix)"
    r"(?:[._-]|$)"
)


def gather(root: Path, commands: Iterable[Command], packages: Iterable[Path], modules: frozenset[str]) -> Evidence:
    """Return the evidence in the files below ``root``; unreadable files are skipped.

    ``packages``: folders of its packages; ``modules``: folders with a go.mod.
    """
    every = tuple(commands)
    files = {path: text for path in _paths(root, every) if (text := _text(root / path)) is not None}
    builds: list[Build] = []
    uses: list[Use] = []
    images: list[Image] = []
    make = {p: t for p, t in files.items() if _MAKEFILE.fullmatch(Path(p).name)}
    shared: dict[str, str] = {}
    for text in make.values():
        shared = {**scripts.variables(text, make=True), **shared}
    for path, text in files.items():
        name = Path(path).name
        if name in _RELEASES:
            builds += _RELEASES[name](text, path)
        elif _DOCKERFILE.fullmatch(name):
            dockerfile = dockerfiles.read(text, path, modules)
            builds += dockerfile.builds
            uses += dockerfile.uses
            images += dockerfile.images
        else:
            script = Script(path=path, text=text, variables=shared if path in make else {}, make=path in make)
            read = scripts.read(script)
            builds += read.builds
            uses += read.uses
    uses += _tools(root, modules)
    if len(every) > 1:
        uses += _generated(root, packages)
    return Evidence(builds=tuple(builds), uses=tuple(uses), images=tuple(images))


# ---- where to look


def _paths(root: Path, commands: tuple[Command, ...]) -> list[str]:
    """Return the paths of build files relative to the root; those in the root come first."""
    folders: dict[str, int] = {".": 0}
    for command in commands:
        parts = command.folder.split("/") if command.folder not in ("", ".") else []
        folders |= {"/".join(parts[:deep]): 0 for deep in range(1, len(parts) + 1)}
        folders |= {f"{command.folder}/{name}": 0 for name in sorted(BUILD_FOLDERS) if parts}
    folders |= _FOLDERS
    paths: dict[str, None] = {}
    for folder, deep in folders.items():
        paths |= dict.fromkeys(_telling(root, folder, deep))
    for folder in _top(root):
        paths |= dict.fromkeys(path for path in _telling(root, folder, 0) if _DOCKERFILE.fullmatch(Path(path).name))
    return list(paths)


def _top(root: Path) -> list[str]:
    """Return the folders directly below the root; any of them may hold a Dockerfile."""
    try:
        with os.scandir(root) as entries:
            return sorted(
                e.name for e in entries if e.is_dir(follow_symlinks=False) and not _ASIDE.search(e.name.lower())
            )
    except OSError:
        return []


def _telling(root: Path, folder: str, deep: int) -> Iterator[str]:
    try:
        with os.scandir(root / folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    below: list[str] = []
    for entry in listed:
        path = entry.name if folder == "." else f"{folder}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if deep and not _ASIDE.search(entry.name.lower()) and entry.name not in ("node_modules", "testdata"):
                below.append(path)
        elif _tells(entry.name, folder) and not _ASIDE.search(Path(path).name.lower()):
            yield path
    for path in below:
        yield from _telling(root, path, deep - 1)


def _tells(name: str, folder: str) -> bool:
    if folder in (".github/workflows", ".gitlab", ".circleci", ".buildkite"):
        return name.endswith((".yml", ".yaml"))
    if name.endswith((".dockerignore", ".md")):
        return False
    return name in _RELEASES or any(kind.fullmatch(name) for kind in (_DOCKERFILE, _MAKEFILE, _SCRIPT, _PIPELINE))


def _text(file: Path) -> str | None:
    try:
        if file.stat().st_size > MAX_BYTES:
            return None
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


# ---- commands that are only run


def _tools(root: Path, modules: frozenset[str]) -> Iterator[Use]:
    """Yield the tool lines of go.mod: https://go.dev/ref/mod#go-mod-file-tool"""
    for folder in sorted(modules):
        path = "go.mod" if folder == "." else f"{folder}/go.mod"
        block = ""
        for number, line in enumerate((_text(root / path) or "").splitlines(), start=1):
            words = line.split("//")[0].replace("(", " ( ").replace(")", " ) ").split()
            if not words:
                continue
            if words[-1] == "(":
                block = words[0]
            elif words[0] == ")":
                block = ""
            elif "tool" in (block, words[0]):
                yield Use(
                    where=f"{path}:{number}", how=f"is a tool of {path}:{number}", import_path=words[-1].strip('"')
                )


def _generated(root: Path, packages: Iterable[Path]) -> Iterator[Use]:
    """Yield the commands in `//go:generate` lines of the packages, tests included."""
    for folder in sorted(set(packages)):
        try:
            names = sorted(name for name in os.listdir(folder) if name.endswith(".go"))  # noqa: PTH208 (a large tree)
        except OSError:
            continue
        for name in names:
            yield from _generators(root, folder / name)


def _generators(root: Path, file: Path) -> Iterator[Use]:
    try:
        content = file.read_bytes()
    except OSError:
        return
    if b"\n//go:generate" not in content and not content.startswith(b"//go:generate"):
        return
    path = os.path.relpath(file, root).replace(os.sep, "/")
    folder = os.path.dirname(path) or "."  # noqa: PTH120 (a relative path as text)
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), start=1):
        if not line.startswith("//go:generate "):
            continue
        how = f"go:generate runs it ({path}:{number})"
        words = line.removeprefix("//go:generate ")
        go_calls, _ = calls(expand(words.replace("sh -c", ";").replace('"', " "), {}), folder, [])
        for call in go_calls:
            if call.verb == "run":
                yield from scripts.used(call, f"{path}:{number}", how, certain=True)
        first = next((word for word in words.split() if not word.startswith("-")), "")
        if first not in ("go", "sh", "bash"):
            yield Use(where=f"{path}:{number}", how=how, program=os.path.basename(first))  # noqa: PTH119
