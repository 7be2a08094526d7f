"""One exchange with a registry or its token server: where it may lead, and what is said where there is no answer."""

from __future__ import annotations

import re
import urllib.parse

from msgspec import Struct

from gobake import http
from gobake.errors import RegistryRefused
from gobake.http import Answer
from gobake.text.printable import one_line

_LOOPBACK = re.compile(r"(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?")


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


def require_private(url: str, place: str) -> None:
    """A redirect is followed as long as the way stays private: a manifest that is asked for by its tag has no digest to
    check. Raises RegistryRefused."""
    scheme, host = origin(place)
    local = origin(url)[0] == "http"
    if scheme != "https" and not (local and is_private(place)):
        raise RegistryRefused(f"{origin(url)[1]}: it redirects to {scheme}://{host}, which is not TLS")


class Body(Struct, frozen=True, kw_only=True):
    """What is sent."""

    data: bytes
    kind: str = ""  # media type


class Transport:
    """All exchanges together take ``seconds`` at most."""

    def __init__(self, host: str, *, seconds: float, proxies: bool) -> None:
        self._host = host  # as errors name it
        self._seconds = seconds
        self._client = http.Client(seconds=seconds, proxies=proxies, follow=require_private)

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
        """Raises RegistryRefused, and no other error. ``largest``: bytes of the answer."""
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
        except http.NotReached as error:
            raise RegistryRefused(f"{self._host} cannot be reached: {one_line(str(error), 200)}") from None
