"""Ground for cache tests: small projects that share no step with any other, bare mounts, and the registry's own log."""

from __future__ import annotations

import os
import re
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gobake.engine import cache_mounts
from tests.conftest import commit


def small_project(folder: Path, name: str = "") -> Path:
    """Two commands, a package that both import and a third-party module. Its name and its sources are its own, so that
    neither its mounts nor its steps are those of another test."""
    name = name or f"t{uuid.uuid4().hex[:8]}"
    root = folder / name
    files = {
        "go.mod": "module example.com/small\n\ngo 1.26\n\nrequire github.com/google/uuid v1.6.0\n",
        "go.sum": "github.com/google/uuid v1.6.0 h1:NIvaJDMOsjHA8n1jAhLSgzrAzy1Hgr+hNrb57e+94F0=\n"
        "github.com/google/uuid v1.6.0/go.mod h1:TIyPZe4MgqvfeYDBFedMoGGpEw/LqOeaOT+nhxU+yHo=\n",
        "shared/shared.go": f"package shared\n\nconst Mark = {'mark' + uuid.uuid4().hex!r}\n".replace("'", '"'),
        "cmd/one/main.go": _MAIN,
        "cmd/two/main.go": _MAIN,
        "gobake.yaml": f"name: {name}\n",
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    commit(root)
    return root


# Docker 26 has BuildKit 0.13, where layer caches hold the compile although a seed warms the mounts (Builder.sessions_last)
SESSIONS_LAST = os.environ.get("GOBAKE_ENGINE_SUITE") != "trixie"

_MAIN = """package main

import (
	"example.com/small/shared"
	"github.com/google/uuid"
)

func main() { println(shared.Mark, uuid.NewString()) }
"""


def mark_of(root: Path) -> str:
    """The word that both commands print, out of the package that they share."""
    return (root / "shared" / "shared.go").read_text().split('"')[1]


def edit(root: Path, command: str = "one") -> None:
    """One line more in one command."""
    file = root / "cmd" / command / "main.go"
    file.write_text(f"{file.read_text()}\nfunc init() {{ println({uuid.uuid4().hex!r}) }}\n".replace("'", '"'))


def forget_mounts(prefix: str) -> None:
    """Delete the cache mounts whose ids begin so: for this project, the builder is a bare one again.

    BuildKit passes over one that it measures at this moment, and so it is told again.
    """
    for _ in range(20):
        there = [mount for mount in cache_mounts() or () if mount.id.startswith(prefix)]
        if not there:
            return
        for mount in there:
            subprocess.run(
                ["docker", "buildx", "prune", "-f", "--filter", f"id={mount.record}"], check=True, capture_output=True
            )
        time.sleep(0.1)
    raise AssertionError(f"{[mount.id for mount in there]} cannot be deleted")


def make_bare() -> None:
    """Neither build cache nor mounts nor images: what a fresh machine has."""
    subprocess.run(["docker", "buildx", "prune", "-af"], check=True, capture_output=True)
    images = subprocess.run(["docker", "images", "-q"], check=True, capture_output=True, text=True).stdout.split()
    if images:
        subprocess.run(["docker", "image", "rm", "-f", *set(images)], check=False, capture_output=True)


@dataclass(kw_only=True)
class Requests:
    """What a registry was asked for, between two moments."""

    lines: list[str]

    def of(self, repository: str, method: str = "") -> list[str]:
        return [
            f"{m[1]} {m[2]}"
            for line in self.lines
            if (m := _LINE.search(line)) and repository in m[2] and method in ("", m[1])
        ]

    def writes(self, repository: str) -> list[str]:
        return [r for r in self.of(repository) if r.split()[0] in ("PUT", "POST", "PATCH", "DELETE")]

    def blobs(self, repository: str) -> list[str]:
        return [r for r in self.of(repository, "GET") if "/blobs/" in r]

    def blob_bytes(self, repository: str) -> int:
        """Bytes of blobs that were fetched."""
        served = (_SERVED.search(line) for line in self.lines)
        return sum(int(m[2]) for m in served if m and repository in m[1])


_LINE = re.compile(r'"(GET|HEAD|PUT|POST|PATCH|DELETE) (\S+)')
_SERVED = re.compile(r'"GET (\S+/blobs/\S+) [^"]*" 20\d (\d+)')


@contextmanager
def requests() -> Iterator[Requests]:
    """The access log's lines that come while the block runs."""
    log = Path(os.environ["GOBAKE_HARNESS_ACCESS_LOG"])
    begin = log.stat().st_size
    seen = Requests(lines=[])
    yield seen
    with log.open("rb") as file:
        file.seek(begin)
        seen.lines += file.read().decode(errors="replace").splitlines()
