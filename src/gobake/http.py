"""The only access to other machines over HTTP; each exchange is limited in time and size, whatever the server does.

Only http and https are allowed. TLS is verified as Python does by default; the caller may know more authorities of a
host. A redirect is followed only if the caller permits it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from gobake.proc import futures

if TYPE_CHECKING:
    import socket
    import ssl
    import urllib.request

SILENT_SECONDS = 10.0  # without receiving a byte
_LARGEST_HEAD = 1 << 16  # bytes of an answer before its body
_Got = TypeVar("_Got")


@dataclass(frozen=True, kw_only=True)
class Request:
    """An HTTP request."""

    method: str = "GET"
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    authorization: str = field(default="", repr=False)  # a header that is not sent to redirects
    data: bytes | None = None


class Answer(Struct, frozen=True, kw_only=True):
    """An HTTP response, whatever its status."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes


class HttpError(Exception):
    """There is no response."""


class NoAddress(HttpError):
    """The URL is invalid."""


class NotReached(HttpError):
    """The server does not listen, does not speak HTTP, or hangs up; with the reason."""


class Unconnected(NotReached):
    """Nobody listens there, or the name is not known."""


class HungUp(NotReached):
    """The connection was lost."""


class Untrusted(NotReached):
    """The certificate of ``host`` was refused; ``code`` is OpenSSL's, X509_V_ERR_*."""

    def __init__(self, host: str, reason: str, code: int) -> None:
        super().__init__(reason)
        self.host = host
        self.code = code


