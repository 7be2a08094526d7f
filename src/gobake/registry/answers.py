"""What registries and their token servers answer, read into values. Pure; raises Unfit for what is none of it."""

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
    """Of a page of `tags/list`. What is no tag cannot be asked for either, and is left out."""
    found = []
    for one in checks.items(checks.parsed_object(body).get("tags")):
        try:
            found.append(checks.tag(one))
        except Unfit:
            continue
    return tuple(found)


def next_page(link: str, page: str) -> str:
    """The address of the page behind this one, "" for none. It belongs to the same list of the same registry."""
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
    """(scheme in lower case, its words) of a WWW-Authenticate header."""
    scheme, _, rest = header[:_LONGEST_HEADER].strip().partition(" ")
    return scheme.lower(), dict(_CHALLENGE.findall(rest))


def token(body: bytes) -> str:
    """Of a token server; "" where it gives none."""
    told = checks.parsed_object(body)
    found = told.get("token") or told.get("access_token") or ""
    if not isinstance(found, str) or len(found) > _LONGEST_TOKEN or (found and not _TOKEN.fullmatch(found)):
        raise Unfit("is not a token")
    return str(found)


def said(body: bytes) -> str:
    """A registry's own words in an error, in brackets; "" where it has none."""
    try:
        first: list[Any] = checks.items(checks.parsed_object(body).get("errors"))[:1]
        error = checks.mapping(first[0]) if first else {}
    except Unfit:
        return ""
    words = one_line(str(error.get("message") or error.get("code") or ""), 120)
    return f" ({words})" if words else ""
