"""A small HTTP server for Prometheus with /metrics and /healthz only. Every scrape reads the history."""

from __future__ import annotations

import ipaddress
import re
import signal
import socket
import socketserver
import threading
from collections.abc import Callable, Iterable
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from msgspec import Struct
from prometheus_client import CollectorRegistry, make_wsgi_app

from gobake.errors import GobakeError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_LOOPBACK = "127.0.0.1"
_SILENT_SECONDS = 10.0  # after which a silent client is dropped
_WHOLE_SECONDS = 60.0  # after which a slow client is dropped too
_MOST = 32  # concurrent connections; a Prometheus uses one
_TOO_MANY = b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"


class Address(Struct, frozen=True, kw_only=True):
    """The address to listen on; port 0 is any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address(text: str) -> Address:
    """Parse [ADDR:]PORT. Raises UsageError."""
    found = re.fullmatch(r"(?:(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):)?(\d{1,5})", text)
    if not found or int(found[3]) > 65535:
        raise UsageError(
            f"--listen: invalid address {text!r}",
            remedy=f"write 9469 for {_LOOPBACK}:9469, or 0.0.0.0:9469 to be reached from elsewhere",
        )
    return Address(host=found[1] or found[2] or _LOOPBACK, port=int(found[3]))


def serve(where: Address, read: Callable[[], CollectorRegistry], say: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM. ``read`` returns the metrics, or raises GobakeError, which clients get as 503.
    Raises UsageError if the address is not available."""
    with _open(where) as server, _ended_by_signals():
        server.set_app(_app(read, where.host))
        say(f"http://{Address(host=where.host, port=server.server_port)}/metrics")
        with suppress(KeyboardInterrupt):
            server.serve_forever()


def _app(read: Callable[[], CollectorRegistry], listening: str) -> WSGIApplication:
    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not is_ours(environ.get("HTTP_HOST", ""), listening):
            return _plain(start, "421 Misdirected Request", "ask by address, or by the name after --listen")
        if environ["REQUEST_METHOD"] != "GET":
            return _plain(start, "405 Method Not Allowed", "only GET is answered", ("Allow", "GET"))
        if path == "/healthz":
            return _plain(start, "200 OK", "ok")
        if path != "/metrics":
            return _plain(start, "404 Not Found", "there are /metrics and /healthz")
        try:
            found = read()
        except GobakeError as error:
            return _plain(start, "503 Service Unavailable", str(error))
        app: WSGIApplication = make_wsgi_app(found)
        return app(environ, start)

    return answer


def is_ours(host: str, listening: str) -> bool:
    """Whether a request is meant for this server: its host is an address, the name listened on, or this machine's name.

    A web page can make its own name resolve to this server and read the answers as its own; it cannot do so with an
    address. Browsers always send a ``host``.
    """
    name = re.sub(r":\d*$", "", host.strip()).strip("[]").rstrip(".").lower()
    if name in ("", "localhost", listening.lower(), socket.gethostname().lower()):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _plain(start: StartResponse, status: str, text: str, *more: tuple[str, str]) -> Iterable[bytes]:
    start(status, [("Content-Type", "text/plain; charset=utf-8"), *more])
    return [f"{text}\n".encode("utf-8", "replace")]


class _Handler(WSGIRequestHandler):
    timeout = _SILENT_SECONDS

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing for a scrape."""

    def log_error(self, *_: Any) -> None:
        """Log nothing for an invalid request."""


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = _MOST

    def __init__(self, *words: Any) -> None:
        self._free = threading.BoundedSemaphore(_MOST)
        super().__init__(*words)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Handle a few requests on a thread each; answer 503 to others."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        with suppress(OSError):
            request.setblocking(False)
            request.send(_TOO_MANY)
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        late = threading.Timer(_WHOLE_SECONDS, _drop, (request,))
        late.daemon = True
        late.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            late.cancel()
            self._free.release()

    def server_bind(self) -> None:
        """Bind without a DNS lookup of this machine's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that closed its connection or sent an invalid request."""


def _drop(request: Any) -> None:
    """Shut a connection down, so that its thread stops waiting."""
    with suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


def _open(where: Address) -> _Server:
    try:
        found = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, name = found[0][0], str(found[0][4][0])
        kind = type("_Server", (_Server,), {"address_family": family})
        server = kind((name, where.port), _Handler)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(
            f"--listen: {where} is not available: {reason}", remedy="name another port, or 0 for any free one"
        ) from None
    assert isinstance(server, _Server)
    return server


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM, which systemd sends, end the server like Ctrl-C."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
