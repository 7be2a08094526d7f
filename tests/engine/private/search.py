"""Looking for secrets in everything that a build leaves behind, opened as far as it can be opened."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import os
import sqlite3
import subprocess
import tarfile
import time
import urllib.parse
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import zstandard

from tests.conftest import Ended
from tests.engine.conftest import docker
from tests.engine.private.machine import Machine


@dataclass(kw_only=True)
class Search:
    """Looks for byte strings in everything that a build leaves, opened as far as it can be opened."""

    needles: Mapping[str, bytes]  # name -> what is looked for
    found: list[str] = field(default_factory=list)  # `name in place`
    places: int = 0  # how many were looked into
    size: int = 0  # and how many bytes

    @classmethod
    def of(cls, secrets: Mapping[str, str]) -> Search:
        """Each secret as it is, percent-encoded and in base64."""
        forms: dict[str, bytes] = {}
        for name, value in secrets.items():
            forms[name] = value.encode()
            forms[f"{name}, percent-encoded"] = urllib.parse.quote(value, safe="").encode()
            forms[f"{name}, base64"] = base64.b64encode(value.encode()).rstrip(b"=")
        return cls(needles=forms)

    def data(self, place: str, data: bytes) -> None:
        self.places += 1
        self.size += len(data)
        self.found += [f"{name} in {place}" for name, needle in self.needles.items() if needle in data]
        for opened, inner in _opened(data):
            self.data(f"{place}/{opened}", inner)

    def folder(self, folder: Path) -> None:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.is_symlink():
                self.data(str(file), file.read_bytes())
                if file.name == "cache.db":
                    self._database(file)
            self.data(f"the name {file}", str(file).encode())

    def _database(self, file: Path) -> None:
        """The rows of a diskcache, whose JSON is compressed."""
        with contextlib.closing(sqlite3.connect(file)) as database:
            for key, value in database.execute("select key, value from Cache"):
                for column in (key, value):
                    self.data(f"{file} {key!r}", zlib.decompress(column) if isinstance(column, bytes) else b"")

    def image(self, image: str) -> None:
        """All that `docker save` gives: layers, configuration, manifests; and the history as docker shows it."""
        done = subprocess.run(["docker", "save", image], capture_output=True, check=True)
        self.data(image, done.stdout)
        self.data(f"history of {image}", docker("history", "--no-trunc", "--format", "json", image).encode())
        self.data(f"inspect of {image}", docker("image", "inspect", image).encode())

    def mount(self, mount: str, folder: Path) -> None:
        """A cache mount of the builder, brought out by a build."""
        into = folder / f"mount-{mount}"
        dockerfile = f"FROM golang:1.26 AS look\nARG AGAIN\nRUN --mount=type=cache,id={mount},target=/m tar -cf /m.tar -C /m .\nFROM scratch\nCOPY --from=look /m.tar /\n"
        file = folder / f"{mount}.Dockerfile"
        file.write_text(dockerfile)
        again = f"AGAIN={time.time_ns()}"
        docker("buildx", "build", "-q", "--build-arg", again, "-f", str(file), "-o", str(into), str(_empty(folder)))
        before = self.places
        self.data(f"mount {mount}", (into / "m.tar").read_bytes())
        assert self.places > before + 1, f"mount {mount} is empty"


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir(exist_ok=True)
    return folder / "empty"


def _opened(data: bytes) -> Sequence[tuple[str, bytes]]:
    """What is in an archive, a compressed file or a line of events; images are tar in gzip or zstd in tar.

    Go's own sources hold archives that are broken on purpose: those are searched as they are.
    """
    with contextlib.suppress(gzip.BadGzipFile, tarfile.TarError, EOFError, zlib.error, zstandard.ZstdError):
        if data[:2] == b"\x1f\x8b":
            return [("gunzipped", gzip.decompress(data))]
        if data[:4] == b"\x28\xb5\x2f\xfd":  # the engine keeps a layer as the first build of it wrote it
            with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True) as stream:
                return [("decompressed", stream.read())]
        if data[257:262] == b"ustar":
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                return [(m.name, opened.read()) for m in tar if m.isfile() and (opened := tar.extractfile(m))]
    found = []
    for line in data.splitlines() if data[:1] == b"{" and b'"logs"' in data else ():
        with contextlib.suppress(ValueError):
            for log in json.loads(line).get("logs") or ():
                found.append(("log", base64.b64decode(log["data"])))
    return found


def looked_into(machine: Machine, root: Path, images: list[str], secrets: Mapping[str, str], *ended: Ended) -> Search:
    """Search all that builds of a project leave behind."""
    search = Search.of(secrets)
    for number, end in enumerate(ended):
        search.data(f"output {number}", f"{end.out}\n{end.err}".encode())
    for image in images:
        search.image(image)
    search.folder(root)
    search.folder(machine.home / "cache")
    search.folder(machine.home / "data")
    search.folder(Path(os.environ["BUILDX_CONFIG"]))
    state = Path(os.environ["GOBAKE_HARNESS_STATE"])
    for log in state.glob("*.log"):
        search.data(str(log), log.read_bytes())
    databases = sorted((state / "data/buildkit").glob("*.db"))
    assert databases, "BuildKit's own records of builds are not where they were"
    for database in databases:
        search.data(str(database), database.read_bytes())
    return search
