"""A caching Go module proxy for an engine, in front of those of GOPROXY; it retries dead connections.

The go command waits for a dead connection as long as the kernel does, a quarter of an hour, and tests often begin with
empty caches. Protocol: https://go.dev/ref/mod#goproxy-protocol
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PATIENCE = 20.0  # seconds without a byte
TRIES = 4
_NAMES = re.compile(r"/[A-Za-z0-9!._~@+/-]+")
_NEVER_CHANGES = re.compile(r"/.+/@v/v\d+\.\d+\.\d+[^/]*\.(info|mod|zip)")


def upstreams(goproxy: str) -> tuple[str, ...]:
    """Return the leading proxies of a GOPROXY that this one can use, which are those without a password."""
    proxies: list[str] = []
    for entry in re.split(r"[,|]", goproxy):
        if not re.match(r"https?://[^@]+$", entry.strip()):
            break
        proxies.append(entry.strip().rstrip("/"))
    return tuple(proxies)


def goproxy() -> str:
    """Return GOPROXY of this machine's go command, or of the environment without one."""
    go = shutil.which("go")
    if not go:
        return os.environ.get("GOPROXY", "")
    done = subprocess.run([go, "env", "GOPROXY"], capture_output=True, text=True, check=False, cwd="/")
    return done.stdout.strip() if done.returncode == 0 else os.environ.get("GOPROXY", "")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer to a client."""

    status: int
    body: bytes = b""
    file: Path | None = None


class Store:
    """Cached files of modules, by the path of their address."""

    def __init__(self, folder: Path, sources: tuple[str, ...], patience: float = PATIENCE) -> None:
        self._folder = folder
        self._sources = sources
        self._patience = patience

    def get(self, path: str) -> Answer:
        """Return the answer of the first source that has the file, or that of the last source."""
        if not _NAMES.fullmatch(path) or ".." in path:
            return Answer(status=400)
        kept = self._folder / path.lstrip("/")
        if kept.is_file():
            return Answer(status=200, file=kept)
        answer = Answer(status=404)
        for source in self._sources:
            answer = self._asked(source + path)
            if answer.status == 200:
                break
        if answer.status == 200 and _NEVER_CHANGES.fullmatch(path):
            self._keep(kept, answer.body)
        return answer

    def _asked(self, address: str) -> Answer:
        problem = ""
        for _ in range(TRIES):
            try:
                with urllib.request.urlopen(address, timeout=self._patience) as response:
                    return Answer(status=200, body=response.read())
            except urllib.error.HTTPError as error:
                with error:
                    if error.code < 500:
                        return Answer(status=error.code, body=error.read())
                    problem = str(error)
            except (OSError, http.client.HTTPException) as error:
                problem = str(error)
        return Answer(status=502, body=f"{problem}, {TRIES} times".encode())

    def _keep(self, place: Path, body: bytes) -> None:
        """Write a file atomically. Errors, such as a full disk, are ignored."""
        with contextlib.suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as part:
                part.write(body)
            Path(part.name).replace(place)


def server(address: tuple[str, int], store: Store) -> ThreadingHTTPServer:
    """Return a server, which is not yet running."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer = store.get(self.path)
            body = answer.file.read_bytes() if answer.file else answer.body
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):  # the client may have gone
                self.wfile.write(body)

        def log_message(self, format: str, *words: object) -> None:  # noqa: A002
            pass

    return ThreadingHTTPServer(address, Handler)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="cache folder")
    parser.add_argument("--instance", required=True, help="the instance's folder, for finding stray processes")
    parser.add_argument("source", nargs="+")
    options = parser.parse_args()
    server((options.host, options.port), Store(options.folder, tuple(options.source))).serve_forever()
