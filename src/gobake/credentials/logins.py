"""Removes logins from addresses in a text."""

from __future__ import annotations

import re

_LOGIN = re.compile(r"(?<=://)[^/\s@'\"]*@")


def without_logins(text: str) -> str:
    """Replace ``https://user:password@host`` by ``https://host``, which may work without a login too."""
    return _LOGIN.sub("", text)
