"""Pushes one run's metrics to a Prometheus push gateway. Each project and branch is a separate group there.

A push replaces only its own group, so a pull request's run never hides main's.
"""

from __future__ import annotations

import base64
import re
import urllib.parse

from gobake import http
from gobake.errors import RegistryRefused, UsageError
from gobake.text.printable import one_line, printable

_SECONDS = 15.0
_LARGEST = 400  # bytes of an answer, which is shown if it is an error
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")


def push(url: str, text: str, *, project: str, branch: str) -> None:
    """Push metrics in Prometheus' text format. Raises UsageError for an invalid address, RegistryRefused if the gateway
    does not accept them."""
    base, authorization, local = _address(url)
    place = f"{base}/metrics/job/gobake{_segment('project', project)}{_segment('branch', branch)}"
    request = http.Request(
        method="PUT",
        url=place,
        headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8", "User-Agent": "gobake"},
        authorization=authorization,
        data=text.encode(),
    )
    try:
        answer = http.Client(seconds=_SECONDS, proxies=not local).send(request, largest=_LARGEST)
    except http.TooLarge as error:
        answer = error.begin
    except http.Late:
        raise RegistryRefused(f"{base}: the push gateway did not answer within {_SECONDS:g} s") from None
    except http.HttpError as error:
        raise RegistryRefused(
            f"{base}: the push gateway cannot be reached: {one_line(str(error), 200)}", remedy="check --push"
        ) from None
    if not 200 <= answer.status < 300:
        reason = one_line(answer.body.decode(errors="replace"), 200)
        raise RegistryRefused(
            f"{base}: the push gateway answered {answer.status}{f' ({reason})' if reason else ''}",
            remedy=_remedy(answer.status),
        )


def _address(url: str) -> tuple[str, str, bool]:
    """(Address without credentials, Authorization header or "", whether it is this machine). Raises UsageError."""
    try:
        parts = urllib.parse.urlsplit(url if "://" in url else f"http://{url}")
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except ValueError:  # UnicodeError is one
        host, port, parts = "", None, urllib.parse.urlsplit("")
    odd = any(c.isspace() or c != printable(c) for c in url)
    if not host or odd or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise UsageError("--push: invalid address of a push gateway", remedy="write http://HOST:9091")
    name = f"[{host}]" if ":" in host else host
    base = f"{parts.scheme}://{name}{f':{port}' if port else ''}{urllib.parse.quote(parts.path.rstrip('/'), safe='/%')}"
    authorization = ""
    if parts.username is not None:
        user, password = (urllib.parse.unquote(part or "") for part in (parts.username, parts.password))
        authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return base, authorization, host in ("localhost", "::1") or host.startswith("127.")


def _segment(key: str, value: str) -> str:
    """A grouping label in the path, as base64 if it is empty or has characters with a meaning in a path."""
    shown = one_line(value, 128)
    if _PLAIN.fullmatch(shown):
        return f"/{key}/{shown}"
    return f"/{key}@base64/{base64.urlsafe_b64encode(shown.encode()).decode() or '='}"


def _remedy(code: int) -> str:
    if code in (401, 403):
        return "give user and password in the address: https://USER:PASSWORD@HOST"
    if 300 <= code < 400:
        return "name the address that it points to"
    return "is it a push gateway?" if code in (404, 405) else ""
