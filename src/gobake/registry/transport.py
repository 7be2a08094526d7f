"""One exchange with a registry or its token server: bounded in time and size, whatever the other side does."""

from __future__ import annotations

import http.client
import re
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from concurrent.futures import wait
from dataclasses import dataclass
from typing import Any

from gobake.errors import RegistryRefused
from gobake.proc import futures
from gobake.text.printable import one_line

_SILENT_SECONDS = 10.0
_LOOPBACK = re.compile(r"(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What was answered, whatever its status."""

    status: int
    headers: Mapping[str, str]  # by name in lower case
    body: bytes


def is_loopback(host: str) -> bool:
    """Whether a host, with a port or without, is this machine: the one that is spoken to without TLS."""
    return bool(_LOOPBACK.fullmatch(host))


def origin(url: str) -> tuple[str, str]:
    """(scheme, host with port), "" for what is none. Never raises."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme.lower(), parts.netloc.rpartition("@")[2].lower()


def is_private(url: str) -> bool:
    """Whether nobody on the way can read what is sent there."""
    scheme, host = origin(url)
    return bool(host) and (scheme == "https" or (scheme == "http" and is_loopback(host)))


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Followed as long as the way stays private: a manifest that is asked for by its tag has no digest to check."""

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except ValueError:  # what it leads to is no address
            fp.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        fp.close()  # its body is of no use, and may have no end
        scheme, host = origin(newurl)
        local = origin(req.full_url)[0] == "http"
        if scheme != "https" and not (local and is_private(newurl)):
            raise RegistryRefused(f"{origin(req.full_url)[1]}: it redirects to {scheme}://{host}, which is not TLS")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Transport:
    """All exchanges together take ``seconds`` at most."""

    def __init__(self, host: str, *, seconds: float, proxies: bool) -> None:
        self._host = host  # as errors name it
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        direct = [] if proxies else [urllib.request.ProxyHandler({})]
        self._opener = urllib.request.build_opener(_Redirects, *direct)

    def send(
        self,
        method: str,
        url: str,
        *,
        largest: int,
        accept: str = "",
        authorization: str = "",
        data: bytes | None = None,
        kind: str = "",
    ) -> Answer:
        """Raises RegistryRefused, and no other error. ``largest``: bytes of the answer."""
        headers = {"User-Agent": "gobake", "Accept": accept, "Content-Type": kind}
        try:
            given = {name: value for name, value in headers.items() if value}
            request = urllib.request.Request(url, method=method, data=data, headers=given)
        except ValueError:
            raise RegistryRefused(f"{self._host}: it names an address that is none") from None
        if authorization:
            request.add_unredirected_header("Authorization", authorization)
        left = self._left()
        # in a thread: names that are resolved and headers that trickle know no time limit
        exchange = futures.start(lambda: self._exchanged(request, largest))
        if not wait([exchange], left).done:
            raise self._late(self._seconds)
        return exchange.result()

    def _exchanged(self, request: urllib.request.Request, largest: int) -> Answer:
        try:
            try:
                reply = self._opener.open(request, timeout=min(self._left(), _SILENT_SECONDS))
            except urllib.error.HTTPError as error:
                reply = error
            with reply:
                headers = {str(key).lower(): str(value) for key, value in reply.headers.items()}
                return Answer(status=reply.status or 0, headers=headers, body=self._body(reply, largest))
        except TimeoutError:
            raise self._late(_SILENT_SECONDS) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, TimeoutError):
                raise self._late(_SILENT_SECONDS) from None
            said = reason.verify_message if isinstance(reason, ssl.SSLCertVerificationError) else _plain(reason)
            raise RegistryRefused(f"{self._host} cannot be reached: {one_line(said, 200)}") from None

    def _body(self, reply: Any, largest: int) -> bytes:
        """In pieces: a registry that trickles must not be waited for."""
        gathered = bytearray()
        while piece := reply.read1(1 << 16):
            gathered += piece
            if len(gathered) > largest:
                raise RegistryRefused(f"{self._host}: an answer has more than {largest >> 20} MiB")
            self._left()
        if getattr(reply, "length", None):  # what came may well be a document of its own: a list of no tags
            raise RegistryRefused(f"{self._host}: an answer ends before its end")
        return bytes(gathered)

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise self._late(self._seconds)
        return left

    def _late(self, seconds: float) -> RegistryRefused:
        return RegistryRefused(f"{self._host} did not answer within {min(self._seconds, seconds):g} s")


def _plain(reason: Any) -> str:
    return str(getattr(reason, "strerror", None) or reason or type(reason).__name__)
