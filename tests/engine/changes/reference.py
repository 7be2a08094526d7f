"""What `go build` makes of a fresh clone, with the very toolchain of the golang image and nothing cached of the project.

The Go build cache of each reference build is a copy of one that holds the standard library alone. Go's keys of those
packages are made from the toolchain, the settings and the files below GOROOT, none of which a project can change, so
such a cache gives what an empty one gives; it saves compiling the runtime for each build.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from json import loads
from pathlib import Path

from tests.engine.changes.checkouts import git
from tests.engine.conftest import docker

# As gobake compiles where nothing is configured (docs/internals.md).
FLAGS = ("-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false", "-ldflags=-s -w")
_PATH = re.compile(rb"path\t(\S+)\n")  # in a program's build information: the import path of its main package


@dataclass(frozen=True, kw_only=True)
class Built:
    """Programs by the import path of their main package, as digests; or why there are none."""

    programs: dict[str, str]
    failure: str = ""


class Reference:
    """Builds of fresh clones."""

    def __init__(self, folder: Path, levels: tuple[str, ...]) -> None:
        """Takes the toolchain out of the image, and compiles the standard library for each GOAMD64."""
        self._folder = folder
        self._count = 0
        name = docker("create", "golang:1.26", "go")
        try:
            docker("cp", f"{name}:/usr/local/go", str(folder / "go"))
        finally:
            docker("rm", name)
        for compiler in folder.glob("go/pkg/tool/*/compile.real"):  # not what the stand-in keeps of its work
            compiler.replace(compiler.with_name("compile"))
        warm = folder / "warm"
        warm.mkdir()
        (warm / "go.mod").write_text("module example.com/warm\n\ngo 1.26\n")
        (warm / "main.go").write_text('package main\n\nimport _ "embed"\n\nfunc main() { println() }\n')
        for level in levels:
            done = self._go(warm, folder / "standard", level, "build", *FLAGS, "-o", os.devnull, ".")
            assert done.returncode == 0, done.stderr

    def build(self, root: Path, level: str, tagged: bool) -> Built:
        """Clone what is committed there, and compile each of its commands."""
        self._count += 1
        place = self._folder / f"clone-{self._count}"
        clone, cache, out = place / "clone", place / "cache", place / "out"
        git(self._folder, "clone", "-q", str(root), str(clone))
        shutil.copytree(self._folder / "standard", cache, copy_function=os.link)  # no build writes into what is there
        tags = ("-tags=beta",) if tagged else ()
        form = '{{if eq .Name "main"}}{{.ImportPath}}{{end}}'
        listed = self._go(clone, cache, level, "list", "-e", *tags, "-f", form, "./...", "./lib/...")
        programs = {}
        try:
            for path in listed.stdout.split():
                done = self._go(clone, cache, level, "build", *FLAGS, *tags, "-o", str(out), path)
                if done.returncode:
                    return Built(programs={}, failure=done.stderr)
                programs[path] = sha256(out.read_bytes()).hexdigest()
        finally:
            shutil.rmtree(place)
        return Built(programs=programs, failure="" if programs else listed.stderr or "no command")

    def _go(self, folder: Path, cache: Path, level: str, *words: str) -> subprocess.CompletedProcess[str]:
        settings = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "PWD": str(folder),
            "GOCACHE": str(cache),
            "GOAMD64": level,
            "GOENV": "off",
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
            "GOOS": "linux",
            "GOARCH": "amd64",
            "CGO_ENABLED": "0",
        }
        return subprocess.run(
            [str(self._folder / "go/bin/go"), *words],
            cwd=folder,
            env=settings,
            capture_output=True,
            text=True,
            check=False,
        )


def programs_in(tag: str) -> dict[str, str]:
    """The programs in all images of a tag, as digests by import path."""
    images = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference=*:{tag}").split()
    saved = subprocess.run(["docker", "save", *images], capture_output=True, check=True).stdout
    found = {}
    with tarfile.open(fileobj=BytesIO(saved)) as archive:
        for image in loads(_member(archive, "manifest.json")):
            for layer in image["Layers"]:
                for program in _programs(_member(archive, layer)):
                    match = _PATH.search(program)
                    assert match, f"{image['RepoTags']} holds a program without build information"
                    found[match[1].decode()] = sha256(program).hexdigest()
    return found


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    opened = archive.extractfile(name)
    assert opened is not None
    return opened.read()


def _programs(layer: bytes) -> list[bytes]:
    with tarfile.open(fileobj=BytesIO(layer)) as files:
        return [
            opened.read()
            for member in files
            if member.name.lstrip("./").startswith("usr/local/bin/") and (opened := files.extractfile(member))
        ]
