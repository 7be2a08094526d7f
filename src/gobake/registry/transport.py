"""One exchange with a registry or its token server: which redirects are allowed, and how failures are reported."""

from __future__ import annotations

import re
import urllib.parse

from msgspec import Struct

from gobake import http
from gobake.errors import RegistryRefused
from gobake.http import Answer
from gobake.registry import certificates
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
    ) -> Answer:
        """Send a request. ``largest``: maximum bytes of the response. Raises only RegistryRefused."""
        headers = {"User-Agent": "gobake", "Accept": accept, "Content-Type": body.kind if body else ""}
        request = http.Request(
            method=method,
            url=url,
            headers={name: value for name, value in headers.items() if value},
            authorization=authorization,
            data=body.data if body else None,
        )
        try:
            return self._client.send(request, largest=largest)
        except http.NoAddress:
            raise RegistryRefused(f"{self._host}: it names an address that is none") from None
        except http.Late as late:
            seconds = min(self._seconds, late.seconds)
            raise RegistryRefused(f"{self._host} did not answer within {seconds:g} s") from None
        except http.TooLarge:
            raise RegistryRefused(f"{self._host}: an answer has more than {largest >> 20} MiB") from None
        except http.Cut:
            raise RegistryRefused(f"{self._host}: an answer ends before its end") from None
        except http.Untrusted as error:
            raise certificates.refusal(error) from None
        except http.NotReached as error:
            raise RegistryRefused(f"{self._host} cannot be reached: {one_line(str(error), 200)}") from None
