"""A registry on loopback that answers a while, and then fails in a way that is chosen."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

REFUSING = (
    "reset",
    "silent",
    "closes at once",
    "half a body",
    "too long a length",
    "a broken chunk",
    "garbage",
    "500",
    "503 without a body",
    "429",
)
LYING = ("too short a length", "no length that is a number", "half a header", "HTML")  # of success
WAYS = (*REFUSING, *LYING)


class FailingRegistry:
    """Speaks what gobake asks of a registry's API. ``well`` answers are good, and then all fail in ``way``."""

    def __init__(self) -> None:
        self.manifests: dict[str, bytes] = {}  # by tag and by digest
        self.blobs: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.way, self.well = "", 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._ends = threading.Event()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def stop(self) -> None:
        self._ends.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # which wakes the thread: it must be gone before the number is reused
        self._accepting.join()
        self._listener.close()

    def fails(self, way: str, *, after: int) -> None:
        self.way, self.well, self.asked = way, after, []

    def mends(self) -> None:
        self.way = ""

    def put(self, tag: str, kind: str, content: bytes) -> str:
        """An artifact of one blob; the digest of its manifest."""
        manifest = {"config": self._blob(b"{}"), "layers": [{**self._blob(content), "mediaType": kind}]}
        return self._manifest(tag, json.dumps(manifest).encode())

    @property
    def tags(self) -> list[str]:
        return sorted(name for name in self.manifests if ":" not in name)

    # ---- within

    def _blob(self, content: bytes) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blobs[digest] = content
        return {"digest": digest, "size": len(content), "mediaType": "application/octet-stream"}

    def _manifest(self, tag: str, body: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self.manifests[tag] = self.manifests[digest] = body
        return digest

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), client, client.makefile("rb") as reading:
            words = reading.readline().decode("latin-1").split()
            headers = {}
            while line := reading.readline().strip():
                name, _, value = line.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            body = reading.read(int(headers.get("content-length") or 0))
            with self._lock:
                self.asked.append(f"{words[0]} {words[1]}")
                failing = self.way if self.way and len(self.asked) > self.well else ""
            if failing:
                self._fail(client, failing)
            else:
                client.sendall(b"".join(self._answer(words[0], words[1], body)))

    def _answer(self, method: str, path: str, body: bytes) -> Iterator[bytes]:
        status, answer, more = self._found(method, path, body)
        yield f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len(answer)}\r\n{more}\r\n".encode() + answer

    def _found(self, method: str, path: str, body: bytes) -> tuple[str, bytes, str]:
        rest = re.sub(r"^/v2/[a-z0-9/-]+?/(?=tags|manifests|blobs)", "", path).partition("?")
        kind, _, name = rest[0].partition("/")
        if kind == "tags":
            return "200 OK", json.dumps({"tags": self.tags}).encode(), ""
        if method == "POST":
            return "202 Accepted", b"", f"Location: {path}1\r\n"
        if method == "PUT" and kind == "blobs":
            self._blob(body)
            return "201 Created", b"", ""
        if method == "PUT":
            self._manifest(name, body)
            return "201 Created", b"", ""
        if method == "DELETE":
            gone = self.manifests.get(name)
            self.manifests = {known: text for known, text in self.manifests.items() if text != gone}
            return "202 Accepted" if gone else "404 Not Found", b"", ""
        found = (self.manifests if kind == "manifests" else self.blobs).get(name)
        return ("404 Not Found", b"{}", "") if found is None else ("200 OK", found, "")

    def _fail(self, client: socket.socket, way: str) -> None:
        def head(status: str, *more: str) -> bytes:
            return "\r\n".join((f"HTTP/1.1 {status}", "Connection: close", *more, "", "")).encode()

        match way:
            case "half a body":
                client.sendall(head("200 OK", "Content-Length: 1000") + b'{"tags": ["seed-')
            case "reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            case "silent":
                self._ends.wait(30)
            case "500":
                client.sendall(head("500 Internal Server Error", "Content-Length: 5") + b"oops\n")
            case "503 without a body":
                client.sendall(head("503 Service Unavailable"))
            case "429":
                client.sendall(head("429 Too Many Requests", "Retry-After: 3600", "Content-Length: 2") + b"{}")
            case "too short a length":
                client.sendall(head("200 OK", "Content-Length: 3") + b'{"tags": []}')
            case "too long a length":
                client.sendall(head("200 OK", "Content-Length: 99999999") + b'{"tags": []}')
            case "no length that is a number":
                client.sendall(head("200 OK", "Content-Length: many") + b'{"tags": ["')
            case "garbage":
                client.sendall(bytes(range(256)) * 4)
            case "half a header":
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
            case "a broken chunk":
                client.sendall(head("200 OK", "Transfer-Encoding: chunked") + b'ff\r\n{"tags": [\r\nzz\r\n')
            case "HTML":
                client.sendall(head("200 OK", "Content-Length: 25") + b"<html>Log in, please</ht>")
            case _:
                return  # it closes at once
