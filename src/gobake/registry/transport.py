"""One exchange with a registry or its token server: which redirects are allowed, and how failures are reported."""

from __future__ import annotations

import re
import time
import urllib.parse
from collections.abc import Callable, Collection
from functools import partial

from msgspec import Struct

from gobake import http
from gobake.errors import RegistryRefused
from gobake.http import Answer
from gobake.registry import certificates, patience
from gobake.text.printable import one_line

_LOOPBACK = re.compile(r"(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?")


def is_loopback(host: str) -> bool:
    """Whether a host, with or without a port, is this machine, which is accessed without TLS."""
    return bool(_LOOPBACK.fullmatch(host))


def origin(url: str) -> tuple[str, str]:
    """Return (scheme, host with port); ("", "") if the URL is invalid. Never raises."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme.lower(), parts.netloc.rpartition("@")[2].lower()


def is_private(url: str) -> bool:
    """Whether requests to it cannot be read on the way."""
    scheme, host = origin(url)
    return bool(host) and (scheme == "https" or (scheme == "http" and is_loopback(host)))


def require_private(url: str, place: str) -> None:
    """Allow a redirect only if it stays private: a manifest requested by tag has no digest to verify.

    Raises RegistryRefused.
    """
    scheme, host = origin(place)
    local = origin(url)[0] == "http"
    if scheme != "https" and not (local and is_private(place)):
        raise RegistryRefused(f"{origin(url)[1]}: it redirects to {scheme}://{host}, which is not TLS")


class Body(Struct, frozen=True, kw_only=True):
    """The body of a request."""

    data: bytes
    kind: str = ""  # media type


class Transport:
    """HTTP exchanges that together take at most ``seconds``."""

    def __init__(self, host: str, *, seconds: float, proxies: bool) -> None:
        self._host = host  # name in errors
        self._seconds = seconds
        self._client = http.Client(seconds=seconds, proxies=proxies, follow=require_private, trust=certificates.of_host)

    def send(
        self,
        method: str,
        url: str,
        *,
        largest: int,
        accept: str = "",
        authorization: str = "",
        body: Body | None = None,
        also: Collection[int] = (),
        once: bool = False,
    ) -> Answer:
        """Send a request, and again while the registry fails for a reason that passes and there is time.

        ``largest``: maximum bytes of the response. ``also``: more statuses that pass. Raises only RegistryRefused.
        ``once``: send it once, as a part of what is repeated as a whole by `patiently`; raises HttpError.
        """
        headers = {"User-Agent": "gobake", "Accept": accept, "Content-Type": body.kind if body else ""}
        request = http.Request(
            method=method,
            url=url,
            headers={name: value for name, value in headers.items() if value},
            authorization=authorization,
            data=body.data if body else None,
        )
        exchange = partial(self._client.send, request, largest=largest)
        return exchange() if once else self.patiently(exchange, largest, also)

    def patiently(self, exchange: Callable[[], Answer], largest: int, also: Collection[int] = ()) -> Answer:
        """Return the answer of an exchange that raises HttpError; see `send`. Raises only RegistryRefused."""
        before = 0
        while True:
            try:
                answer = exchange()
                seconds = patience.after_answer(answer, before, also)
                if seconds is None or seconds >= self._client.left:
                    return answer
            except http.HttpError as error:
                seconds = patience.after_error(error, before)
                if seconds is None or seconds >= self._client.left:
                    raise self._refusal(error, largest) from None
            time.sleep(seconds)
            before += 1

    def _refusal(self, error: http.HttpError, largest: int) -> RegistryRefused:
        match error:
            case http.NoAddress():
                return RegistryRefused(f"{self._host}: it names an address that is none")
            case http.Late():
                return RegistryRefused(f"{self._host} did not answer within {min(self._seconds, error.seconds):g} s")
            case http.TooLarge():
                return RegistryRefused(f"{self._host}: an answer has more than {largest >> 20} MiB")
            case http.Cut():
                return RegistryRefused(f"{self._host}: an answer ends before its end")
            case http.Untrusted():
                return certificates.refusal(error)
        return RegistryRefused(f"{self._host} cannot be reached: {one_line(str(error), 200)}")
