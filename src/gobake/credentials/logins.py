"""Texts with addresses, less the logins in them."""

from __future__ import annotations

import re

_LOGIN = re.compile(r"(?<=://)[^/\s@'\"]*@")


def without_logins(text: str) -> str:
    """``https://user:password@host`` becomes ``https://host``; a build that is given none may still reach the host."""
    return _LOGIN.sub("", text)