class Late(HttpError):
    """The server did not respond in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer within {seconds:g} s")
        self.seconds = seconds


class TooLarge(HttpError):
    """The response exceeds the limit; ``begin`` is the part within it."""

    def __init__(self, begin: Answer) -> None:
        super().__init__("the answer is too large")
        self.begin = begin


class Cut(HttpError):
    """The response is truncated; the received part may look like a complete document."""


class Client:
    """An HTTP client whose exchanges together take at most ``seconds``.

    ``proxies``: whether to use those of the environment. ``follow`` gets the addresses from and to which a redirect
    leads, and raises if it must not be followed. Without ``follow``, a redirect is returned as the response. ``trust``
    gets a host with its port, and returns how to verify it; None is Python's default.
    """

    def __init__(
        self,
        *,
        seconds: float,
        proxies: bool = True,
        follow: Callable[[str, str], None] | None = None,
        trust: Callable[[str], ssl.SSLContext | None] | None = None,
    ) -> None:
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._opener = _opener(proxies, follow, trust)

    @property
    def left(self) -> float:
        """Seconds for further exchanges."""
        return self._until - time.monotonic()

    def send(self, request: Request, *, largest: int) -> Answer:
        """Send a request. ``largest``: maximum bytes of the body. Raises HttpError, and what `follow` raises."""
        import urllib.request

        try:
            asked = urllib.request.Request(
                request.url, method=request.method, data=request.data, headers=dict(request.headers)
            )
        except ValueError as error:
            raise NoAddress(str(error)) from None
        if request.authorization:
            asked.add_unredirected_header("Authorization", request.authorization)
        return _within(self._until - time.monotonic(), self._seconds, lambda: self._exchange(asked, largest))

    def _exchange(self, asked: urllib.request.Request, largest: int) -> Answer:
        import urllib.error

        left = max(0.001, self._until - time.monotonic())
        try:
            reply = self._opener.open(asked, timeout=min(left, SILENT_SECONDS))
        except urllib.error.HTTPError as error:  # a status like any other
            reply = error
        return _answer(reply, largest, self._until)


def get(plug: socket.socket, path: str, *, seconds: float, largest: int) -> Answer:
    """Send one GET over an existing connection, such as a Unix socket. Raises HttpError."""
    return send(plug, "GET", path, seconds=seconds, largest=largest)


def send(
    plug: socket.socket, method: str, path: str, *, seconds: float, largest: int, document: bytes | None = None
) -> Answer:
    """Send one request over an existing connection, with a JSON document if there is one. Raises HttpError.

    It uses HTTP/1.0, where the response ends with the connection. Several are sent before each build, and importing
    `http.client` would take longer than all of them.
    """
    until = time.monotonic() + seconds
    plug.settimeout(seconds)
    body = b"" if document is None else document
    head = "" if document is None else f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"

    def exchange() -> Answer:
        plug.sendall(f"{method} {path} HTTP/1.0\r\nHost: localhost\r\n{head}\r\n".encode() + body)
        return _parsed(_gathered(plug.recv, largest + _LARGEST_HEAD, until), largest)

    return _within(seconds, seconds, exchange)


def _parsed(message: bytes, largest: int) -> Answer:
    """Parse an HTTP/1.0 response (RFC 1945). Raises TooLarge, Cut and NotReached."""
    head, separator, body = message.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    version, _, code = status.partition(" ")
    if not separator or not version.startswith("HTTP/") or not code[:3].isdecimal():
        raise NotReached("it does not speak HTTP")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    answer = Answer(status=int(code[:3]), headers=headers, body=body[:largest])
    if len(body) > largest:
        raise TooLarge(answer)
    length = headers.get("content-length", "")
    if length.isdecimal() and len(body) < int(length):
        raise Cut("the answer ends before its end")
    return answer


def _within(left: float, seconds: float, exchange: Callable[[], _Got]) -> _Got:
    """Run it in a thread: name resolution and slowly arriving headers have no timeout of their own."""
    if left <= 0:
        raise Late(seconds)
    asked = futures.start(lambda: _plainly(exchange))
    if not wait([asked], left).done:
        raise Late(seconds)
    return asked.result()


def _plainly(exchange: Callable[[], _Got]) -> _Got:
    """Convert errors of sockets, TLS, HTTP and urllib to HttpError."""
    try:
        return exchange()
    except HttpError:
        raise
    except (OSError, ValueError) as error:
        raise _error_of(error) from None
    except Exception as error:
        import http.client

        if not isinstance(error, http.client.HTTPException):
            raise
        raise _error_of(error) from None


def _error_of(error: Exception) -> HttpError:
    import socket
    import ssl

    reason: Any = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return Late(SILENT_SECONDS)
    kind = NotReached
    if isinstance(reason, (ConnectionRefusedError, socket.gaierror)):
        kind = Unconnected
    elif isinstance(reason, (ConnectionError, ssl.SSLEOFError)):
        kind = HungUp
    return kind(str(getattr(reason, "strerror", None) or reason or type(reason).__name__))


def _gathered(read: Callable[[int], bytes], largest: int, until: float) -> bytes:
    """Read in pieces, so that a slow sender cannot exceed the time limit; it ends after ``largest``. Raises Late."""
    gathered = bytearray()
    while len(gathered) <= largest and (piece := read(1 << 16)):
        gathered += piece
        if time.monotonic() > until:
            raise Late(SILENT_SECONDS)
    return bytes(gathered)


def _answer(reply: Any, largest: int, until: float) -> Answer:
    with reply:
        headers = {str(key).lower(): str(value) for key, value in reply.headers.items()}
        body = _gathered(reply.read1, largest, until)
        if len(body) > largest:
            raise TooLarge(Answer(status=reply.status or 0, headers=headers, body=body[:largest]))
        if getattr(reply, "length", None):
            raise Cut("the answer ends before its end")
        return Answer(status=reply.status or 0, headers=headers, body=body)


def _opener(
    proxies: bool,
    follow: Callable[[str, str], None] | None,
    trust: Callable[[str], ssl.SSLContext | None] | None,
) -> urllib.request.OpenerDirector:
    """Make an opener without Python's handlers for files, FTP and data: addresses."""
    import http.client
    import urllib.error
    from urllib import request

    class Https(request.HTTPSHandler):
        def https_open(self, req: Any) -> Any:
            host = getattr(req, "_tunnel_host", None) or req.host  # behind a proxy, or not
            context = trust(host) if trust else None  # by host: a redirect may lead to another
            try:
                return self.do_open(http.client.HTTPSConnection, req, context=context)
            except urllib.error.URLError as error:
                reason: Any = error.reason
                if hasattr(reason, "verify_code"):  # ssl.SSLCertVerificationError
                    raise Untrusted(host, reason.verify_message, reason.verify_code) from None
                raise

    class Redirects(request.HTTPRedirectHandler):
        def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
            if follow is None:
                return None
            try:
                return super().http_error_302(req, fp, code, msg, headers)
            except ValueError:  # the redirect's target is not a valid address
                fp.close()
                raise

        http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
            assert follow is not None
            fp.close()  # its body is not needed and may be endless
            follow(req.full_url, newurl)
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(None if proxies else {}),
        request.UnknownHandler(),
        request.HTTPHandler(),
        Https(),
        request.HTTPDefaultErrorHandler(),
        request.HTTPErrorProcessor(),
        Redirects(),
    ):
        opener.add_handler(handler)
    return opener
