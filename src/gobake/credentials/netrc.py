"""netrc as the go command reads it: words between white space, three of which count.

Python's own reader follows other rules about quotes and comments than Go and curl, and refuses what they accept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, kw_only=True)
class Login:
    """User and password for a host, which may carry a port."""

    host: str
    user: str
    password: str


def logins(text: str) -> tuple[Login, ...]:
    """The complete entries (cmd/go/internal/auth, parseNetrc): macros are skipped, and `default` ends the list."""
    found: list[Login] = []
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
                    return tuple(found)
                case "login":
                    user = value
                case "password":
                    password = value
                case "macdef":
                    in_macro = True
            if host and user and password:
                found.append(Login(host=host, user=user, password=password))
                host = user = password = ""
    return tuple(found)


def passwords(text: str) -> tuple[Login, ...]:
    """Every password of the file, also those that Go passes over; with the user where one is known."""
    words = text.split()
    known = {login.password: login for login in logins(text)}
    after = [word for key, word in pairwise(words) if key in ("password", "account")]
    return tuple(known.get(word, Login(host="", user="", password=word)) for word in after)


def with_logins(text: str, added: Iterable[Login]) -> str:
    """The file with further entries, which replace those of the same host.

    Go looks for a host with its port, curl (and so git) for the host alone: an entry with a port is written both ways.
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
