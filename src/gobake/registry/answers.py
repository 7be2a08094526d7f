"""Parses responses of registries and token servers. Pure; raises Unfit for invalid ones."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

from gobake.foreign import checks
from gobake.foreign.checks import Unfit
from gobake.registry.transport import origin
from gobake.text.printable import one_line

_CHALLENGE = re.compile(r'(?<!\w)(\w{1,40})="([^"]*)"')
_NEXT = re.compile(r'\s*<([^>]+)>\s*;.*rel="?next')
_TOKEN = re.compile(r"[\x21-\x7e]+")
_LONGEST_HEADER = 8192
_LONGEST_TOKEN = 1 << 16


def tags(body: bytes) -> tuple[str, ...]:
    """Return the tags on a page of `tags/list`, without invalid ones, which cannot be requested either."""
    found = []
    for one in checks.items(checks.parsed_object(body).get("tags")):
        try:
            found.append(checks.tag(one))
        except Unfit:
            continue
    return tuple(found)


def next_page(link: str, page: str) -> str:
    """Return the address of the next page, or "". Raises Unfit unless it is of the same list and registry."""
    following = _NEXT.match(link[:_LONGEST_HEADER])
    if not following:
        return ""
    try:
        address: str = urllib.parse.urljoin(page, following[1])
        same = urllib.parse.urlsplit(address).path == urllib.parse.urlsplit(page).path
    except ValueError:
        raise Unfit("names a next page that is no address") from None
    if origin(address) != origin(page) or not same:
        raise Unfit("names a next page elsewhere")
    if address == page:
        raise Unfit("names each page as its own next one")
    return address


def challenge(header: str) -> tuple[str, Mapping[str, str]]:
    """Parse a WWW-Authenticate header: (scheme in lower case, parameters)."""
    scheme, _, rest = header[:_LONGEST_HEADER].strip().partition(" ")
    return scheme.lower(), dict(_CHALLENGE.findall(rest))


def token(body: bytes) -> str:
    """Return the token in a token server's response, or ""."""
    told = checks.parsed_object(body)
    found = told.get("token") or told.get("access_token") or ""
    if not isinstance(found, str) or len(found) > _LONGEST_TOKEN or (found and not _TOKEN.fullmatch(found)):
        raise Unfit("is not a token")
    return str(found)


def said(body: bytes) -> str:
    """Return a registry's error message in parentheses, or ""."""
    try:
        first: list[Any] = checks.items(checks.parsed_object(body).get("errors"))[:1]
        error = checks.mapping(first[0]) if first else {}
    except Unfit:
        return ""
    words = one_line(str(error.get("message") or error.get("code") or ""), 120)
    return f" ({words})" if words else ""
