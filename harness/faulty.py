"""A registry on loopback that fails as it is told to, in front of one that works."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_SECONDS = 60.0
_HELLO = b"\x16"  # the first byte of TLS
_NOT_CARRIED = ("transfer-encoding", "connection", "content-length", "date", "server")
_CODES = {404: ("BLOB_UNKNOWN", "blob unknown to registry"), 429: ("TOOMANYREQUESTS", "too many requests")}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to requests, a number of times."""

    kind: str  # a status, or reset
    method: str = "PUT"
    path: str = "/manifests/"  # a part of it, as a regular expression
    times: int = 1
    retry_after: str = ""
    skip: int = 0  # requests of that kind that pass before it happens


@dataclass(kw_only=True)
class _Pending:
    fault: Fault
    skip: int
    times: int


class FaultyRegistry:
    """Carries requests to the registry at a port, except those that a fault meets."""

    def __init__(self, port: int) -> None:
        self._lock = threading.Lock()
        self._faults: list[_Pending] = []
        self.met: list[str] = []  # kinds of the faults that happened
        outer = self

        class Handler(_Handler):
            to = port

            def fault(self, method: str, path: str) -> Fault | None:
                return outer._next(method, path)

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that has gone."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.place = f"localhost:{self._server.server_address[1]}"

    def inject(self, *faults: Fault) -> None:
        """From now on these happen, each as often as it says, in their order where several meet a request."""
        with self._lock:
            self._faults = [_Pending(fault=fault, skip=fault.skip, times=fault.times) for fault in faults]

    @property
    def left(self) -> int:
        """How many faults have not happened yet."""
        return sum(one.times for one in self._faults)

    def _next(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for one in self._faults:
                if not one.times or one.fault.method != method or not re.search(one.fault.path, path):
                    continue
                if one.skip:
                    one.skip -= 1
                    continue
                one.times -= 1
                self.met.append(one.fault.kind)
                return one.fault
        return None

    @contextlib.contextmanager
    def running(self) -> Iterator[FaultyRegistry]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    to: int

    def handle_one_request(self) -> None:
        if self.rfile.peek(1)[:1] == _HELLO:  # type: ignore[attr-defined]  # a buffered reader
            self.wfile.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")  # by which Docker knows a registry without TLS
            self.close_connection = True
            return
        super().handle_one_request()

    def _carry(self) -> None:
        fault = self.fault(self.command, self.path)
        if fault and fault.kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        body = self._body()
        if fault:
            self._fail(fault)
        else:
            self._pass_on(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _carry  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _fail(self, fault: Fault) -> None:
        status = int(fault.kind)
        code, message = _CODES.get(status, ("UNAVAILABLE", "try again"))
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.send_response(status)
        if fault.retry_after:
            self.send_header("Retry-After", fault.retry_after)
        self.send_header("Content-Type", "application/json")
        self._end(body, str(len(body)))

    def _pass_on(self, body: bytes) -> None:
        headers = {name: text for name, text in self.headers.items() if name.lower() not in _NOT_CARRIED}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.to, timeout=_SECONDS)) as registry:
            registry.request(self.command, self.path, body=body, headers={**headers, "Content-Length": str(len(body))})
            answer = registry.getresponse()
            data = answer.read()
        self.send_response(answer.status)
        for name, text in answer.getheaders():
            if name.lower() not in _NOT_CARRIED:
                self.send_header(name, text)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self._end(data, length or str(len(data)))

    def _end(self, body: bytes, length: str) -> None:
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def fault(self, method: str, path: str) -> Fault | None:
        raise NotImplementedError

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return
