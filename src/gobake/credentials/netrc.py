"""Parses netrc as the go command does.

Python's own parser has other rules for quotes and comments than Go and curl, and refuses files that they accept.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from msgspec import Struct


class Login(Struct, frozen=True, kw_only=True):
    """User and password for a host, which may have a port."""

    host: str
    user: str
    password: str


def logins(text: str) -> tuple[Login, ...]:
    """Return the complete entries, as cmd/go/internal/auth, parseNetrc: without macros, up to `default`."""
    entries: list[Login] = []
    host = user = password = ""
    in_macro = False
    for line in text.split("\n"):
        if in_macro:
            in_macro = bool(line.strip())
            continue
        words = line.split()
        for key, value in zip(words[::2], [*words[1::2], ""], strict=False):
            match key:
                case "machine":
                    host, user, password = value, "", ""
                case "default":
                    return tuple(entries)
                case "login":
                    user = value
                case "password":
                    password = value
                case "macdef":
                    in_macro = True
            if host and user and password:
                entries.append(Login(host=host, user=user, password=password))
                host = user = password = ""
    return tuple(entries)


def passwords(text: str) -> tuple[Login, ...]:
    """Return every password of the file, also those that Go ignores; with the user if known."""
    words = text.split()
    known = {login.password: login for login in logins(text)}
    after = [word for key, word in pairwise(words) if key in ("password", "account")]
    return tuple(known.get(word, Login(host="", user="", password=word)) for word in after)


def with_logins(text: str, added: Iterable[Login]) -> str:
    """Return the file with added entries, which replace those of the same host.

    Go looks for a host with its port, curl (and so git) for the host alone; an entry with a port is written both ways.
    """
    entries: dict[str, Login] = {}
    for login in added:
        for host in dict.fromkeys((login.host, login.host.partition(":")[0])):
            entries.setdefault(host, login)
    if not entries:
        return text
    for login in logins(text):
        entries.setdefault(login.host, login)
    return "".join(f"machine {host} login {e.user} password {e.password}\n" for host, e in entries.items())
